package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

// Applied is what requests saw while policies were applied, beside the same without.
type Applied struct {
	Policies      int
	Quiet, Loaded Paced
}

// policiesApplied is how many policies are applied in one window.
const policiesApplied = 10

// applied looks at tokens at a third of what a closed loop got, first as ever, then while policies are applied one
// after the other. A failed request fails the run.
func (b *bench) applied(ctx context.Context, rows []row) (err error) {
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
		return l.paced(introspectGRPC, closed.Rate/3, b.window)
	}
	a := &b.results.Applied
	a.Policies = policiesApplied
	if a.Quiet, err = look(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- b.world.apply(ctx, policiesApplied, b.window/(policiesApplied+1)) }()
	a.Loaded, err = look()
	return errors.Join(err, <-done)
}

// apply applies the policy so many times, each with another description, with a pause after each.
func (w *world) apply(ctx context.Context, times int, pause time.Duration) error {
	ctx = w.as(ctx, w.admin)
	policies := whittlev1.NewPolicyServiceClient(w.connection)
	version := uint64(1) // newWorld applied the first
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
