package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/live"
)

// A token whose entry isn't durable doesn't leave, whether the commit failed before or after writing.
func TestNoTokenLeavesWithoutItsEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	task := w.task()
	for _, req := range []ExchangeRequest{
		outside(w.ana(), "ai.training.read"),
		own(task, "ai.training.read").at(dataAPI),
		outside(w.ana(), "ai.batch.run").at(modelsAPI), // opaque and counted
	} {
		for name, fail := range map[string]func(){
			"before": func() { w.faults.fail(-1, 0) },
			"after":  func() { w.faults.fail(0, -1) },
		} {
			fail()
			refused := w.refusal("agent", req, TemporarilyUnavailable)
			if refused.RetryAfter <= 0 || strings.Contains(refused.Description, "disk") {
				t.Errorf("%s writing: %+v", name, refused)
			}
			w.faults.fail(0, 0)
			issued := w.trade("agent", req)
			if _, event, err := w.Explain(ctx, w.as("ops"), issued.Decision); err != nil || event.Granted == nil {
				t.Errorf("%s writing: the next token has no entry: %v", name, err)
			}
		}
	}
}

// Taking power away acts at once, is answered only when durable, and can be asked for again.
func TestARevocationActsThoughItsCommitFailed(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*world){
		"before writing":                func(w *world) { w.faults.fail(-1, 0) },
		"after writing":                 func(w *world) { w.faults.fail(0, -1) },
		"after writing, and no reading": func(w *world) { w.faults.fail(0, -1); w.faults.failViews(2) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for what, revoke := range map[string]func(*world, live.Selector) error{
				"token":  nil,
				"client": revokeAs(theAgent, false),
				"block":  revokeAs(theAgent, true),
				"key":    revokeAs(live.Selector{Kind: live.Key}, false),
			} {
				w := newWorld(t)
				read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
				_, kid := w.claims(read)
				if what == "token" {
					revoke = func(w *world, _ live.Selector) error {
						return w.RevokeToken(context.Background(), w.as("agent"), read)
					}
				}
				fail(w)
				mustBe(t, revoke(w, live.OfKey(kid)), TemporarilyUnavailable)
				w.faults.fail(0, 0)
				w.faults.failViews(0)
				if in := w.look("data-gateway", read); in.Active {
					t.Errorf("%s: active after a revocation that wasn't answered", what)
				}
				w.check(revoke(w, live.OfKey(kid)))
				w.restart()
				if in := w.look("data-gateway", read); in.Active {
					t.Errorf("%s: active after a restart", what)
				}
			}
		})
	}
}

var theAgent = live.OfClient("agent")

func revokeAs(s live.Selector, block bool) func(*world, live.Selector) error {
	return func(w *world, key live.Selector) error {
		if s.Kind == live.Key {
			s = key
		}
		_, err := w.Revoke(context.Background(), w.as("ops"), RevokeRequest{Selector: s, Block: block})
		return err
	}
}

// A revocation that nobody asked for again holds as long as the process does.
func TestAFailedRevocationOutlivesLaterOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	task := w.task()
	w.faults.fail(-1, 0)
	mustBe(t, w.RevokeToken(context.Background(), w.as("agent"), task), TemporarilyUnavailable)
	w.faults.fail(0, 0)
	w.check(w.RevokeToken(context.Background(), w.as("agent"), w.task())) // another one
	if refused := w.refusal("agent", own(task, "ai.training.read"), InvalidRequest); refused.Reason() != "not_alive" {
		t.Errorf("refused for %q", refused.Reason())
	}
}

// What can't be read is no reason to call a token inactive, or a revocation done.
func TestAStoreThatCantBeReadIsNoAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	export := func() *Issued {
		issued, err := w.ClientCredentials(ctx, w.as("exporter"), ClientCredentialsRequest{Resource: []string{dataAPI}, Scope: []string{"ai.training.read"}})
		w.check(err)
		return issued
	}
	opaque := export().AccessToken
	w.faults.failViews(1)
	mustBe(t, w.RevokeToken(ctx, w.as("exporter"), opaque), TemporarilyUnavailable)
	w.check(w.RevokeToken(ctx, w.as("exporter"), opaque))
	opaque = export().AccessToken
	w.faults.failViews(1)
	_, err := w.Introspect(ctx, w.as("data-gateway"), IntrospectRequest{Token: opaque})
	mustBe(t, err, TemporarilyUnavailable)
	if in := w.look("data-gateway", opaque); !in.Active {
		t.Error("inactive once the store is back")
	}
}

