package oauth

import (
	"context"
	"time"

	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/scope"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/server/caller"
)

// The grants, by their registered names.
const (
	exchangeGrant          = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693
	clientCredentialsGrant = "client_credentials"                              // RFC 6749 section 4.4
)

// grant decodes one kind of token request and asks the engine.
type grant func(ctx context.Context, f form) (*engine.Issued, error)

// issued is the answer of the token endpoint (RFC 8693 section 2.2.1, RFC 6749 section 5.1). Members
// of ours: txn, the task's id; decision, which names the entry that says why; and its index, if a receipt is asked for.
type issued struct {
	AccessToken     string           `json:"access_token"`
	IssuedTokenType engine.TokenType `json:"issued_token_type,omitzero"`
	TokenType       string           `json:"token_type"`
	ExpiresIn       int64            `json:"expires_in"`
	Scope           string           `json:"scope"`
	Task            string           `json:"txn"`
	Decision        string           `json:"decision"`
	Entry           *uint64          `json:"entry_index,omitzero"`
}

func (w *Wire) token(ctx context.Context, f form) (any, error) {
	name := f.Get("grant_type")
	if name == "" {
		return nil, malformed("grant_type is missing")
	}
	grant, ok := w.grants[name]
	if !ok {
		return nil, engine.Refuse(engine.UnsupportedGrant, "grant", "this grant type is not offered")
	}
	out, err := grant(ctx, f)
	if err != nil {
		return nil, err
	}
	return issued{
		AccessToken: out.AccessToken.Reveal(), IssuedTokenType: out.IssuedTokenType, TokenType: out.TokenType,
		ExpiresIn: int64(out.ExpiresIn.Seconds()), Scope: scope.Join(out.Scope),
		Task: out.Task.String(), Decision: out.Decision, Entry: out.Entry,
	}, nil
}

// wanted is what every grant may be asked for, and may be written wrong.
type wanted struct {
	scope    []string
	lifetime time.Duration
	receipt  bool
}

func (f form) wanted() (a wanted, err error) {
	if a.scope, err = f.scope(); err != nil {
		return a, err
	}
	if a.lifetime, err = f.lifetime(); err != nil {
		return a, err
	}
	a.receipt, err = f.flag("receipt")
	return a, err
}

func (w *Wire) exchange(ctx context.Context, f form) (*engine.Issued, error) {
	want, err := f.wanted()
	if err != nil {
		return nil, err
	}
	return w.engine.Exchange(ctx, caller.Of(ctx), engine.ExchangeRequest{
		SubjectToken:       token.NewSecret(f.Get("subject_token")),
		SubjectTokenType:   engine.TokenType(f.Get("subject_token_type")),
		ActorToken:         token.NewSecret(f.Get("actor_token")),
		ActorTokenType:     engine.TokenType(f.Get("actor_token_type")),
		RequestedTokenType: engine.TokenType(f.Get("requested_token_type")),
		Resource:           f.all("resource"),
		Audience:           f.all("audience"),
		Scope:              want.scope,
		Lifetime:           want.lifetime,
		TaskLabel:          f.Get("task_label"),
		Details:            f.Get("authorization_details") != "",
		Receipt:            want.receipt,
	})
}

func (w *Wire) clientCredentials(ctx context.Context, f form) (*engine.Issued, error) {
	want, err := f.wanted()
	if err != nil {
		return nil, err
	}
	return w.engine.ClientCredentials(ctx, caller.Of(ctx), engine.ClientCredentialsRequest{
		Resource: f.all("resource"), Audience: f.all("audience"), Scope: want.scope, Lifetime: want.lifetime,
		TaskLabel: f.Get("task_label"), Details: f.Get("authorization_details") != "", Receipt: want.receipt,
	})
}
