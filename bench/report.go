package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Results is all that one run found.
type Results struct {
	Machine  Machine
	Versions []string // of what is measured and isn't ours
	Took     string
	Crypto   Crypto
	Rows     []Result
	Visible  visibility
	Paced    []Paced
	Grown    []Grown
	Disk     []Disk
	Applied  Applied
	Peers    []PeerResult
	NoPeers  []string // why a peer wasn't measured
	Targets  []Target

	progress io.Writer // hears of each row
}

// Result is one row at one number in flight.
type Result struct {
	Name, Floor  string
	InFlight     int
	RequestBytes int        // of the message, without headers
	Times        float64    // the floor's CPU
	Measured                // the median of the rounds, by CPU
	Rounds       []Measured // each time that it was measured, in order
}

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

// add takes in one round of a row.
func (r *Results) add(of *row, inFlight int, m Measured) {
	fmt.Fprintf(r.progress, "%3d  %-46s %7.1f µs  %6.0f/s\n", inFlight, of.name, m.CPU, m.Rate)
	result := r.find(of.name, inFlight)
	if result == nil {
		r.Rows = append(r.Rows, Result{Name: of.name, Floor: of.floor, InFlight: inFlight, RequestBytes: len(of.messages[0])})
		result = &r.Rows[len(r.Rows)-1]
	}
	result.Rounds = append(result.Rounds, m)
	byCost := slices.SortedFunc(slices.Values(result.Rounds), func(a, b Measured) int { return cmp.Compare(a.CPU, b.CPU) })
	result.Measured = byCost[(len(byCost)-1)/2]
}

// times is how many times the floor, and what else stands under it, a row costs: the median over the rounds, since a machine that
// others use is faster in one minute than in the next. A row that was measured in other rounds than its floor is held to the
// floor's median.
func (x *Result) times(floor *Result, more float64) float64 {
	if len(x.Rounds) != len(floor.Rounds) {
		return x.CPU / (floor.CPU + more)
	}
	ratios := make([]float64, len(x.Rounds))
	for i := range ratios {
		ratios[i] = x.Rounds[i].CPU / (floor.Rounds[i].CPU + more)
	}
	slices.Sort(ratios)
	return (ratios[(len(ratios)-1)/2] + ratios[len(ratios)/2]) / 2
}

// find is the row's result so far, or nil.
func (r *Results) find(name string, inFlight int) *Result {
	i := slices.IndexFunc(r.Rows, func(x Result) bool { return x.Name == name && x.InFlight == inFlight })
	if i < 0 {
		return nil
	}
	return &r.Rows[i]
}

// judge compares each row with its floor, and works out the targets of which all figures are there.
func (r *Results) judge() {
	for i := range r.Rows {
		if floor := r.find(r.Rows[i].Floor, r.Rows[i].InFlight); floor != nil {
			r.Rows[i].Times = r.Rows[i].times(floor, 0)
		}
	}
	r.judgeOthers()
	r.judgePeers()
	sign, verify := r.Crypto.Sign, r.Crypto.Verify
	for _, inFlight := range []int{32, 256} {
		for _, t := range []struct {
			name, row, floor string
			more, divide     float64 // µs beside the floor; what to divide by where there is no floor
			limit            float64
		}{
			{"introspection-grpc", introspectGRPC, "echo of introspection, gRPC", 0, 0, 1.25},
			{"introspection-oauth", introspectOAuth, "echo of introspection, OAuth form", 0, 0, 1.25},
			{"batch-of-100-us-a-token", introspectBatch, "", 0, batchSize, 5},
			{"exchange-never-seen", exchangeNew, exchangeFloor, verify + sign, 0, 1.3},
			{"exchange-never-seen-but-signed-here", exchangeNewHere, exchangeFloor, verify + sign, 0, 1.3},
			{"exchange-outside-never-seen", outsideNew, exchangeFloor, verify + sign, 0, 1.3},
			{"exchange-seen-before", exchangeSeen, exchangeFloor, sign, 0, 1.5},
			{"exchange-outside-seen-before", outsideSeen, exchangeFloor, sign, 0, 1.5},
		} {
			ours, floor := r.find(t.row, inFlight), r.find(t.floor, inFlight)
			if ours == nil {
				continue
			}
			measured := ours.CPU / t.divide
			if floor != nil {
				measured = ours.times(floor, t.more)
			}
			r.Targets = append(r.Targets, Target{Name: fmt.Sprintf("%s-%d", t.name, inFlight), Measured: measured, Limit: t.limit})
		}
	}
}

// judgeOthers works out the targets that aren't of one row and its floor.
func (r *Results) judgeOthers() {
	if r.Visible.Revoked > 0 {
		r.Targets = append(r.Targets, Target{Name: "revoked-and-still-active", Measured: float64(r.Visible.Late)})
	}
	if r.Applied.Policies > 0 {
		r.Targets = append(r.Targets, Target{Name: "policy-apply-adds-to-the-slowest-look-ms", Measured: ms(r.Applied.adds()), Limit: 10})
	}
	r.judgeGrown()
}

