package engine

import (
	"context"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
)

// A client has a share of the memory for revocations of its own tokens. It is held to it, also after a
// restart, until its tokens end; an administrator isn't, and nor are other clients.
func TestAClientHasAShareOfRevocations(t *testing.T) {
	t.Parallel()
	const most = 3
	w := newWorld(t)
	w.share = most
	ctx, task := context.Background(), w.task()
	fresh := func(client string) token.Secret {
		return w.trade(client, own(task, "ai.training.read").at(dataAPI)).AccessToken
	}
	first := fresh("agent")
	w.check(w.RevokeToken(ctx, w.as("agent"), first))
	for range most - 1 {
		w.check(w.RevokeToken(ctx, w.as("agent"), fresh("agent")))
	}
	beyond := fresh("agent")
	for range 2 {
		refused := mustBe(t, w.RevokeToken(ctx, w.as("agent"), beyond), SlowDown)
		if refused.RetryAfter < time.Minute || refused.RetryAfter > time.Hour || refused.Decision == "" {
			t.Errorf("retry after %v, decision %q", refused.RetryAfter, refused.Decision)
		}
		if !w.look("data-gateway", beyond).Active {
			t.Error("it was refused and done")
		}
		w.check(w.RevokeToken(ctx, w.as("agent"), first)) // that is done already, and costs nothing
		w.restart()
		w.share = most
	}
	for range 2 * most {
		w.check(w.RevokeToken(ctx, w.as("ops"), fresh("agent")))
	}
	w.check(w.RevokeToken(ctx, w.as("ops"), beyond))
	if _, err := w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: live.Selector{Kind: live.Client, Value: "summarizer"}}); err != nil {
		t.Errorf("an administrator was held up: %v", err)
	}
	next := fresh("agent")
	w.clock.pass(time.Hour) // the tokens have ended, and their revocations with them
	w.check(w.KeepOnce(ctx))
	task = w.task()
	for range most {
		w.check(w.RevokeToken(ctx, w.as("agent"), fresh("agent")))
	}
	w.check(w.RevokeToken(ctx, w.as("agent"), next)) // it ended too: nothing to do
	mustBe(t, w.RevokeToken(ctx, w.as("agent"), fresh("agent")), SlowDown)
}
