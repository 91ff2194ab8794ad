package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
)

// usesOnRecord is what the log says of uses, entry by entry.
func (w *world) usesOnRecord() (out []audit.Event) {
	w.t.Helper()
	found, err := w.log.Search(context.Background(), audit.Query{Limit: 10_000})
	w.check(err)
	for _, f := range found.Found {
		if e := w.event(f); e.Uses != nil {
			out = append(out, e)
		}
	}
	return out
}

// recordsEachRead has the policy want an entry for each use of the scope.
func (w *world) recordsEachRead() {
	w.t.Helper()
	w.apply(strings.Replace(w.policy, "{ description: Read training data }", "{ description: Read training data, audit: every_use }", 1))
}

func (w *world) use(client string, text token.Secret, what Use) (*Introspection, error) {
	w.t.Helper()
	return w.Introspect(context.Background(), w.as(client), IntrospectRequest{Token: text, Use: what})
}

func TestAUseThatIsRecordedEachIsOnTheRecordBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.trade("agent", own(w.task(), "ai.training.read", "ai.training.analyze").at(dataAPI)).AccessToken
	claims, _ := w.claims(read)
	if !w.look("data-gateway", read).Active || len(w.usesOnRecord()) != 0 {
		t.Fatal("a use was recorded though the policy doesn't want it")
	}
	w.recordsEachRead() // which holds from the next look on, whatever was remembered
	for i, tc := range []struct {
		what Use
		rows int
	}{
		{Use{Scope: "ai.training.read", Action: "GET /data"}, 1},
		{Use{}, 2},                             // it may be for that scope
		{Use{Scope: "ai.training.analyze"}, 2}, // it isn't
		{Use{Scope: "ai.training.read"}, 3},    // the second counts as well
		{Use{Scope: "ai.prediction.run"}, 3},   // nor is this, which the token doesn't hold there
	} {
		in, err := w.use("data-gateway", read, tc.what)
		if err != nil || !in.Active || len(in.Scope) != 2 {
			t.Fatalf("%d: %+v, %v", i, in, err)
		}
		events := w.usesOnRecord()
		if len(events) != tc.rows {
			t.Fatalf("%d: %d uses are on the record, want %d", i, len(events), tc.rows)
		}
		last := events[len(events)-1]
		if last.Kind != audit.KindEveryUse || last.Client != "data-gateway" || last.Policy != w.image.View().Policy.Version() || last.Wire == "" {
			t.Errorf("%d: %+v", i, last)
		}
		if len(last.People) != 1 || last.People[0].Subject != "ana" {
			t.Errorf("%d: it is about %+v", i, last.People)
		}
		if row := last.Uses.Rows[0]; row.Token != claims.ID.String() || row.Task != claims.Task.String() || row.Client != "agent" || row.Count != 1 {
			t.Errorf("%d: %+v", i, row)
		}
	}
	if row := w.usesOnRecord()[0].Uses.Rows[0]; row.Scope != "ai.training.read" || row.Action != "GET /data" || row.Uncovered {
		t.Errorf("%+v", row)
	}
}

// A use is recorded under the policy and the revocations that it was judged by, whatever was applied or revoked meanwhile.
func TestAUseIsRecordedUnderThePolicyThatJudgedIt(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{"max_uses: 3", "audit: every_use"} {
		w := newWorld(t)
		w.apply(strings.Replace(w.policy, "{ description: Read training data }", "{ description: Read training data, "+limit+" }", 1))
		read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
		version, rev := w.image.View().Policy.Version(), w.image.Revocations.Newest()
		l := w.Engine.look(w.as("data-gateway"))
		told, v, err := l.at(context.Background(), read)
		w.check(err)
		w.apply(strings.Replace(w.policy, "ai.usage.log.read]", "ai.usage.log.read, ai.deploy.manage]", 1))
		w.check(w.revokeBy(live.OfTask(v.ID)))
		if v.limited {
			_, err = l.use(context.Background(), told, v.Claims, Use{}, "")
		} else {
			err = l.recordUses(context.Background(), []noted{{told, v.Claims, Use{}}})
		}
		w.check(err)
		uses := w.usesOnRecord()
		if e := uses[len(uses)-1]; e.Policy != version || e.Policy != told.answer.PolicyVersion || e.Rev != rev || w.image.Revocations.Newest() == rev {
			t.Errorf("%s: judged under policy %d and revocation %d, recorded under %d and %d", limit, version, rev, e.Policy, e.Rev)
		}
	}
}

