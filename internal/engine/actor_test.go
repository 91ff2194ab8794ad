package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

// An actor token speaks for its client or for whom that one wields.
func TestActorTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bot := w.pipeline()
	act := func(actor token.Secret, typ TokenType) ExchangeRequest {
		req := outside(w.ana(), "ai.training.read")
		req.ActorToken, req.ActorTokenType = actor, typ
		return req
	}
	issued := w.trade("agent", act(bot, JWTType))
	claims, _ := w.claims(issued.AccessToken)
	if a := claims.Actor; a.Sub != "ci:repo:example/models:production" || a.ClientID != "agent" || a.Act != nil {
		t.Errorf("act = %+v", a)
	}
	short, err := w.ci.Token("repo:example/models:production", "whittle", map[string]any{
		"repository_owner": "example", "exp": w.clock.now().Add(time.Minute).Unix(),
	})
	w.check(err)
	if issued := w.trade("agent", act(token.NewSecret(short), JWTType)); issued.ExpiresIn != time.Minute {
		t.Errorf("outlives the actor token: %v", issued.ExpiresIn)
	}
	revoked := w.pipeline()
	w.check(w.RevokeToken(context.Background(), w.as("ops"), revoked))
	hers := w.task() // issued to the agent, but for ana
	gateways := w.trade("data-gateway", own(w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken, "ai.prediction.run").at(modelsAPI)).AccessToken
	for name, req := range map[string]ExchangeRequest{
		"somebody whom the client doesn't wield": act(w.person("ben", anasClaims()), JWTType),
		"garbage":                                act(token.NewSecret("x"), JWTType),
		"garbage of ours":                        act(token.NewSecret("x"), AccessTokenType),
		"of the wrong type":                      act(bot, AccessTokenType),
		"revoked":                                act(revoked, JWTType),
		"of ours, issued to the client for somebody": act(hers, AccessTokenType),
		"of ours, issued to another client":          act(gateways, AccessTokenType),
	} {
		if got := answer(w.refusal("agent", req, InvalidRequest)); got != "invalid_request: actor_token is not acceptable" {
			t.Errorf("%s: %s", name, got)
		}
	}
	w.refusal("summarizer", func() ExchangeRequest {
		req := own(w.task(), "ai.training.read")
		req.ActorToken, req.ActorTokenType = bot, JWTType
		return req
	}(), InvalidRequest) // which doesn't wield it
}

// A client may act by a token that it got for itself, and what came of it dies with that token's task.
func TestATokenDescendsFromItsActorTokenToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(w.policy + `  - name: agent itself
    clients: [agent]
    subject: { client: agent }
    resources: [https://data.example.com]
`)
	w.apply(strings.Replace(w.policy, "to: { client: exporter }", "to: [{ client: exporter }, { client: agent }]", 1))
	for name, revoke := range map[string]func(*token.Claims, token.Secret) error{
		"by its task": func(c *token.Claims, _ token.Secret) error { return w.revokeBy(live.OfTask(c.Task)) },
		"by its id":   func(c *token.Claims, _ token.Secret) error { return w.revokeBy(live.OfToken(c.ID)) },
		"by itself": func(_ *token.Claims, actor token.Secret) error {
			return w.RevokeToken(context.Background(), w.as("agent"), actor)
		},
		"by its actor": func(*token.Claims, token.Secret) error { return w.revokeBy(live.OfSubject(principal.Client("agent"))) },
	} {
		actor, err := w.ClientCredentials(context.Background(), w.as("agent"), ClientCredentialsRequest{Resource: []string{dataAPI}, Scope: []string{"ai.training.read"}})
		w.check(err)
		req := outside(w.ana(), "ai.training.read")
		req.ActorToken, req.ActorTokenType = actor.AccessToken, AccessTokenType
		task := w.trade("agent", req).AccessToken
		child := w.trade("summarizer", own(task, "ai.training.read").at(dataAPI)).AccessToken
		claims, _ := w.claims(actor.AccessToken)
		if act, _ := w.claims(task); act.Actor.Sub != "agent" || act.Actor.ClientID != "" || act.Actor.Act != nil {
			t.Errorf("act = %+v", act.Actor)
		}
		if !w.look("data-gateway", child).Active {
			t.Fatal("inactive from the start")
		}
		w.check(revoke(claims, actor.AccessToken))
		if w.look("data-gateway", child).Active {
			t.Errorf("revoked %s: the child is active", name)
		}
		w.refusal("agent", own(task, "ai.training.read").at(dataAPI), InvalidRequest)
	}
}

func TestMayActIsEnforcedOnEveryPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := func(members map[string]any) token.Secret {
		further := anasClaims()
		further["may_act"] = members
		return w.person("ana", further)
	}
	const pipeline = "repo:example/models:production"
	for name, tc := range map[string]struct {
		may   map[string]any
		actor bool
		ok    bool
	}{
		"the client, by our issuer":             {map[string]any{"iss": self, "sub": "agent"}, false, true},
		"the client, by another issuer":         {map[string]any{"iss": "https://other.example.com", "sub": "agent"}, false, false},
		"the client, by no issuer":              {map[string]any{"sub": "agent"}, false, false},
		"another client":                        {map[string]any{"iss": self, "sub": "summarizer"}, false, false},
		"the actor, by its issuer":              {map[string]any{"iss": w.ci.URL, "sub": pipeline}, true, true},
		"the actor, by the subject's issuer":    {map[string]any{"sub": pipeline}, true, false},
		"the actor, who isn't there":            {map[string]any{"iss": w.ci.URL, "sub": pipeline}, false, false},
		"the client, though an actor is there":  {map[string]any{"iss": self, "sub": "agent"}, true, false},
		"the client and a member not known":     {map[string]any{"iss": self, "sub": "agent", "email": "x"}, false, false},
		"the client, its id, and our issuer":    {map[string]any{"iss": self, "sub": "agent", "client_id": "agent"}, false, true},
		"the client, another id and our issuer": {map[string]any{"iss": self, "sub": "agent", "client_id": "x"}, false, false},
	} {
		req := outside(who(tc.may), "ai.training.read")
		if tc.actor {
			req.ActorToken, req.ActorTokenType = w.pipeline(), JWTType
		}
		_, err := w.Exchange(context.Background(), w.as("agent"), req)
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
