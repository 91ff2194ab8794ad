package rpc

import (
	"context"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
)

// clients is ClientService.
type clients struct {
	whittlev1.UnsafeClientServiceServer

	engine *engine.Engine
}

// CreateSecret implements the rpc.
func (s *clients) CreateSecret(ctx context.Context, m *whittlev1.CreateSecretRequest) (*whittlev1.CreateSecretResponse, error) {
	made, err := s.engine.CreateSecret(ctx, caller.Of(ctx), m.GetClient())
	if err != nil {
		return nil, err
	}
	return &whittlev1.CreateSecretResponse{
		Client: made.Client, Id: made.ID, Secret: made.Secret.Reveal(), Created: toTime(made.Created),
	}, nil
}
