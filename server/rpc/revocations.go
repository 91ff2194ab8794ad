package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/server/caller"
)

// revocations is RevocationService.
type revocations struct {
	whittlev1.UnsafeRevocationServiceServer

	engine *engine.Engine
}

// RevokeToken implements the rpc.
func (s *revocations) RevokeToken(ctx context.Context, m *whittlev1.RevokeTokenRequest) (*whittlev1.RevokeTokenResponse, error) {
	if err := s.engine.RevokeToken(ctx, caller.Of(ctx), token.NewSecret(m.GetToken())); err != nil {
		return nil, err
	}
	return &whittlev1.RevokeTokenResponse{}, nil
}

// Revoke implements the rpc.
func (s *revocations) Revoke(ctx context.Context, m *whittlev1.RevokeRequest) (*whittlev1.RevokeResponse, error) {
	r, err := s.engine.Revoke(ctx, caller.Of(ctx), engine.RevokeRequest{
		Selector: fromSelector(m.GetSelector()), Block: m.GetBlock(), Reason: m.GetReason(),
	})
	if err != nil {
		return nil, err
	}
	client, issuer := s.engine.Unknown(r.Selector)
	return &whittlev1.RevokeResponse{Revocation: toRevocation(r), UnknownClient: client, UnknownIssuer: issuer}, nil
}

// Unblock implements the rpc.
func (s *revocations) Unblock(ctx context.Context, m *whittlev1.UnblockRequest) (*whittlev1.UnblockResponse, error) {
	r, err := s.engine.Unblock(ctx, caller.Of(ctx), fromSelector(m.GetSelector()))
	if err != nil {
		return nil, err
	}
	return &whittlev1.UnblockResponse{Revocation: toRevocation(r)}, nil
}

// ListRevocations implements the rpc.
func (s *revocations) ListRevocations(ctx context.Context,
	m *whittlev1.ListRevocationsRequest) (*whittlev1.ListRevocationsResponse, error) {
	found, err := s.engine.Revocations(ctx, caller.Of(ctx), m.GetAfter(), page(m.GetPageSize(), defaultPage))
	if err != nil {
		return nil, err
	}
	out := make([]*whittlev1.Revocation, len(found))
	for i, r := range found {
		out[i] = toRevocation(r)
	}
	return &whittlev1.ListRevocationsResponse{Revocations: out}, nil
}

func toRevocation(r engine.Revocation) *whittlev1.Revocation {
	return &whittlev1.Revocation{
		Sequence: r.Seq, Selector: toSelector(r.Selector), Block: r.Block,
		Created: toTime(r.At), Expires: toTime(r.Expires), CreatedBy: r.By, Reason: r.Reason,
	}
}

// toTime is absent for the zero time.
func toTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// fromDuration is nil for one that is absent.
func fromDuration(d *durationpb.Duration) *time.Duration {
	if d == nil {
		return nil
	}
	out := d.AsDuration()
	return &out
}

// fromTime is the zero time for one that is absent.
func fromTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
