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
	made, err := s.engine.CreateSecret(ctx, caller.Of(ctx), m.GetClient(), m.GetLifetime().AsDuration())
	if err != nil {
		return nil, err
	}
	return &whittlev1.CreateSecretResponse{
		Client: made.Client, Id: made.ID, Secret: made.Secret.Reveal(), Created: toTime(made.Created), Expires: toTime(made.Expires),
	}, nil
}

// RotateSecret implements the rpc.
func (s *clients) RotateSecret(ctx context.Context, m *whittlev1.RotateSecretRequest) (*whittlev1.RotateSecretResponse, error) {
	made, earlier, err := s.engine.RotateSecret(ctx, caller.Of(ctx), m.GetClient(), m.GetOverlap().AsDuration())
	if err != nil {
		return nil, err
	}
	return &whittlev1.RotateSecretResponse{
		Client: made.Client, Id: made.ID, Secret: made.Secret.Reveal(), Created: toTime(made.Created), Earlier: toSecrets(earlier),
	}, nil
}

// ListClients implements the rpc.
func (s *clients) ListClients(ctx context.Context, m *whittlev1.ListClientsRequest) (*whittlev1.ListClientsResponse, error) {
	found, next, err := s.engine.Clients(ctx, caller.Of(ctx), m.GetClient(), page(m.GetPageSize(), defaultPage), m.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := make([]*whittlev1.Client, len(found))
	for i, c := range found {
		out[i] = &whittlev1.Client{
			Id: c.ID, Ceiling: c.Ceiling, Serves: c.Serves, Secrets: toSecrets(c.Secrets), Blocked: c.Blocked,
		}
		for _, p := range c.May {
			out[i].May = append(out[i].May, string(p))
		}
	}
	return &whittlev1.ListClientsResponse{Clients: out, NextPageToken: next}, nil
}

// DisableSecret implements the rpc.
func (s *clients) DisableSecret(ctx context.Context, m *whittlev1.DisableSecretRequest) (*whittlev1.DisableSecretResponse, error) {
	now, err := s.engine.DisableSecret(ctx, caller.Of(ctx), m.GetClient(), m.GetId())
	if err != nil {
		return nil, err
	}
	return &whittlev1.DisableSecretResponse{Secrets: toSecrets(now)}, nil
}

// EnableSecret implements the rpc.
func (s *clients) EnableSecret(ctx context.Context, m *whittlev1.EnableSecretRequest) (*whittlev1.EnableSecretResponse, error) {
	now, err := s.engine.EnableSecret(ctx, caller.Of(ctx), m.GetClient(), m.GetId())
	if err != nil {
		return nil, err
	}
	return &whittlev1.EnableSecretResponse{Secrets: toSecrets(now)}, nil
}

// DeleteSecret implements the rpc.
func (s *clients) DeleteSecret(ctx context.Context, m *whittlev1.DeleteSecretRequest) (*whittlev1.DeleteSecretResponse, error) {
	now, err := s.engine.DeleteSecret(ctx, caller.Of(ctx), m.GetClient(), m.GetId())
	if err != nil {
		return nil, err
	}
	return &whittlev1.DeleteSecretResponse{Secrets: toSecrets(now)}, nil
}

func toSecrets(secrets []engine.ClientSecret) []*whittlev1.ClientSecret {
	out := make([]*whittlev1.ClientSecret, len(secrets))
	for i, c := range secrets {
		out[i] = &whittlev1.ClientSecret{
			Id: c.ID, Created: toTime(c.Created), Expires: toTime(c.Expires), Disabled: c.Disabled,
			LastUsed: toTime(c.LastUsed), Usable: c.Usable,
		}
	}
	return out
}
