package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// inTurn measures the rows that targets are about, each as often as its floor, then the others: a hundred thousand tokens that are
// looked at once are a hundred thousand counts for the record, which the server writes a minute later, on top of whatever is
// measured then. For the same reason each turn begins when the server has come to rest.
func (b *bench) inTurn(ctx context.Context, rows []row) error {
	judged := func(r *row) bool { return !r.long }
	other := func(r *row) bool { return r.long }
	type turn struct {
		part     func(*row) bool
		inFlight int
	}
	turns := slices.Repeat([]turn{{judged, 32}, {judged, 256}}, b.rounds)
	if !b.quick {
		turns = append(turns, turn{other, 32}, turn{other, 256}, turn{every, 1})
	}
	for _, t := range turns {
		if err := b.whittle.settled(ctx); err != nil {
			return err
		}
		if err := b.results.addBare(t.inFlight); err != nil {
			return err
		}
		if err := b.measureAll(ctx, rows, t.part, t.inFlight); err != nil {
			return err
		}
	}
	return nil
}

// every row is a part.
func every(*row) bool { return true }

// measureAll measures those of the rows that are a part and were asked for.
func (b *bench) measureAll(ctx context.Context, rows []row, part func(*row) bool, inFlight int) error {
	rate := 0.0
	least := 2_000.0 // a second: what a row of its own has tokens for, beyond the warm-up
	if inFlight > 1 {
		least = 12_000
	}
	for _, r := range rows {
		if !part(&r) || !b.wanted(rows, &r) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.once {
			// About as many as the row before used, of which all but one kind are cheaper; with fewer its window is shorter.
			made, err := r.more(int(max(rate, least) * (b.warm + b.windowOf(&r)).Seconds()))
			if err != nil {
				return fmt.Errorf("%s: making tokens: %w", r.name, err)
			}
			r.messages = made
		}
		m, err := b.measure(&r, inFlight)
		if err != nil {
			return fmt.Errorf("%s, %d in flight: %w", r.name, inFlight, err)
		}
		rate = m.Rate
	}
	return nil
}

// wanted says whether the row was asked for, or is the floor of one that was.
func (b *bench) wanted(rows []row, r *row) bool {
	return b.only.MatchString(r.name) || slices.ContainsFunc(rows, func(on row) bool {
		return on.floor == r.name && b.only.MatchString(on.name)
	})
}

func (b *bench) measure(r *row, inFlight int) (Measured, error) {
	server := b.whittle
	if r.floor == "" && !r.alone {
		server = b.floors
	}
	l, err := b.load(server, r, inFlight)
	if err != nil {
		return Measured{}, err
	}
	defer l.wire.Close()
	m, err := l.run(server, b.profileOf(r, inFlight))
	if err == nil {
		b.results.add(r, inFlight, m)
	}
	return m, err
}

func (b *bench) profileOf(r *row, inFlight int) string {
	if b.profiles == "" {
		return ""
	}
	name := strings.NewReplacer(" ", "-", ",", "").Replace(r.name)
	return filepath.Join(b.profiles, fmt.Sprintf("%s-%d.pprof", name, inFlight))
}

// windowOf is for how long the row is measured at a time.
func (b *bench) windowOf(r *row) time.Duration {
	if r.long {
		return b.window
	}
	return b.round
}

// load is the row's load on the server.
func (b *bench) load(server *child, r *row, inFlight int) (*load, error) {
	l := &load{
		requests: r.messages, once: r.once, bearers: r.bearers,
		inFlight: inFlight, warm: b.warm, window: b.windowOf(r),
	}
	authorization := b.world.basic(r.client)
	if r.wire == overGRPC {
		at := server.GRPC
		if r.tuned {
			at = server.Tuned
		}
		var err error
		l.wire, err = dialGRPC(at, r.method, authorization)
		return l, err
	}
	contentType := map[string]string{
		overForm: formType, overConnect: "application/json", overBinary: "application/proto", overWeb: "application/grpc-web+proto",
	}[r.wire]
	h := &httpWire{server.HTTP, r.method, contentType, authorization}
	l.wire, l.requests = h, nil
	for _, body := range r.messages {
		l.requests = append(l.requests, h.request(body))
	}
	return l, nil
}
