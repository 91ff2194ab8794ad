package main

import "fmt"

// Target is one of the limits that a run is judged by.
type Target struct {
	Name            string
	Measured, Limit float64
	AtLeast         bool // the limit is the least, and not the most
	Unmeasured      bool // what it needs wasn't part of the run
}

func (t Target) missed() bool {
	if t.Unmeasured {
		return false
	}
	if t.AtLeast {
		return t.Measured < t.Limit
	}
	return t.Measured > t.Limit
}

func (t Target) String() string {
	verdict := "ok"
	switch {
	case t.Unmeasured:
		return fmt.Sprintf("target %s measured - limit %.2f not measured", t.Name, t.Limit)
	case t.missed():
		verdict = "MISS"
	}
	return fmt.Sprintf("target %s measured %.3f limit %.2f %s", t.Name, t.Measured, t.Limit, verdict)
}

// judge compares each row with its floor, and works out the targets of which all figures are there.
func (r *Results) judge() {
	for i := range r.Rows {
		if floor := r.find(r.Rows[i].Floor, r.Rows[i].InFlight); floor != nil {
			r.Rows[i].Times = r.Rows[i].times(floor, nil)
		}
	}
	r.judgeOthers()
	r.judgePeers()
	r.judgeRows()
}

// judgeRows holds rows to their floors.
func (r *Results) judgeRows() {
	for _, inFlight := range []int{32, 256} {
		sign, both := r.signatures(inFlight, false), r.signatures(inFlight, true)
		for _, t := range []struct {
			name, row, floor string
			more             []float64 // µs beside the floor, round by round
			limit            float64
		}{
			{"introspection-grpc", introspectGRPC, introspectFloor, nil, 1.25},
			{"introspection-oauth", introspectOAuth, introspectFormFloor, nil, 1.25},
			{"exchange-never-seen", exchangeNew, exchangeFloor, both, 1.3},
			{"exchange-never-seen-but-signed-here", exchangeNewHere, exchangeFloor, both, 1.3},
			{"exchange-outside-never-seen", outsideNew, outsideFloor, both, 1.3},
			{"exchange-seen-before", exchangeSeen, exchangeFloor, sign, 1.5},
			{"exchange-outside-seen-before", outsideSeen, outsideFloor, sign, 1.5},
		} {
			target := Target{Name: fmt.Sprintf("%s-%d", t.name, inFlight), Limit: t.limit}
			if ours, floor := r.find(t.row, inFlight), r.find(t.floor, inFlight); ours != nil && floor != nil {
				r.target(target, ours.times(floor, t.more))
			} else {
				r.unmeasured(target)
			}
		}
		batch := Target{Name: fmt.Sprintf("batch-of-100-us-a-token-%d", inFlight), Limit: 5}
		if ours := r.find(introspectBatch, inFlight); ours != nil {
			r.target(batch, ours.CPU/batchSize)
		} else {
			r.unmeasured(batch)
		}
	}
}

func (r *Results) target(t Target, measured float64) {
	t.Measured = measured
	r.Targets = append(r.Targets, t)
}

// unmeasured says that a target's figures aren't there, unless the run was about others.
func (r *Results) unmeasured(t Target) {
	if t.Unmeasured = true; !r.selected {
		r.Targets = append(r.Targets, t)
	}
}

// judgeOthers works out the targets that aren't of one row and its floor.
func (r *Results) judgeOthers() {
	revoked, applied := Target{Name: "revoked-and-still-active"}, Target{Name: "policy-apply-adds-to-the-slowest-look-ms", Limit: 10}
	if r.Visible.Revoked > 0 {
		r.target(revoked, float64(r.Visible.Late))
	} else {
		r.unmeasured(revoked)
	}
	if len(r.Applied.Rounds) > 0 {
		r.target(applied, r.Applied.adds())
	} else {
		r.unmeasured(applied)
	}
	r.judgeGrown()
}
