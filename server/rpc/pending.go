package rpc

import (
	"context"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
)

// errPending is the answer of what the contract has and the engine doesn't yet.
var errPending = engine.Refuse(engine.ServerError, "pending", "this operation is not there yet")

// RotateSecret implements the rpc.
func (s *clients) RotateSecret(context.Context, *whittlev1.RotateSecretRequest) (*whittlev1.RotateSecretResponse, error) {
	return nil, errPending
}

// ListClients implements the rpc.
func (s *clients) ListClients(context.Context, *whittlev1.ListClientsRequest) (*whittlev1.ListClientsResponse, error) {
	return nil, errPending
}

// DisableSecret implements the rpc.
func (s *clients) DisableSecret(context.Context, *whittlev1.DisableSecretRequest) (*whittlev1.DisableSecretResponse, error) {
	return nil, errPending
}

// EnableSecret implements the rpc.
func (s *clients) EnableSecret(context.Context, *whittlev1.EnableSecretRequest) (*whittlev1.EnableSecretResponse, error) {
	return nil, errPending
}

// DeleteSecret implements the rpc.
func (s *clients) DeleteSecret(context.Context, *whittlev1.DeleteSecretRequest) (*whittlev1.DeleteSecretResponse, error) {
	return nil, errPending
}

// GetEntry implements the rpc.
func (s *entries) GetEntry(context.Context, *whittlev1.GetEntryRequest) (*whittlev1.GetEntryResponse, error) {
	return nil, errPending
}