// report prints the table and the targets, and writes both files unless the run was a part only.
func (r *Results) report(out io.Writer, partly bool) error {
	r.judge()
	text := r.text()
	if _, err := io.WriteString(out, text); err != nil || partly {
		return err
	}
	raw, err := json.Marshal(r, json.WithMarshalers(durations()), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	if err := os.WriteFile("results.json", append(raw, '\n'), 0o644); err != nil {
		return err
	}
	if err := r.plotGrown(); err != nil {
		return err
	}
	return os.WriteFile("RESULTS.md", []byte(text), 0o644)
}

// seconds reads what durations wrote.
func seconds() *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(d *jsontext.Decoder, t *time.Duration) error {
		var s float64
		err := json.UnmarshalDecode(d, &s)
		*t = time.Duration(s * float64(time.Second))
		return err
	})
}

// durations writes a duration as seconds.
func durations() *json.Marshalers {
	return json.MarshalToFunc(func(e *jsontext.Encoder, d time.Duration) error {
		return e.WriteToken(jsontext.Float(d.Seconds()))
	})
}

// text is the report, in Markdown.
func (r *Results) text() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "# What a request costs\n\nMade by `go run .` in `bench`; README.md there says what is measured and what is not.\n\n")
	fmt.Fprintf(&b, "%s, %d cores, memory %s, %s, %s, commit %s, %s; took %s.\n\n", m.CPU, m.Cores, m.Memory, m.Kernel, m.Go, m.Commit, m.Date, r.Took)
	fmt.Fprintf(&b, "With %s.\n\n", strings.Join(r.Versions, ", "))
	c := r.Crypto
	fmt.Fprintf(&b, "Bare crypto on one core, sign / verify: ES256 %.1f / %.1f µs (sign with the nonce from key and message, as Whittle does: %.1f), EdDSA %.1f / %.1f µs, RS256 %.1f / %.1f µs.\n\n", c.Sign, c.Verify, c.SignByMessage, c.EdDSASign, c.EdDSAVerify, c.RS256Sign, c.RS256Verify)
	for _, d := range r.Disk {
		fmt.Fprintf(&b, "A bare durable commit shared by %d: %.1f µs of CPU and %.1f µs of time an entry.\n", d.Shared, d.CPU, d.Wall)
	}
	b.WriteString("\n")
	b.WriteString("| in flight | request | bytes | **server CPU µs** | × echo | allocs | requests/s | p50 ms | p99 ms | p99.9 ms | memory MiB | server | generator | others |\n")
	b.WriteString("|--:|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, x := range r.Rows {
		times := ""
		if x.Floor != "" {
			times = fmt.Sprintf("%.2f", x.Times)
		}
		fmt.Fprintf(&b, "| %d | %s | %d | **%.1f** | %s | %.0f | %.0f | %.2f | %.2f | %.2f | %d | %s | %s | %s |\n",
			x.InFlight, x.Name, x.RequestBytes, x.CPU, times, x.Allocs, x.Rate, ms(x.P50), ms(x.P99), ms(x.P999), x.Memory>>20,
			percent(x.ServerUse), percent(x.LoadUse), percent(x.OtherUse))
	}
	b.WriteString("\nThe last three columns are shares of one core.\n\n")
	r.peersText(&b)
	r.others(&b)
	b.WriteString("```\n")
	for _, t := range r.Targets {
		fmt.Fprintln(&b, t)
	}
	b.WriteString("```\n")
	return b.String()
}

// others is what stands beside the rows.
func (r *Results) others(b *strings.Builder) {
	if len(r.Paced) > 0 {
		b.WriteString("At a rate of their own (an open loop; a latency counts from when the request was due):\n\n| request | requests/s | p50 ms | p99 ms | p99.9 ms | most ms |\n|:--|--:|--:|--:|--:|--:|\n")
	}
	for _, p := range r.Paced {
		fmt.Fprintf(b, "| %s | %.0f | %.2f | %.2f | %.2f | %.2f |\n", p.Name, p.Rate, ms(p.P50), ms(p.P99), ms(p.P999), ms(p.Max))
	}
	if v := r.Visible; v.Revoked > 0 {
		fmt.Fprintf(b, "\n%d tokens were revoked, one after the other in each of 32 callers, while 8 others looked at all of them %d times: %d looks that began after a revocation was answered found the token active.\n", v.Revoked, v.Seen, v.Late)
	}
	if a := r.Applied; a.Policies > 0 {
		fmt.Fprintf(b, "\n%d policies were applied, one after the other, while tokens were looked at %.0f times a second: no look failed, p99 %.2f ms, the slowest %.2f ms. Without: p99 %.2f ms, the slowest %.2f ms.\n",
			a.Policies, a.Loaded.Rate, ms(a.Loaded.P99), ms(a.Loaded.Max), ms(a.Quiet.P99), ms(a.Quiet.Max))
	}
	r.grownText(b)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func percent(of float64) string { return fmt.Sprintf("%.0f %%", 100*of) }
