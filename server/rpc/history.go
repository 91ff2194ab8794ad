package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/server/caller"
)

// ListPolicies implements the rpc.
func (s *policies) ListPolicies(ctx context.Context, m *whittlev1.ListPoliciesRequest) (*whittlev1.ListPoliciesResponse, error) {
	found, next, err := s.engine.Policies(ctx, caller.Of(ctx), page(m.GetPageSize(), defaultPage), m.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := make([]*whittlev1.PolicyVersion, len(found))
	for i, p := range found {
		digest := sha256.Sum256(p.YAML)
		out[i] = &whittlev1.PolicyVersion{
			Version: p.Version, Applied: toTime(p.Applied), AppliedBy: p.By, Note: p.Note, Digest: hex.EncodeToString(digest[:]),
		}
	}
	return &whittlev1.ListPoliciesResponse{Versions: out, NextPageToken: next}, nil
}

// DiffPolicy implements the rpc.
func (s *policies) DiffPolicy(ctx context.Context, m *whittlev1.DiffPolicyRequest) (*whittlev1.DiffPolicyResponse, error) {
	request := engine.DiffRequest{From: m.GetFrom(), To: m.GetVersion()}
	if document, ok := m.GetTo().(*whittlev1.DiffPolicyRequest_Yaml); ok {
		request.YAML = append([]byte{}, document.Yaml...)
	}
	found, err := s.engine.DiffPolicy(ctx, caller.Of(ctx), request)
	if err != nil {
		return nil, err
	}
	out := make([]*whittlev1.PolicyDifference, len(found.Items))
	for i, d := range found.Items {
		out[i] = &whittlev1.PolicyDifference{
			Section: d.Section, Name: d.Name, Kind: changes[d.Change], Removed: d.Removed, Added: d.Added,
		}
	}
	return &whittlev1.DiffPolicyResponse{Unified: found.Unified, Differences: out}, nil
}

// RollbackPolicy implements the rpc.
func (s *policies) RollbackPolicy(ctx context.Context, m *whittlev1.RollbackPolicyRequest) (*whittlev1.RollbackPolicyResponse, error) {
	p, err := s.engine.RollbackPolicy(ctx, caller.Of(ctx), engine.RollbackRequest{
		Version: m.GetVersion(), Expected: m.GetExpectedVersion(), Note: m.GetNote(),
	})
	if err != nil {
		return nil, err
	}
	return &whittlev1.RollbackPolicyResponse{Version: p.Version}, nil
}

var changes = map[policy.Change]whittlev1.DifferenceKind{
	policy.Added:   whittlev1.DifferenceKind_DIFFERENCE_KIND_ADDED,
	policy.Removed: whittlev1.DifferenceKind_DIFFERENCE_KIND_REMOVED,
	policy.Changed: whittlev1.DifferenceKind_DIFFERENCE_KIND_CHANGED,
	policy.Moved:   whittlev1.DifferenceKind_DIFFERENCE_KIND_MOVED,
}
