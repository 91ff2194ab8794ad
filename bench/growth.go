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
	N          int
	Limit      float64       // how much more the ratios to the echoes may be at the end of the axis; 0: no target
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
	limit  float64 // how much more the ratio to the echo may be at the end; 0: no target
	counts []int
	policy func(n int) string                                    // with n of it; nil: the usual one
	seed   func(ctx context.Context, folder string, n int) error // writes n of it into the state of a server that is stopped; nil: the policy has it
}

// axes are what grows, up to most live revocations and, for the rest, as far as a run of its kind goes. A run about some rows
// only has the axes that were asked for in the same way.
func (b *bench) axes() []axis {
	all := []axis{
		{name: revocationsAxis, limit: 1.1, counts: powers(1000, b.mostRevocations), seed: seedRevocations},
		{name: "tokens issued, each with its audit entry", limit: 1.1, counts: powers(1000, b.mostEntries), seed: seedEntries},
		{name: "opaque tokens alive", limit: 1.1, counts: powers(1000, 1_000_000), seed: seedOpaque},
		{name: "clients", limit: 1.1, counts: []int{10, 100, 1000, 10_000}, policy: withClients},
		{name: "scopes", limit: 1.1, counts: []int{10, 100, 1000}, policy: withScopes},
		{name: "rules", limit: 1.1, counts: []int{10, 100, 1000, 10_000}, policy: withRules},
	}
	switch {
	case b.selects():
		return slices.DeleteFunc(all, func(a axis) bool { return !b.only.MatchString(a.name) })
	case b.quick || b.partly:
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
		counts, ends := a.counts, 5
		if b.quick {
			counts, ends = []int{counts[0], counts[len(counts)-1]}, 3
		}
		for i, n := range counts {
			rounds := 2
			if i == 0 || i == len(counts)-1 {
				rounds = ends // they are what the axis is judged by
			}
			g, err := b.grown(ctx, &a, n, rounds)
			if err != nil {
				return fmt.Errorf("%d %s: %w", n, a.name, err)
			}
			b.results.Grown = append(b.results.Grown, g)
			fmt.Fprintf(b.results.progress, "     %d %s: started in %v, %d MiB live, introspection %.1f µs, exchange %.1f µs, echo %.1f µs\n",
				n, a.name, g.Start.Round(time.Millisecond), g.Heap>>20, g.Introspect, g.Exchange, g.Echo)
		}
	}
	return nil
}

func (b *bench) grown(ctx context.Context, a *axis, n, rounds int) (g Grown, err error) {
	folder, err := os.MkdirTemp("", "whittle-bench-")
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	first, err := startChild(Setup{Kind: "whittle", Folder: folder})
	if err != nil {
		return g, err
	}
	text := policy
	if a.policy != nil {
		text = a.policy(n)
	}
	w, err := newWorld(ctx, first, text)
	if err := errors.Join(err, first.stop()); err != nil {
		return g, err
	}
	if a.seed != nil {
		if err := a.seed(ctx, folder, n); err != nil {
			return g, err
		}
	}
	server, err := startChild(Setup{Kind: "whittle", Folder: folder})
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	g = Grown{Axis: a.name, N: n, Limit: a.limit, Start: server.Took}
	if w, err = w.at(server); err != nil {
		return g, err
	}
	if err := server.settled(ctx); err != nil {
		return g, err
	}
	if g.Heap, err = server.live(); err != nil {
		return g, err
	}
	return g, b.costs(ctx, w, server, rounds, &g)
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

// costs measures two rows and their floors so many times, and keeps the median of each.
func (b *bench) costs(ctx context.Context, w *world, server *child, rounds int, g *Grown) error {
	part := &bench{warm: 250 * time.Millisecond, window: b.round, round: b.round, world: w, whittle: server, floors: b.floors, only: regexp.MustCompile("^(" + introspectGRPC + "|" + exchangeSeen + ")$")}
	part.results.progress = b.results.progress
	rows, err := plan(ctx, w)
	if err != nil {
		return err
	}
	for range rounds {
		if err := part.measureAll(rows, every, 32); err != nil {
			return err
		}
	}
	introspection, exchange := part.results.find(introspectGRPC, 32), part.results.find(exchangeSeen, 32)
	echo, exchanged := part.results.find("echo of introspection, gRPC", 32), part.results.find(exchangeFloor, 32)
	g.Introspect, g.Exchange, g.Echo, g.Exchanged = introspection.CPU, exchange.CPU, echo.CPU, exchanged.CPU
	g.IntrospectTimes, g.ExchangeTimes = introspection.times(echo, 0), exchange.times(exchanged, 0)
	return nil
}
