package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
)

// bots lets the agent wield the principals of a group of ci, and ask for itself.
func (w *world) bots() {
	w.apply(strings.NewReplacer(
		`accept_when: claims.repository_owner == "example"`, `groups: claims.groups`,
		`wields: { issuer: ci } }`, `wields: { issuer: ci, group: bots } }`,
		`  - { name: export, role: exporter, to: { client: exporter } }`,
		"  - { name: export, role: exporter, to: { client: exporter } }\n  - { name: agent, role: exporter, to: { client: agent } }",
		"  - name: export\n", "  - name: agent for itself\n    clients: [agent]\n    subject: { client: agent }\n    resources: [https://data.example.com]\n    max_lifetime: 24h\n  - name: export\n",
	).Replace(w.policy))
}

// actedIn is a token for ana in which the actor token's principal acts.
func (w *world) actedIn(actor token.Secret, kind TokenType) (child token.Secret, again func() error) {
	req := outside(w.ana(), "ai.training.read").at(dataAPI)
	req.ActorToken, req.ActorTokenType = actor, kind
	child = w.trade("agent", req).AccessToken
	if !w.look("data-gateway", child).Active {
		w.t.Fatal("it never lived")
	}
	return child, func() error {
		_, err := w.Exchange(context.Background(), w.as("agent"), req)
		return err
	}
}

// ends says that the selector ends the child, and whatever it could be traded for.
func (w *world) ends(s live.Selector, child token.Secret, again func() error) {
	w.t.Helper()
	w.endsBy(RevokeRequest{Selector: s}, child, again)
}

func (w *world) endsBy(req RevokeRequest, child token.Secret, again func() error) {
	w.t.Helper()
	_, err := w.Revoke(context.Background(), w.as("ops"), req)
	w.check(err)
	if again() == nil {
		w.t.Errorf("revoked %s: the actor token still acts", req.Selector)
	}
	if w.look("data-gateway", child).Active {
		w.t.Errorf("revoked %s: what it acted in is active", req.Selector)
	}
	w.refusal("agent", own(child, "ai.training.read").at(dataAPI), InvalidRequest)
}

func TestWhatEndsAnOutsideActorTokenEndsWhatItActedIn(t *testing.T) {
	t.Parallel()
	for _, kind := range []live.Kind{live.Key, live.Group, live.Issuer, live.Subject, live.Token} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bots()
			text, err := w.ci.Token("bot", "whittle", map[string]any{"groups": []string{"bots"}})
			w.check(err)
			x := &exchange{engine: w.Engine, view: w.image.View()}
			out, who, err := x.verifyOutside(context.Background(), "actor_token", token.NewSecret(text), JWTType)
			w.check(err)
			child, again := w.actedIn(token.NewSecret(text), JWTType)
			w.ends(map[live.Kind]live.Selector{
				live.Key: live.OfKey(outsideKey(out)), live.Group: live.OfGroup("ci", "bots"), live.Issuer: live.OfIssuer("ci"),
				live.Subject: live.OfSubject(who.ID), live.Token: live.OfToken(out.ID),
			}[kind], child, again)
		})
	}
}

func TestWhatEndsAnActorTokenOfOursEndsWhatItActedIn(t *testing.T) {
	t.Parallel()
	for _, kind := range []live.Kind{live.Key, live.Task, live.Token} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bots()
			issued, err := w.ClientCredentials(context.Background(), w.as("agent"),
				ClientCredentialsRequest{Scope: []string{"ai.training.read"}, Resource: []string{dataAPI}})
			w.check(err)
			claims, kid := w.claims(issued.AccessToken)
			w.rotateKey(KeyOverlap) // the child is signed with another key
			w.clock.pass(KeyOverlap + time.Second)
			child, again := w.actedIn(issued.AccessToken, AccessTokenType)
			w.ends(map[live.Kind]live.Selector{
				live.Key: live.OfKey(kid), live.Task: live.OfTask(claims.Task), live.Token: live.OfToken(claims.ID),
			}[kind], child, again)
		})
	}
}

// An actor token of ours in which somebody acts already: whatever ends it, at whichever depth, ends what it acts in.
func TestWhatEndsTheActorOfAnActorTokenEndsWhatThatActsIn(t *testing.T) {
	t.Parallel()
	for _, row := range []RevokeRequest{
		{Selector: live.Selector{Kind: live.Subject, Value: "ci:bot"}},
		{Selector: live.Selector{Kind: live.Subject, Value: "ci:bot"}, Block: true},
		{Selector: live.OfIssuer("ci")},
		{Selector: live.OfGroup("ci", "bots")},
	} {
		t.Run(row.Selector.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bots()
			w.apply(w.policy + "\n  - { name: agent again, clients: [agent], from: [agent], subject: { client: agent }, " +
				"resources: [https://data.example.com], max_lifetime: 24h }\n")
			issued, err := w.ClientCredentials(context.Background(), w.as("agent"),
				ClientCredentialsRequest{Scope: []string{"ai.training.read"}, Resource: []string{dataAPI}})
			w.check(err)
			bot, err := w.ci.Token("bot", "whittle", map[string]any{"groups": []string{"bots"}})
			w.check(err)
			acted := own(issued.AccessToken, "ai.training.read").at(dataAPI)
			acted.ActorToken, acted.ActorTokenType = token.NewSecret(bot), JWTType
			child, again := w.actedIn(w.trade("agent", acted).AccessToken, AccessTokenType)
			w.endsBy(row, child, again)
		})
	}
}