// Without the record there is no answer, least of all a good one.
func TestWithoutTheRecordAUseThatIsRecordedEachIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.recordsEachRead()
	ctx := context.Background()
	read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
	run := w.trade("agent", own(w.task(), "ai.prediction.run").at(modelsAPI)).AccessToken
	data, models := w.as("data-gateway"), w.as("model-gateway")
	unavailable := func(why string) {
		t.Helper()
		in, err := w.Introspect(ctx, data, IntrospectRequest{Token: read})
		if mustBe(t, err, TemporarilyUnavailable); in != nil {
			t.Errorf("%s: %+v", why, in)
		}
		batch, err := w.IntrospectBatch(ctx, data, []token.Secret{run, read}, nil)
		if mustBe(t, err, TemporarilyUnavailable); batch != nil {
			t.Errorf("%s: a batch was answered", why)
		}
		if in, err := w.Introspect(ctx, models, IntrospectRequest{Token: run}); err != nil || !in.Active {
			t.Errorf("%s: a use that is only counted: %+v, %v", why, in, err)
		}
	}
	w.faults.fail(-1, 0)
	unavailable("the disk fails")
	w.faults.fail(0, 0)
	w.space = func() error { return errors.New("full") }
	unavailable("the disk is full")
	w.space = nil
	if in, err := w.Introspect(ctx, data, IntrospectRequest{Token: read}); err != nil || !in.Active {
		t.Errorf("with the record: %+v, %v", in, err)
	}
}

func TestABatchSaysOfEachTokenWhatItIsFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.recordsEachRead()
	ctx, gateway := context.Background(), w.as("data-gateway")
	task := w.task()
	read := w.trade("agent", own(task, "ai.training.read", "ai.training.analyze").at(dataAPI)).AccessToken
	other := w.trade("agent", own(task, "ai.training.analyze").at(dataAPI)).AccessToken
	for name, uses := range map[string][]Use{"too few": {{}}, "malformed": {{Scope: "a b"}, {}, {}}} {
		_, err := w.IntrospectBatch(ctx, gateway, []token.Secret{read, other, other}, uses)
		if mustBe(t, err, InvalidRequest); len(w.usesOnRecord()) != 0 {
			t.Errorf("%s: something is on the record", name)
		}
	}
	out, err := w.IntrospectBatch(ctx, gateway, []token.Secret{read, token.NewSecret("none"), other, read},
		[]Use{{Scope: "ai.training.read", Action: "first"}, {}, {Scope: "ai.training.analyze"}, {Scope: "ai.training.read", Action: "second"}})
	if err != nil || !out[0].Active || out[1].Active || !out[2].Active || !out[3].Active {
		t.Fatalf("%+v, %v", out, err)
	}
	actions := make(map[string]int)
	for _, e := range w.usesOnRecord() {
		actions[e.Uses.Rows[0].Action]++
	}
	if len(actions) != 2 || actions["first"] != 1 || actions["second"] != 1 || w.log.WaitingUses() != 1 {
		t.Errorf("%v on the record, %d wait", actions, w.log.WaitingUses())
	}
}

func TestWhatIsSaidOfAUseHasLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
	for _, u := range []Use{
		{Scope: "a b"}, {Scope: strings.Repeat("a", 129)}, {Scope: "\x00"}, {Scope: "é"},
		{Action: strings.Repeat("a", maxAction+1)}, {Action: "a\nb"}, {Action: `"`}, {Action: `\`}, {Action: "é"}, {Action: "\x7f"},
	} {
		_, err := w.use("data-gateway", read, u)
		mustBe(t, err, InvalidRequest)
	}
	if n := w.log.WaitingUses(); n != 0 {
		t.Errorf("%d uses are counted", n)
	}
	for _, u := range []Use{{Scope: strings.Repeat("a", 128)}, {Action: strings.Repeat("~", maxAction)}, {Action: "POST /v1/data?x=y"}} {
		if in, err := w.use("data-gateway", read, u); err != nil || !in.Active {
			t.Errorf("%+v: %v", u, err)
		}
	}
	if n := w.UncoveredUses(); n != 1 {
		t.Errorf("%d uses are not covered, want 1", n)
	}
}

// All uses that were answered are on the record after a restart in good order, the refused and inactive ones not.
func TestTheCountsAreRecordedAtTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
	for i := range 100 {
		if in, err := w.use("data-gateway", read, Use{Scope: "ai.training.read", Action: fmt.Sprint("part ", i%3)}); err != nil || !in.Active {
			t.Fatal(in, err)
		}
	}
	w.look("model-gateway", read)
	w.look("watcher", read)
	w.look("data-gateway", token.NewSecret("none"))
	w.restart()
	sum := uint64(0)
	events := w.usesOnRecord()
	for _, e := range events {
		if e.Kind != audit.KindUses || e.Client != "data-gateway" || len(e.People) != 0 || e.Uses.Minute.IsZero() {
			t.Errorf("%+v", e)
		}
		for _, r := range e.Uses.Rows {
			sum += r.Count
		}
	}
	if sum != 100 || len(events) != 1 || len(events[0].Uses.Rows) != 3 {
		t.Errorf("%d uses in %d entries", sum, len(events))
	}
}

// What is counted costs a look that was looked before no memory.
func TestCountingAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	gateway, ctx := w.as("data-gateway"), context.Background()
	read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
	request := IntrospectRequest{Token: read, Use: Use{Scope: "ai.training.read", Action: "GET /data"}}
	if n := testing.AllocsPerRun(1000, func() {
		if in, err := w.Introspect(ctx, gateway, request); err != nil || !in.Active {
			t.Error(in, err)
		}
	}); n > 0 {
		t.Errorf("%v objects", n)
	}
	if n := w.log.WaitingUses(); n != 1001 {
		t.Errorf("%d uses are counted, want 1001", n)
	}
}
