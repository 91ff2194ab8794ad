package rpc

import (
	"context"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
)

// errPending is the answer of what the contract has and the engine doesn't yet.
var errPending = engine.Refuse(engine.ServerError, "pending", "this operation is not there yet")

// GetEntry implements the rpc.
func (s *entries) GetEntry(context.Context, *whittlev1.GetEntryRequest) (*whittlev1.GetEntryResponse, error) {
	return nil, errPending
}