// Nothing that was answered is lost, and nothing that wasn't is acted on.
func TestARestartKeepsWhatWasAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	task := w.task()
	read := w.trade("agent", own(task, "ai.training.read").at(dataAPI)).AccessToken
	gone := w.trade("agent", own(task, "ai.training.read").at(dataAPI)).AccessToken
	deploy := w.trade("deployer", outside(w.pipeline())).AccessToken
	batch := w.trade("agent", outside(w.ana(), "ai.batch.run").at(modelsAPI)).AccessToken
	w.look("model-gateway", batch)
	w.check(w.RevokeToken(ctx, w.as("agent"), gone))
	version := w.image.View().Policy.Version()
	w.restart()
	if got := w.image.View().Policy.Version(); got != version {
		t.Errorf("policy %d, want %d", got, version)
	}
	if !w.look("data-gateway", read).Active || w.look("data-gateway", gone).Active {
		t.Error("the tokens changed")
	}
	if !w.look("model-gateway", deploy).Active || w.look("model-gateway", deploy).Active {
		t.Error("the deploy token doesn't work exactly once")
	}
	if in := w.look("model-gateway", batch); !in.Active || *in.UsesLeft != 1 {
		t.Errorf("the batch token has %+v", in)
	}
}

// A use that may not have been counted gives no answer; asking again with its id counts it once.
func TestAFailedUseIsCountedOnce(t *testing.T) {
	t.Parallel()
	for _, after := range []int{0, 1} {
		w := newWorld(t)
		batch := w.trade("agent", outside(w.ana(), "ai.batch.run").at(modelsAPI)).AccessToken
		use := IntrospectRequest{Token: batch, UseID: "one"}
		w.faults.fail(after-1, -after)
		in, err := w.Introspect(context.Background(), w.as("model-gateway"), use)
		if mustBe(t, err, TemporarilyUnavailable); in != nil {
			t.Error("active and unavailable")
		}
		w.faults.fail(0, 0)
		if in, err = w.Introspect(context.Background(), w.as("model-gateway"), use); err != nil || !in.Active || *in.UsesLeft != 2 {
			t.Errorf("asked again: %+v, %v", in, err)
		}
	}
}

// A policy whose commit is in doubt is in force if the store has it, and the editor finds out.
func TestAPolicyInDoubtIsWhatTheStoreSays(t *testing.T) {
	t.Parallel()
	for name, views := range map[string]int{"read at once": 0, "read later": 2} {
		w := newWorld(t)
		ctx := context.Background()
		task, read := w.task(), w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
		version := w.image.View().Policy.Version()
		cut := strings.Replace(w.policy, `ceiling: ["ai.training.*", `, `ceiling: [`, 1)
		w.faults.fail(0, -1)
		w.faults.failViews(views)
		_, err := w.ApplyPolicy(ctx, w.as("ops"), ApplyRequest{YAML: []byte(cut), Expected: version})
		mustBe(t, err, TemporarilyUnavailable)
		w.faults.fail(0, 0)
		w.faults.failViews(0)
		// Whatever is changed next is changed with the store's policy in force.
		w.check(w.RevokeToken(ctx, w.as("agent"), task))
		if w.look("data-gateway", read).Active {
			t.Errorf("%s: the policy that the store has isn't in force", name)
		}
		_, err = w.ApplyPolicy(ctx, w.as("ops"), ApplyRequest{YAML: []byte(w.policy), Expected: version})
		mustBe(t, err, Conflict)
		_, err = w.ApplyPolicy(ctx, w.as("ops"), ApplyRequest{YAML: []byte(w.policy), Expected: version + 1})
		w.check(err)
		if !w.look("data-gateway", read).Active {
			t.Errorf("%s: not restored", name)
		}
	}
}
