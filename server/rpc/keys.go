package rpc

import (
	"context"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
)

// keys is KeyService.
type keys struct {
	whittlev1.UnsafeKeyServiceServer

	engine *engine.Engine
}

// ListKeys implements the rpc.
func (s *keys) ListKeys(ctx context.Context, _ *whittlev1.ListKeysRequest) (*whittlev1.ListKeysResponse, error) {
	found, err := s.engine.Keys(ctx, caller.Of(ctx))
	if err != nil {
		return nil, err
	}
	since, err := s.engine.LogKeySince(ctx)
	if err != nil {
		return nil, err
	}
	return &whittlev1.ListKeysResponse{Keys: toKeys(found), LogKeySince: toTime(since)}, nil
}

// RotateKey implements the rpc.
func (s *keys) RotateKey(ctx context.Context, m *whittlev1.RotateKeyRequest) (*whittlev1.RotateKeyResponse, error) {
	made, err := s.engine.RotateKey(ctx, caller.Of(ctx), fromDuration(m.GetOverlap()))
	if err != nil {
		return nil, err
	}
	return &whittlev1.RotateKeyResponse{Key: toKey(made)}, nil
}

// RetireKey implements the rpc.
func (s *keys) RetireKey(ctx context.Context, m *whittlev1.RetireKeyRequest) (*whittlev1.RetireKeyResponse, error) {
	now, err := s.engine.RetireKey(ctx, caller.Of(ctx), m.GetId())
	if err != nil {
		return nil, err
	}
	return &whittlev1.RetireKeyResponse{Keys: toKeys(now)}, nil
}

// RevokeKey implements the rpc.
func (s *keys) RevokeKey(ctx context.Context, m *whittlev1.RevokeKeyRequest) (*whittlev1.RevokeKeyResponse, error) {
	now, err := s.engine.RevokeKey(ctx, caller.Of(ctx), m.GetId(), m.GetReason())
	if err != nil {
		return nil, err
	}
	return &whittlev1.RevokeKeyResponse{Keys: toKeys(now)}, nil
}

func toKeys(keys []engine.SigningKey) []*whittlev1.SigningKey {
	out := make([]*whittlev1.SigningKey, len(keys))
	for i, k := range keys {
		out[i] = toKey(k)
	}
	return out
}

func toKey(k engine.SigningKey) *whittlev1.SigningKey {
	return &whittlev1.SigningKey{
		Id: k.ID, Alg: k.Alg, State: keyStates[k.State],
		Created: toTime(k.Created), Active: toTime(k.Active), Retired: toTime(k.Retired), Expires: toTime(k.Expires),
	}
}

var keyStates = map[engine.KeyState]whittlev1.KeyState{
	engine.KeyPublished: whittlev1.KeyState_KEY_STATE_PUBLISHED,
	engine.KeySigning:   whittlev1.KeyState_KEY_STATE_SIGNING,
	engine.KeyRetired:   whittlev1.KeyState_KEY_STATE_RETIRED,
	engine.KeyRevoked:   whittlev1.KeyState_KEY_STATE_REVOKED,
}
