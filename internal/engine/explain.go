package engine

import (
	"context"
	"errors"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
)

// Entry is one entry of the audit log with its people opened.
type Entry struct {
	audit.Item
	Event audit.Event
}

// Explain finds the entry of a decision and opens what is sealed in it. The caller must hold
// audit.read.
func (e *Engine) Explain(ctx context.Context, caller clientauth.Caller, decision string) (uint64, audit.Event, error) {
	if err := e.require(caller, policy.AuditRead); err != nil {
		return 0, audit.Event{}, err
	}
	index, event, err := e.Log.Find(ctx, decision)
	if errors.Is(err, audit.ErrNotFound) {
		return 0, audit.Event{}, Refuse(NotFound, "no_decision",
			"no entry has this decision id; refusals beyond the first few of a minute are only counted")
	}
	if err != nil {
		return 0, audit.Event{}, unavailable("store", err)
	}
	return index, event, nil
}

// Entries lists the audit log by index, opened. The caller must hold audit.read.
func (e *Engine) Entries(ctx context.Context, caller clientauth.Caller, from uint64, limit int) ([]Entry, error) {
	if err := e.require(caller, policy.AuditRead); err != nil {
		return nil, err
	}
	items, err := e.Log.List(ctx, from, limit)
	if err != nil {
		return nil, unavailable("store", err)
	}
	entries := make([]Entry, 0, len(items))
	for _, item := range items {
		event, err := e.Log.Read(ctx, item.Bytes)
		if err != nil {
			return nil, Fault(err)
		}
		entries = append(entries, Entry{item, event})
	}
	return entries, nil
}
