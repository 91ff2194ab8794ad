package engine

import (
	"context"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

// operator is whoever has the machine: they can always make a bootstrap credential, so what they do at the
// start of the server is that credential's on the record.
func operator() clientauth.Caller { return clientauth.Caller{ID: policy.Bootstrap} }

// RecordClock puts on the record that the operator had the clock trusted at this start although it had jumped back, if
// so. Nothing is issued before.
func (e *Engine) RecordClock(ctx context.Context) error {
	wall, accepted := e.clock.Accepted()
	if !accepted {
		return nil
	}
	return e.commit(ctx, func(store.Tx) (audit.Entry, error) {
		return e.changed(operator(), audit.KindClock, &audit.Change{Action: audit.ActionAccepted, Wall: wall})
	})
}

// FirstPolicy puts the operator's document to work in a store that has none yet, as version 1. It is
// refused as any other would be, but that an administrator needs no secret yet: the bootstrap
// credential makes it. A policy with problems comes back as in [Engine.ApplyPolicy].
func (e *Engine) FirstPolicy(ctx context.Context, yaml []byte, note string) (Policy, error) {
	req := ApplyRequest{YAML: yaml, Note: note}
	next, err := e.compiled(req)
	if err != nil {
		return Policy{}, err
	}
	if len(next.Administrators()) == 0 {
		return Policy{}, Refuse(Precondition, "no_administrator", "no client of the policy may apply the next one (may: [policy.apply])")
	}
	if err := e.checkNames(next); err != nil {
		return Policy{}, err
	}
	return e.install(ctx, operator(), req, next)
}
