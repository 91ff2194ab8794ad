package rpc

import (
	"context"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
	"github.com/whittle-sts/whittle/server/fault"
)

// policies is PolicyService.
type policies struct {
	whittlev1.UnsafePolicyServiceServer

	engine *engine.Engine
}

// GetPolicy implements the rpc.
func (s *policies) GetPolicy(ctx context.Context, m *whittlev1.GetPolicyRequest) (*whittlev1.GetPolicyResponse, error) {
	p, err := s.engine.Policy(ctx, caller.Of(ctx), m.GetVersion())
	if err != nil {
		return nil, err
	}
	return &whittlev1.GetPolicyResponse{
		Version: p.Version, Yaml: string(p.YAML), Applied: toTime(p.Applied), AppliedBy: p.By, Note: p.Note,
	}, nil
}

// ValidatePolicy implements the rpc.
func (s *policies) ValidatePolicy(ctx context.Context, m *whittlev1.ValidatePolicyRequest) (*whittlev1.ValidatePolicyResponse, error) {
	problems, err := s.engine.ValidatePolicy(ctx, caller.Of(ctx), []byte(m.GetYaml()))
	if err != nil {
		return nil, err
	}
	if problems == nil {
		return &whittlev1.ValidatePolicyResponse{}, nil
	}
	return &whittlev1.ValidatePolicyResponse{Problems: fault.Problems(problems), Text: problems.Error()}, nil
}

// ApplyPolicy implements the rpc. The problems of a document that fails are in the error's details.
func (s *policies) ApplyPolicy(ctx context.Context, m *whittlev1.ApplyPolicyRequest) (*whittlev1.ApplyPolicyResponse, error) {
	p, err := s.engine.ApplyPolicy(ctx, caller.Of(ctx), engine.ApplyRequest{
		YAML: []byte(m.GetYaml()), Expected: m.GetExpectedVersion(), Note: m.GetNote(),
	})
	if err != nil {
		return nil, err
	}
	return &whittlev1.ApplyPolicyResponse{Version: p.Version}, nil
}