// What an actor token rests on by a binding is the policy's business, not the client's whose it is to wield.
func TestARevokedGroupThatAnActorTokenRestsOnEndsWhatItActedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(strings.Replace(w.policy, `wields: { issuer: ci } }`, `wields: { issuer: corp } }`, 1))
	req := outside(w.person("bea", map[string]any{"groups": []string{"platform"}, "amr": []string{"mfa"}}), "ai.training.read").at(dataAPI)
	req.ActorToken = w.trade("agent", outside(w.ana(), "ai.training.read").at(dataAPI)).AccessToken
	req.ActorTokenType = AccessTokenType
	child := w.trade("agent", req).AccessToken
	w.ends(live.OfGroup("corp", "research"), child, func() error {
		_, err := w.Exchange(context.Background(), w.as("agent"), req)
		return err
	})
}

// A use of what a limited token acts in is one of that token.
func TestAUsedUpActorTokenEndsWhatItActedIn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ acting, acted, child int }{{1, 0, 0}, {0, 1, 0}, {1, 1, 1}} { // uses taken, and left of three
		w := newWorld(t)
		w.bots()
		w.apply(strings.NewReplacer( // the subject's own scope isn't limited
			"ai.usage.log.read: { description: Read usage logs }", "ai.usage.log.read: { description: Read usage logs, max_uses: 3 }",
			"exporter: [ai.training.read]", "exporter: [ai.training.read, ai.usage.log.read]",
		).Replace(w.policy))
		issued, err := w.ClientCredentials(context.Background(), w.as("agent"),
			ClientCredentialsRequest{Scope: []string{"ai.usage.log.read"}, Resource: []string{dataAPI}})
		w.check(err)
		req := outside(w.ana(), "ai.training.read").at(dataAPI)
		req.ActorToken, req.ActorTokenType = issued.AccessToken, AccessTokenType
		asJWT := req
		asJWT.RequestedTokenType = JWTType
		if got := w.refusal("agent", asJWT, InvalidRequest).Reason(); got != "token_type" {
			t.Errorf("a JWT, whose uses nobody counts, is refused for %q", got)
		}
		acted := w.trade("agent", req).AccessToken
		child := w.trade("agent", own(acted, "ai.training.read").at(dataAPI)).AccessToken
		for text, n := range map[token.Secret]int{issued.AccessToken: tc.acting, acted: tc.acted, child: tc.child} {
			for range n {
				w.look("data-gateway", text)
			}
		}
		want := uint32(3 - tc.acting - tc.acted - tc.child)
		for _, text := range []token.Secret{child, acted} {
			in, err := w.Introspect(context.Background(), w.as("watcher"), IntrospectRequest{Token: text, Look: true})
			w.check(err)
			if in.Active != (want > 0) || want > 0 && *in.UsesLeft != want {
				t.Errorf("%+v: %+v, want %d uses left", tc, in, want)
			}
		}
		for w.look("data-gateway", issued.AccessToken).Active {
			continue
		}
		for _, text := range []token.Secret{acted, child} {
			if w.look("data-gateway", text).Active {
				t.Errorf("%+v: what a used-up token acted in is active", tc)
			}
			if got := w.refusal("agent", own(text, "ai.training.read").at(dataAPI), InvalidRequest).Reason(); got != "used_up" {
				t.Errorf("%+v: and is refused for %q", tc, got)
			}
		}
	}
}

func TestAnOutsideTokenCanBeRevokedBeforeItIsValid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	claims := anasClaims()
	claims["nbf"] = w.clock.now().Add(3 * time.Minute).Unix()
	early := w.person("ana", claims)
	w.check(w.RevokeToken(context.Background(), w.as("ops"), early))
	w.clock.pass(4 * time.Minute)
	w.refusal("agent", outside(early, "ai.training.read"), InvalidRequest)
}

func TestAUsedUpTokenNoLongerActs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bots()
	w.apply(strings.Replace(w.policy, "  ai.training.read: ", "  ai.training.read: { max_uses: 1 }\n  ai.training.once: ", 1))
	issued, err := w.ClientCredentials(context.Background(), w.as("agent"),
		ClientCredentialsRequest{Scope: []string{"ai.training.read"}, Resource: []string{dataAPI}})
	w.check(err)
	if !w.look("data-gateway", issued.AccessToken).Active {
		t.Fatal("it never lived")
	}
	req := outside(w.ana(), "ai.training.read").at(dataAPI)
	req.ActorToken, req.ActorTokenType = issued.AccessToken, AccessTokenType
	if got := w.refusal("agent", req, InvalidRequest).Reason(); got != "used_up" {
		t.Errorf("refused for %q", got)
	}
}
