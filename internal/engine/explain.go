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
func (e *Engine) Explain(ctx context.Context, caller clientauth.Caller, decision string) (uint64, audit.Event, error) {
	if err := e.require(caller, policy.AuditRead); err != nil {
		return 0, audit.Event{}, err
	}
	index, event, err := e.log.Find(ctx, decision)
	if errors.Is(err, audit.ErrNotFound) {
		return 0, audit.Event{}, Refuse(NotFound, "no_decision",
			"no entry has this decision id; refusals beyond the first few of a minute are only counted")
	}
	if errors.Is(err, audit.ErrDropped) {
		return 0, audit.Event{}, errDropped()
	}
	if err != nil {
		return 0, audit.Event{}, unavailable("store", err)
	}
	return index, event, nil
}
