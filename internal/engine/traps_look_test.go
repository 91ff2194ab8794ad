package engine

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
)

// A token is nobody's business but its audience's, and an inactive answer says nothing at all.
func TestT15_T16_T18_OnlyTheAudienceSeesAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
	if !w.look("data-gateway", read).Active {
		t.Fatal("its own audience doesn't see it")
	}
	for _, client := range []string{"model-gateway", "agent", "summarizer", "ops", "stranger", "bootstrap"} {
		if in := w.look(client, read); !reflect.DeepEqual(in, Introspection{}) {
			t.Errorf("%s sees %+v", client, in)
		}
	}
	w.clock.pass(10 * time.Minute)
	text := read.Reveal()
	for name, bad := range map[string]string{
		"expired": text, "one shorter": text[:len(text)-1], "one longer": text + "A", "garbage": "x", "nothing of ours": w.ana().Reveal(),
	} {
		if in := w.look("data-gateway", token.NewSecret(bad)); !reflect.DeepEqual(in, Introspection{}) {
			t.Errorf("%s: %+v", name, in)
		}
	}
}

// A token of several audiences shows each server its own part.
func TestT15_EachServerSeesItsOwnPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(strings.Replace(w.policy, "accepts: [ai.training.read]\n    served_by: [data-gateway]", "accepts: [ai.training.read]\n    served_by: [second-gateway]", 1))
	both, err := w.ClientCredentials(context.Background(), w.as("exporter"), ClientCredentialsRequest{
		Resource: []string{dataAPI, archive}, Scope: []string{"ai.training.read"},
	})
	w.check(err)
	for client, audience := range map[string]string{"data-gateway": dataAPI, "second-gateway": archive} {
		if in := w.look(client, both.AccessToken); !slices.Equal(in.Audience, []string{audience}) {
			t.Errorf("%s sees %q", client, in.Audience)
		}
	}
}

// Somebody else's token isn't revoked, and the answer doesn't pretend so, whatever the token's state.
func TestT52_ASomebodyElsesRevocationIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
	var answers []string
	try := func() {
		for _, client := range []string{"stranger", "data-gateway", "summarizer", "watcher"} {
			refused := mustBe(t, w.RevokeToken(ctx, w.as(client), read), UnauthorizedClient)
			w.explain(refused.Decision)
			answers = append(answers, answer(refused))
		}
		w.clock.pass(time.Minute)
	}
	try()
	if !w.look("data-gateway", read).Active {
		t.Error("it was revoked all the same")
	}
	w.check(w.RevokeToken(ctx, w.as("agent"), read))
	try()
	w.clock.pass(10 * time.Minute)
	try()
	if len(slices.Compact(answers)) != 1 {
		t.Errorf("the answer tells the token's state: %q", answers)
	}
	for name, text := range map[string]token.Secret{"expired": read, "garbage": token.NewSecret("x"), "opaque": token.NewSecret("wt_x")} {
		if err := w.RevokeToken(ctx, w.as("agent"), text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustBe(t, w.RevokeToken(ctx, w.as("agent"), w.ana()), UnauthorizedClient) // an outside token is nobody's
	w.trade("agent", outside(w.ana(), "ai.training.read"))
}

// Introspection of a JWT looks at more than its signature.
func TestT53_AJWTThatVerifiesMayBeDead(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(*world, *token.Claims) error{
		"its own revocation": func(w *world, c *token.Claims) error { return w.revokeBy(live.OfToken(c.ID)) },
		"its root's":         func(w *world, c *token.Claims) error { return w.revokeBy(live.OfToken(c.Lineage[0])) },
		"its task's":         func(w *world, c *token.Claims) error { return w.revokeBy(live.OfTask(c.Task)) },
		"its subject's":      func(w *world, c *token.Claims) error { return w.revokeBy(live.OfSubject(c.Subject)) },
		"its client's":       func(w *world, c *token.Claims) error { return w.revokeBy(live.OfClient(c.ClientID)) },
		"its group's":        func(w *world, c *token.Claims) error { return w.revokeBy(live.OfGroup("corp", "research")) },
		"its issuer's":       func(w *world, c *token.Claims) error { return w.revokeBy(live.OfIssuer("corp")) },
		"its end":            func(w *world, c *token.Claims) error { w.clock.pass(c.Expires.Sub(w.clock.now())); return nil },
	} {
		w := newWorld(t)
		read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
		claims, _ := w.claims(read)
		if !w.look("data-gateway", read).Active {
			t.Fatal("inactive from the start")
		}
		w.check(kill(w, claims))
		if w.look("data-gateway", read).Active {
			t.Errorf("active after %s", name)
		}
	}
}

func (w *world) revokeBy(s live.Selector) error {
	_, err := w.Revoke(context.Background(), w.as("ops"), RevokeRequest{Selector: s})
	return err
}
