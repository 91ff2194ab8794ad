package oauth

import (
	"context"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/server/caller"
)

// inactive is the whole answer about a token that isn't good for the caller, whatever the reason
// (RFC 7662 section 2.2).
type inactive struct {
	Active bool `json:"active"`
}

// active is the answer about a good one. Members of ours: depth, policy_version and uses_left.
type active struct {
	Active        bool             `json:"active"`
	Scope         string           `json:"scope"`
	ClientID      string           `json:"client_id"`
	TokenType     string           `json:"token_type"`
	Expires       int64            `json:"exp"`
	IssuedAt      int64            `json:"iat"`
	Subject       string           `json:"sub"`
	Audience      []string         `json:"aud"`
	Issuer        string           `json:"iss"`
	ID            token.ID         `json:"jti"`
	Actor         *principal.Actor `json:"act,omitzero"`
	Task          token.ID         `json:"txn"`
	Depth         int              `json:"depth"`
	PolicyVersion uint64           `json:"policy_version"`
	UsesLeft      *uint32          `json:"uses_left,omitzero"`
}

// introspect answers RFC 7662 requests. token_type_hint only orders a search, and there is nothing
// to search for, so it is ignored. Parameters of ours: use_scope and use_action say what the resource server is about
// to let the token do, use_id makes the retry of a counted use free, look asks without using.
func (w *Wire) introspect(ctx context.Context, f form) (any, error) {
	look, err := f.flag("look")
	if err != nil {
		return nil, err
	}
	request := engine.IntrospectRequest{
		Token: token.NewSecret(f.Get("token")), UseID: f.Get("use_id"), Look: look,
		Use: engine.Use{Scope: f.Get("use_scope"), Action: f.Get("use_action")},
	}
	in, err := w.engine.Introspect(ctx, caller.Of(ctx), request)
	if err != nil {
		return nil, err
	}
	if !in.Active {
		return inactive{}, nil
	}
	return engine.Encoded(in, engine.JSONText, textOf)
}

// textOf is the answer about a good token as text, which write takes as it is.
func textOf(in *engine.Introspection) (encoded, error) {
	text, err := json.Marshal(active{
		Active: true, Scope: scope.Join(in.Scope), ClientID: in.ClientID, TokenType: in.TokenType,
		Expires: in.Expires.Unix(), IssuedAt: in.IssuedAt.Unix(), Subject: in.Subject, Audience: in.Audience,
		Issuer: in.Issuer, ID: in.ID, Actor: in.Actor, Task: in.Task, Depth: in.Depth,
		PolicyVersion: in.PolicyVersion, UsesLeft: in.UsesLeft,
	})
	return encoded(text), err
}

// revoke answers RFC 7009 requests: an empty 200 once the token is dead and that is durable.
func (w *Wire) revoke(ctx context.Context, f form) (any, error) {
	return nil, w.engine.RevokeToken(ctx, caller.Of(ctx), token.NewSecret(f.Get("token")))
}
