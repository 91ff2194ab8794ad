package engine

import (
	"context"
	"errors"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
)

// Explain finds the entry of a decision and opens what is sealed in it. The caller must hold
// audit.read.
func (e *Engine) Explain(ctx context.Context, caller clientauth.Caller, decision string) (audit.Opened, error) {
	if err := e.require(caller, policy.AuditRead); err != nil {
		return audit.Opened{}, err
	}
	found, err := e.Log.Find(ctx, decision)
	if errors.Is(err, audit.ErrNotFound) {
		return audit.Opened{}, Refuse(NotFound, "no_decision",
			"no entry has this decision id; refusals beyond the first few of a minute are only counted")
	}
	if err != nil {
		return audit.Opened{}, unavailable("store", err)
	}
	return found, nil
}

// Entries lists the audit log by index, opened. The caller must hold audit.read.
func (e *Engine) Entries(ctx context.Context, caller clientauth.Caller, from uint64, limit int) ([]audit.Opened, error) {
	if err := e.require(caller, policy.AuditRead); err != nil {
		return nil, err
	}
	entries, err := e.Log.List(ctx, from, limit)
	if err != nil {
		return nil, unavailable("store", err)
	}
	return entries, nil
}
