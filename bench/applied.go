package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

// Applied is what requests saw while policies were applied, each time beside the same without.
type Applied struct {
	Policies int // in each round
	Rounds   []AppliedRound
}

// AppliedRound is once without and once with.
type AppliedRound struct{ Quiet, Loaded Paced }

const (
	policiesApplied = 10 // in one window
	appliedRounds   = 5
)

// applied looks at tokens at a third of what a closed loop got, first as ever, then while policies are applied one
// after the other. A failed request fails the run. The slowest of so many looks may be whatever else the machine did, so it is done
// several times.
func (b *bench) applied(ctx context.Context, rows []row) error {
	i := slices.IndexFunc(rows, func(r row) bool { return r.name == introspectGRPC })
	closed := b.results.find(introspectGRPC, 32)
	if i < 0 || closed == nil {
		return nil
	}
	look := func() (Paced, error) {
		l, err := b.load(b.whittle, &rows[i], mostInFlight)
		if err != nil {
			return Paced{}, err
		}
		defer l.wire.Close()
		return l.paced(b.whittle, introspectGRPC, closed.Rate/3, b.window)
	}
	b.results.Applied.Policies = policiesApplied
	for range appliedRounds {
		quiet, err := look()
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() { done <- b.world.apply(ctx, policiesApplied, b.window/(policiesApplied+1)) }()
		loaded, err := look()
		if err := errors.Join(err, <-done); err != nil {
			return err
		}
		b.results.Applied.Rounds = append(b.results.Applied.Rounds, AppliedRound{quiet, loaded})
	}
	return nil
}

// adds is how much longer the slowest look took with policies applied than without, in ms: the median of the rounds.
func (a *Applied) adds() float64 {
	var more []float64
	for _, round := range a.Rounds {
		more = append(more, ms(round.Loaded.Max-round.Quiet.Max))
	}
	return median(more)
}

// apply applies the policy so many times, each with another description, with a pause after each.
func (w *world) apply(ctx context.Context, times int, pause time.Duration) error {
	ctx = w.as(ctx, w.admin)
	policies := whittlev1.NewPolicyServiceClient(w.connection)
	live, err := policies.GetPolicy(ctx, &whittlev1.GetPolicyRequest{})
	if err != nil {
		return err
	}
	version := live.GetVersion()
	for i := range times {
		text := strings.Replace(w.policy, "Run one prediction", "Run one prediction "+string(rune('a'+i)), 1)
		made, err := policies.ApplyPolicy(ctx, &whittlev1.ApplyPolicyRequest{Yaml: text, ExpectedVersion: version})
		if err != nil {
			return err
		}
		version = made.GetVersion()
		time.Sleep(pause)
	}
	return nil
}
