package rpc

import (
	"context"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
)

// entries is AuditService.
type entries struct {
	whittlev1.UnsafeAuditServiceServer

	engine *engine.Engine
}

// ListEntries implements the rpc.
func (s *entries) ListEntries(ctx context.Context, m *whittlev1.ListEntriesRequest) (*whittlev1.ListEntriesResponse, error) {
	found, err := s.engine.Entries(ctx, caller.Of(ctx), engine.EntriesRequest{
		Filter: fromFilter(m.GetFilter()), From: m.From, NewestFirst: m.GetNewestFirst(),
		Limit: page(m.GetPageSize(), entriesPage), Page: m.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	out := make([]*whittlev1.AuditEntry, len(found.Entries))
	for i, e := range found.Entries {
		out[i] = toEntry(e)
	}
	return &whittlev1.ListEntriesResponse{Entries: out, NextPageToken: found.Next, Reached: found.Reached}, nil
}

// GetEntry implements the rpc.
func (s *entries) GetEntry(ctx context.Context, m *whittlev1.GetEntryRequest) (*whittlev1.GetEntryResponse, error) {
	found, err := s.engine.Entry(ctx, caller.Of(ctx), m.GetIndex())
	if err != nil {
		return nil, err
	}
	return &whittlev1.GetEntryResponse{Entry: toEntry(found)}, nil
}

func fromFilter(m *whittlev1.EntryFilter) engine.EntryFilter {
	return engine.EntryFilter{
		Filter: audit.Filter{
			After: fromTime(m.GetAfter()), Before: fromTime(m.GetBefore()),
			Client: m.GetClient(), Task: m.GetTask(), Token: m.GetTokenId(), Scope: m.GetScope(), Resource: m.GetResource(),
			Kind: audit.Kind(m.GetKind()), Outcome: audit.Outcome(m.GetOutcome()), Reason: m.GetReason(), Rule: m.GetRule(),
			Policy: m.GetPolicyVersion(), Decision: m.GetDecision(),
		},
		Subject: m.GetSubject(),
	}
}

// Explain implements the rpc.
func (s *entries) Explain(ctx context.Context, m *whittlev1.ExplainRequest) (*whittlev1.ExplainResponse, error) {
	index, e, err := s.engine.Explain(ctx, caller.Of(ctx), m.GetDecision())
	if err != nil {
		return nil, err
	}
	return &whittlev1.ExplainResponse{
		Decision: e.Decision, Index: index, Time: toTime(e.Time), Kind: string(e.Kind), Outcome: string(e.Outcome),
		Reason: e.Reason, Detail: e.Detail, Removed: toRemovals(e.Removed), Client: e.Client, Rule: e.Rule,
		PolicyVersion: e.Policy, People: toPeople(e.People),
	}, nil
}

func toEntry(e engine.Entry) *whittlev1.AuditEntry {
	out := &whittlev1.AuditEntry{Index: e.Index, Sealed: e.Bytes, LeafHash: e.Leaf[:], People: toPeople(e.People)}
	if rest := e.Dropped; rest.Class != "" {
		out.Dropped, out.DroppedDecision, out.DroppedTime = string(rest.Class), rest.Decision, toTime(rest.Time())
	}
	return out
}

func toPeople(people []audit.Person) []*whittlev1.AuditPerson {
	out := make([]*whittlev1.AuditPerson, len(people))
	for i, p := range people {
		out[i] = &whittlev1.AuditPerson{Role: string(p.Role), Issuer: p.Issuer, Subject: p.Subject, Erased: p.Erased, Bindings: p.Bindings}
	}
	return out
}

func toRemovals(removed []audit.Removal) []*whittlev1.Removal {
	out := make([]*whittlev1.Removal, len(removed))
	for i, r := range removed {
		out[i] = &whittlev1.Removal{Scope: r.Scope, Resource: r.Resource, By: r.By, Name: r.Name}
	}
	return out
}
