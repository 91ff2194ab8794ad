package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/store"
)

// Every administrative operation needs its permission, and the refusal is on the record.
func TestAdministrationNeedsPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	agent := w.as("agent")
	version := w.image.View().Policy.Version()
	for name, try := range map[string]func() error{
		"explain": func() error { _, _, err := w.Explain(ctx, agent, "x"); return err },
		"entries": func() error { _, err := w.Entries(ctx, agent, EntriesRequest{Limit: 10}); return err },
		"entry":   func() error { _, err := w.Entry(ctx, agent, 0); return err },
		"follow": func() error {
			return w.FollowEntries(ctx, agent, FollowRequest{}, func(*Entry, uint64) error { return errUnchanged })
		},
		"export": func() error {
			return w.Export(ctx, agent, 0, false, func(store.Checkpoint, []Hash) error { return errUnchanged }, func(audit.Proved) error { return errUnchanged })
		},
		"revocations": func() error { _, err := w.Revocations(ctx, agent, 0, 10); return err },
		"policy":      func() error { _, err := w.Policy(ctx, agent, 0); return err },
		"validate":    func() error { _, err := w.ValidatePolicy(ctx, agent, []byte(w.policy)); return err },
		"apply": func() error {
			_, err := w.ApplyPolicy(ctx, agent, ApplyRequest{YAML: []byte(w.policy), Expected: version})
			return err
		},
		"secret": func() error { _, err := w.CreateSecret(ctx, agent, "agent", 0); return err },
		"revoke": func() error {
			_, err := w.Revoke(ctx, agent, RevokeRequest{Selector: live.OfClient("agent")})
			return err
		},
		"unblock":  func() error { _, err := w.Unblock(ctx, agent, live.OfClient("agent")); return err },
		"policies": func() error { _, _, err := w.Policies(ctx, agent, 10, ""); return err },
		"diff":     func() error { _, err := w.DiffPolicy(ctx, agent, DiffRequest{From: 1}); return err },
		"rollback": func() error {
			_, err := w.RollbackPolicy(ctx, agent, RollbackRequest{Version: 1, Expected: version})
			return err
		},
		"keys":       func() error { _, err := w.Keys(ctx, agent); return err },
		"rotate key": func() error { _, err := w.RotateKey(ctx, agent, nil); return err },
		"retire key": func() error { _, err := w.RetireKey(ctx, agent, "x"); return err },
		"revoke key": func() error { _, err := w.RevokeKey(ctx, agent, "x", ""); return err },
	} {
		refused := mustBe(t, try(), AccessDenied)
		if event := w.explain(refused.Decision); event.Client != "agent" || event.Reason != "permission" {
			t.Errorf("%s: recorded as %q of %q", name, event.Reason, event.Client)
		}
		w.clock.pass(time.Minute)
	}
	if w.image.View().Policy.Version() != version || w.image.Revocations.Len() != 0 {
		t.Error("something was done all the same")
	}
}

func TestAPolicyThatCantBeAppliedIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	version := w.image.View().Policy.Version()
	for name, tc := range map[string]struct {
		req    ApplyRequest
		code   Code
		reason string
	}{
		"no administrator": {ApplyRequest{YAML: []byte(strings.Replace(w.policy, "policy.apply, ", "", 1)), Expected: version}, Precondition, "no_administrator"},
		"an empty one":     {ApplyRequest{YAML: []byte("format: 1\nscopes: {}\n"), Expected: version}, Precondition, "no_administrator"},
		"an issuer's name for another's tokens": {
			ApplyRequest{YAML: []byte(strings.Replace(w.policy, w.corp.URL, "https://other.example.com", 1)), Expected: version}, Precondition, "renamed_issuer",
		},
		"no policy":        {ApplyRequest{YAML: []byte("x"), Expected: version}, InvalidRequest, "policy_problems"},
		"an old version":   {ApplyRequest{YAML: []byte(w.policy), Expected: version - 1}, Conflict, "version"},
		"a future version": {ApplyRequest{YAML: []byte(w.policy), Expected: version + 1}, Conflict, "version"},
		"the last number":  {ApplyRequest{YAML: []byte(w.policy), Expected: 1<<64 - 1}, Conflict, "version"},
		"a long note":      {ApplyRequest{YAML: []byte(w.policy), Expected: version, Note: strings.Repeat("x", 1<<17)}, InvalidRequest, "shape"},
		"a note of bytes":  {ApplyRequest{YAML: []byte(w.policy), Expected: version, Note: "\xff"}, InvalidRequest, "shape"},
	} {
		_, err := w.ApplyPolicy(ctx, w.as("ops"), tc.req)
		if got := mustBe(t, err, tc.code).Reason(); got != tc.reason {
			t.Errorf("%s: refused for %q", name, got)
		}
	}
	if got := w.image.View().Policy.Version(); got != version {
		t.Errorf("version %d is in force, want %d", got, version)
	}
}

