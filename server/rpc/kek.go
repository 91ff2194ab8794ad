package rpc

import (
	"context"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server/caller"
)

// GetKeyEncryptionKey implements the rpc.
func (s *keys) GetKeyEncryptionKey(ctx context.Context,
	_ *whittlev1.GetKeyEncryptionKeyRequest) (*whittlev1.GetKeyEncryptionKeyResponse, error) {
	id, resealing, err := s.engine.KeyEncryptionKey(ctx, caller.Of(ctx))
	if err != nil {
		return nil, err
	}
	return &whittlev1.GetKeyEncryptionKeyResponse{Id: id, Resealing: resealing}, nil
}

// RotateKeyEncryptionKey implements the rpc.
func (s *keys) RotateKeyEncryptionKey(ctx context.Context,
	_ *whittlev1.RotateKeyEncryptionKeyRequest) (*whittlev1.RotateKeyEncryptionKeyResponse, error) {
	id, previous, err := s.engine.RotateKeyEncryptionKey(ctx, caller.Of(ctx))
	if err != nil {
		return nil, err
	}
	return &whittlev1.RotateKeyEncryptionKeyResponse{Id: id, Previous: previous}, nil
}

// RotateLogKey implements the rpc.
func (s *keys) RotateLogKey(ctx context.Context, _ *whittlev1.RotateLogKeyRequest) (*whittlev1.RotateLogKeyResponse, error) {
	verifier, previous, err := s.engine.RotateLogKey(ctx, caller.Of(ctx))
	if err != nil {
		return nil, err
	}
	return &whittlev1.RotateLogKeyResponse{VerifierKey: verifier, Previous: previous}, nil
}
