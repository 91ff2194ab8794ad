package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"
)

// Grown is what a server costs with so many of something.
type Grown struct {
	Axis       string
	Looks      string // the row of introspection
	N          int
	Start      time.Duration // from opening the store to serving
	Heap       int64         // bytes that are live after the start, the ballast included
	Introspect float64       // µs of CPU
	Exchange   float64
	Echo       float64 // of introspection, in the same minute
	Exchanged  float64 // echo of exchange, in the same minute

	IntrospectTimes, ExchangeTimes float64 // what they cost of their echoes, round by round
}

// axis is something that there may be more and more of.
type axis struct {
	name   string
	looks  string // the row of introspection that is measured, and its floor
	floor  string
	counts []int
	policy func(n int) string                                    // with n of it; nil: the usual one
	seed   func(ctx context.Context, folder string, n int) error // writes n of it into the state of a server that is stopped; nil: the policy has it
}

// axes are what grows, up to most live revocations and, for the rest, as far as a run of its kind goes. A run about some rows
// only has the axes that were asked for in the same way.
func (b *bench) axes() []axis {
	all := []axis{
		{name: revocationsAxis, counts: powers(1000, b.mostRevocations), seed: seedRevocations},
		{name: entriesAxis, counts: powers(1000, b.mostEntries), seed: seedEntries},
		{name: opaqueAxis, looks: opaqueCold, floor: opaqueFloor, counts: []int{0, 10_000, 1_000_000}, seed: seedOpaque},
		{name: clientsAxis, counts: []int{10, 100, 1000, 10_000}, policy: withClients},
		{name: scopesAxis, counts: []int{10, 100, 1000}, policy: withScopes},
		{name: rulesAxis, counts: []int{10, 100, 1000, 10_000}, policy: withRules},
	}
	for i := range all {
		if all[i].looks == "" {
			all[i].looks, all[i].floor = introspectGRPC, introspectFloor
		}
	}
	switch {
	case b.selects:
		return slices.DeleteFunc(all, func(a axis) bool { return !b.only.MatchString(a.name) })
	case b.quick || b.against != nil:
		return all[:1]
	default:
		return all
	}
}

// powers is none, and powers of ten from first up to the most.
func powers(first, most int) []int {
	counts := []int{0}
	for n := first; n < most; n *= 10 {
		counts = append(counts, n)
	}
	return append(counts, most)
}

// growth measures a server that starts with none and with more and more of each.
func (b *bench) growth(ctx context.Context) error {
	for _, a := range b.axes() {
		if err := b.along(ctx, &a); err != nil {
			return err
		}
	}
	return nil
}

// along measures one axis. Its ends are what it is judged by: they are measured in turn, the first server still standing beside the
// last, since a machine that others use may be slower in one minute than in the next, and not by the same for every row.
func (b *bench) along(ctx context.Context, a *axis) (err error) {
	counts, rounds := a.counts, 4
	if b.quick {
		counts, rounds = []int{counts[0], counts[len(counts)-1]}, 3
	}
	first, err := b.point(ctx, a, counts[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, first.close()) }()
	var between []Grown
	for _, n := range counts[1 : len(counts)-1] {
		p, err := b.point(ctx, a, n)
		if err != nil {
			return err
		}
		if err := errors.Join(p.measure(ctx), p.measure(ctx), p.close()); err != nil {
			return fmt.Errorf("%d %s: %w", n, a.name, err)
		}
		between = append(between, p.grown())
	}
	last, err := b.point(ctx, a, counts[len(counts)-1])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, last.close()) }()
	for range rounds {
		if err := errors.Join(first.measure(ctx), last.measure(ctx)); err != nil {
			return fmt.Errorf("the ends of %s: %w", a.name, err)
		}
	}
	b.results.Grown = slices.Concat(b.results.Grown, []Grown{first.grown()}, between, []Grown{last.grown()})
	return nil
}

// point is a server that started with so many of something.
type point struct {
	at     Grown
	floor  string // of the introspection
	folder string
	part   *bench
	rows   []row
}

// point starts a server on state that was made for it. The caller closes it.
func (b *bench) point(ctx context.Context, a *axis, n int) (p *point, err error) {
	p = &point{at: Grown{Axis: a.name, Looks: a.looks, N: n}, floor: a.floor}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%d %s: %w", n, a.name, errors.Join(err, p.close()))
		}
	}()
	if p.folder, err = os.MkdirTemp("", "whittle-bench-"); err != nil {
		return p, err
	}
	w, err := a.seeded(ctx, n, p.folder)
	if err != nil {
		return p, err
	}
	server, err := startChild(Setup{Kind: "whittle", Folder: p.folder})
	if err != nil {
		return p, err
	}
	p.at.Start = server.Took
	p.part = &bench{
		warm: 250 * time.Millisecond, round: b.round, window: b.round, whittle: server, floors: b.floors,
		only: regexp.MustCompile("^(" + regexp.QuoteMeta(a.looks) + "|" + regexp.QuoteMeta(exchangeSeen) + ")$"),
	}
	p.part.results.progress = b.results.progress
	if p.part.world, err = w.at(server); err != nil {
		return p, err
	}
	if err := server.settled(ctx); err != nil {
		return p, err
	}
	if p.at.Heap, err = server.live(); err != nil {
		return p, err
	}
	fmt.Fprintf(b.results.progress, "     %d %s: started in %v, %d MiB live\n", n, a.name, p.at.Start.Round(time.Millisecond), p.at.Heap>>20)
	p.rows, err = plan(ctx, p.part.world)
	return p, err
}

// seeded makes state with so many in the folder, by a server that doesn't run any more.
func (a *axis) seeded(ctx context.Context, n int, folder string) (*world, error) {
	first, err := startChild(Setup{Kind: "whittle", Folder: folder})
	if err != nil {
		return nil, err
	}
	text := policy
	if a.policy != nil {
		text = a.policy(n)
	}
	w, err := newWorld(ctx, first, text)
	if err := errors.Join(err, first.stop()); err != nil {
		return nil, err
	}
	if a.seed != nil {
		err = a.seed(ctx, folder, n)
	}
	return w, err
}

// measure measures two rows and their floors once more.
func (p *point) measure(ctx context.Context) error { return p.part.measureAll(ctx, p.rows, every, 32) }

// grown is what was measured so far.
func (p *point) grown() Grown {
	g, r := p.at, &p.part.results
	introspection, exchange := r.find(g.Looks, 32), r.find(exchangeSeen, 32)
	echo, exchanged := r.find(p.floor, 32), r.find(exchangeFloor, 32)
	g.Introspect, g.Exchange, g.Echo, g.Exchanged = introspection.CPU, exchange.CPU, echo.CPU, exchanged.CPU
	g.IntrospectTimes, g.ExchangeTimes = introspection.times(echo, nil), exchange.times(exchanged, nil)
	return g
}

// close ends the server and removes its state.
func (p *point) close() (err error) {
	if p.part != nil {
		err = p.part.whittle.stop()
	}
	if p.folder != "" {
		err = errors.Join(err, os.RemoveAll(p.folder))
	}
	return err
}

// settled waits until the server does nothing of its own accord: its index of the log follows what was seeded.
func (c *child) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	const look = 500 * time.Millisecond
	before, err := c.usage()
	for err == nil {
		select {
		case <-ctx.Done():
			return errors.New("the server doesn't come to rest")
		case <-time.After(look):
		}
		var now Usage
		if now, err = c.usage(); now.CPU-before.CPU < look/20 {
			return err
		}
		before = now
	}
	return err
}