func TestASelectorMustMeanSomething(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, s := range []live.Selector{
		{Kind: live.Group, Value: "research"}, {Kind: live.Issuer, Value: "https://id.example.com"},
		{Kind: live.Key, Value: "nosuchkey"}, {Kind: live.Client, Value: "corp:ana"},
		{}, {Kind: live.Client}, {Kind: "everything", Value: "x"}, {Kind: live.Token, Value: "x"}, {Kind: live.Task, Value: strings.Repeat("A", 23)},
		{Kind: live.Subject, Value: strings.Repeat("x", 1<<20)}, {Kind: live.Group, Value: "\xff"},
	} {
		_, err := w.Revoke(context.Background(), w.as("ops"), RevokeRequest{Selector: s})
		mustBe(t, err, InvalidRequest)
		_, err = w.Unblock(context.Background(), w.as("ops"), s)
		mustBe(t, err, InvalidRequest)
	}
	_, err := w.Unblock(context.Background(), w.as("ops"), live.OfClient("agent"))
	mustBe(t, err, NotFound)
	_, err = w.Revoke(context.Background(), w.as("ops"), RevokeRequest{Selector: live.OfClient("agent"), Reason: strings.Repeat("x", 1<<17)})
	mustBe(t, err, InvalidRequest)
	if w.image.Revocations.Len() != 0 {
		t.Error("something was revoked")
	}
}

func TestRevocationsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.check(w.revokeBy(live.OfClient("agent")))
	_, err := w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: live.OfClient("summarizer"), Block: true, Reason: "lost"})
	w.check(err)
	task := w.task()
	for range 3 {
		w.check(w.RevokeToken(ctx, w.as("agent"), task)) // the second and third cost no space
	}
	list, err := w.Revocations(ctx, w.as("ops"), 0, 100)
	w.check(err)
	if len(list) != 3 || !list[1].Block || !list[1].Expires.IsZero() || list[1].Reason != "lost" || list[1].By != "ops" || list[2].By != "agent" {
		t.Fatalf("%+v", list)
	}
	if rest, err := w.Revocations(ctx, w.as("ops"), list[0].Seq, 1); err != nil || len(rest) != 1 || rest[0].Seq != list[1].Seq {
		t.Errorf("after the first: %+v, %v", rest, err)
	}
	// Housekeeping keeps each as long as it can matter, and no longer.
	w.clock.pass(7*24*time.Hour + live.Skew)
	w.check(w.KeepOnce(ctx))
	list, err = w.Revocations(ctx, w.as("ops"), 0, 100)
	w.check(err)
	if len(list) != 2 || !list[1].Block && !list[0].Block {
		t.Fatalf("%+v", list)
	}
	w.clock.pass(time.Second)
	w.check(w.KeepOnce(ctx))
	if list, err = w.Revocations(ctx, w.as("ops"), 0, 100); err != nil || len(list) != 1 || w.image.Revocations.Len() != 1 {
		t.Fatalf("%+v, %v, %d in memory", list, err, w.image.Revocations.Len())
	}
}

// After a jump of the clock nothing is minted or forgotten, but looks and revocations go on.
func TestAClockThatJumpsStopsMinting(t *testing.T) {
	t.Parallel()
	for name, jump := range map[string]time.Duration{"ahead": time.Hour, "back": -time.Hour} {
		w := newWorld(t)
		ctx := context.Background()
		task := w.task()
		read := w.trade("agent", own(task, "ai.training.read").at(dataAPI)).AccessToken
		w.clock.jump(jump)
		refused := w.refusal("agent", own(task, "ai.training.read").at(dataAPI), TemporarilyUnavailable)
		if refused.Reason() != "clock" {
			t.Errorf("%s: refused for %q", name, refused.Reason())
		}
		_, err := w.ClientCredentials(ctx, w.as("exporter"), ClientCredentialsRequest{Resource: []string{dataAPI}, Scope: []string{"ai.training.read"}})
		mustBe(t, err, TemporarilyUnavailable)
		if err := w.KeepOnce(ctx); err == nil {
			t.Errorf("%s: housekeeping goes on", name)
		}
		if !w.look("data-gateway", read).Active {
			t.Errorf("%s: introspection stopped", name)
		}
		w.check(w.RevokeToken(ctx, w.as("agent"), read))
		if w.look("data-gateway", read).Active {
			t.Errorf("%s: revocation stopped", name)
		}
		before := w.Engine.clock.Now()
		w.clock.pass(time.Minute)
		if got := w.Engine.clock.Now().Sub(before); got != time.Minute {
			t.Errorf("%s: of a minute %v passed", name, got)
		}
	}
}

// The bootstrap credential is good for a day, and for administration only.
func TestTheBootstrapCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	boot := w.as("bootstrap")
	read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
	if _, err := w.Exchange(ctx, boot, outside(w.ana(), "ai.training.read")); err == nil {
		t.Error("it trades tokens")
	}
	if _, err := w.ClientCredentials(ctx, boot, ClientCredentialsRequest{Scope: []string{"ai.training.read"}}); err == nil {
		t.Error("it gets tokens for itself")
	}
	if in, err := w.Introspect(ctx, boot, IntrospectRequest{Token: read}); err != nil || in.Active {
		t.Error("it sees tokens")
	}
	_, err := w.Introspect(ctx, boot, IntrospectRequest{Token: read, Look: true})
	mustBe(t, err, AccessDenied)
	w.restart()
	if again, err := w.Bootstrap(ctx, false, unseen); err != nil || again.Client != "" {
		t.Errorf("a second one was made: %v", err)
	}
	w.as("bootstrap")
}
