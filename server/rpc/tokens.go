package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/server/caller"
)

// tokens is TokenService.
type tokens struct {
	whittlev1.UnsafeTokenServiceServer // a method that is missing doesn't compile

	engine *engine.Engine
}

// Exchange implements the rpc.
func (s *tokens) Exchange(ctx context.Context, m *whittlev1.ExchangeRequest) (*whittlev1.ExchangeResponse, error) {
	lifetime, err := lifetimeOf(m.GetLifetime())
	if err != nil {
		return nil, err
	}
	issued, err := s.engine.Exchange(ctx, caller.Of(ctx), engine.ExchangeRequest{
		SubjectToken:       token.NewSecret(m.GetSubjectToken()),
		SubjectTokenType:   fromTokenType(m.GetSubjectTokenType()),
		ActorToken:         token.NewSecret(m.GetActorToken()),
		ActorTokenType:     fromTokenType(m.GetActorTokenType()),
		RequestedTokenType: fromTokenType(m.GetRequestedTokenType()),
		Resource:           m.GetResource(),
		Audience:           m.GetAudience(),
		Scope:              m.GetScope(),
		Lifetime:           lifetime,
		TaskLabel:          m.GetTaskLabel(),
		Details:            m.GetAuthorizationDetails() != "",
		Receipt:            m.GetReceipt(),
	})
	if err != nil {
		return nil, err
	}
	return &whittlev1.ExchangeResponse{Token: toIssued(issued)}, nil
}

// ClientCredentials implements the rpc.
func (s *tokens) ClientCredentials(ctx context.Context,
	m *whittlev1.ClientCredentialsRequest) (*whittlev1.ClientCredentialsResponse, error) {
	lifetime, err := lifetimeOf(m.GetLifetime())
	if err != nil {
		return nil, err
	}
	issued, err := s.engine.ClientCredentials(ctx, caller.Of(ctx), engine.ClientCredentialsRequest{
		Resource: m.GetResource(), Audience: m.GetAudience(), Scope: m.GetScope(),
		Lifetime: lifetime, TaskLabel: m.GetTaskLabel(), Details: m.GetAuthorizationDetails() != "", Receipt: m.GetReceipt(),
	})
	if err != nil {
		return nil, err
	}
	return &whittlev1.ClientCredentialsResponse{Token: toIssued(issued)}, nil
}

func toIssued(i *engine.Issued) *whittlev1.IssuedToken {
	return &whittlev1.IssuedToken{
		AccessToken:     i.AccessToken.Reveal(),
		IssuedTokenType: toTokenType(i.IssuedTokenType),
		TokenType:       i.TokenType,
		ExpiresIn:       durationpb.New(i.ExpiresIn),
		Scope:           i.Scope,
		Task:            i.Task.String(),
		Decision:        i.Decision,
		EntryIndex:      i.Entry,
	}
}

// lifetimeOf is a wished-for lifetime; 0: none was wished for, which isn't the same as none at all.
func lifetimeOf(d *durationpb.Duration) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	if wish := d.AsDuration(); d.IsValid() && wish > 0 {
		return wish, nil
	}
	return 0, engine.Refuse(engine.InvalidRequest, "shape", "lifetime is not positive")
}

// fromTokenType is the identifier of the enum's value. One that this version doesn't know becomes a
// type that the engine doesn't take, and never the default.
func fromTokenType(t whittlev1.TokenType) engine.TokenType {
	switch t {
	case whittlev1.TokenType_TOKEN_TYPE_UNSPECIFIED:
		return ""
	case whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN:
		return engine.AccessTokenType
	case whittlev1.TokenType_TOKEN_TYPE_JWT:
		return engine.JWTType
	case whittlev1.TokenType_TOKEN_TYPE_ID_TOKEN:
		return engine.IDTokenType
	default:
		return "(unknown)"
	}
}

func toTokenType(t engine.TokenType) whittlev1.TokenType {
	switch t {
	case engine.AccessTokenType:
		return whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN
	case engine.JWTType:
		return whittlev1.TokenType_TOKEN_TYPE_JWT
	case engine.IDTokenType:
		return whittlev1.TokenType_TOKEN_TYPE_ID_TOKEN
	default:
		return whittlev1.TokenType_TOKEN_TYPE_UNSPECIFIED
	}
}
