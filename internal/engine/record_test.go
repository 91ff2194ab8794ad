package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

// explain waits for the entry of a refusal, which is written soon after the answer.
func (w *world) explain(decision string) audit.Event {
	w.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		_, event, err := w.Explain(context.Background(), w.as("ops"), decision)
		if err == nil {
			return event
		}
		if refused, ok := errors.AsType[*Error](err); !ok || refused.Code != NotFound || time.Now().After(deadline) {
			w.t.Fatalf("decision %s: %v", decision, err)
		}
		time.Sleep(time.Millisecond)
	}
}

// A refusal that is too large for an entry would leave no trace.
func TestNoRefusalIsTooLargeForItsEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many := func(n int, format string) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf(format, i))
		}
		return out
	}
	chain := func(of string) (act map[string]any) { // as long as can be, and longer as it is written
		for i := range principal.MaxActors {
			next := map[string]any{"sub": fmt.Sprint(of, strings.Repeat(`"`, principal.MaxName-2), i)}
			if act != nil {
				next["act"] = act
			}
			act = next
		}
		return act
	}
	acted := outside(w.person("gus", map[string]any{"act": chain("a"), "groups": many(100, strings.Repeat("g", 90)+"%d")}), "ai.training.read")
	acted.ActorToken, acted.ActorTokenType = w.person("bot", map[string]any{"act": chain("b")}), JWTType
	groups := many(100, strings.Repeat("g", 90)+"%d")
	for name, req := range map[string]ExchangeRequest{
		"a thousand unknown scopes":   outside(w.ana(), many(1000, strings.Repeat("s", 120)+"%d")...),
		"ten thousand scopes":         outside(w.ana(), many(10000, "s%d")...),
		"scopes that are too long":    outside(w.ana(), many(1000, strings.Repeat("s", 2000)+"%d")...),
		"the most targets":            outside(w.ana(), "ai.training.read").at(many(32, "https://"+strings.Repeat("x", 1000)+"%d")...),
		"more targets than the most":  outside(w.ana(), "ai.training.read").at(many(1000, "https://x/%d")...),
		"control characters":          {SubjectToken: w.ana(), SubjectTokenType: JWTType, Audience: many(32, strings.Repeat("\x01", 1000)+"%d"), Scope: many(1000, strings.Repeat("\x01", 100)+"%d")},
		"no text at all":              {SubjectToken: w.ana(), SubjectTokenType: JWTType, Audience: []string{"\xff\xfe"}, TaskLabel: "\xff"},
		"a long label":                {SubjectToken: w.ana(), SubjectTokenType: JWTType, TaskLabel: strings.Repeat("x", 1<<20)},
		"a negative lifetime":         {SubjectToken: w.ana(), SubjectTokenType: JWTType, Lifetime: -time.Hour},
		"a made-up type":              {SubjectToken: w.ana(), SubjectTokenType: TokenType(strings.Repeat("x", 1<<20))},
		"as many actors as can be":    acted,
		"a person in too many groups": outside(w.person("gus", map[string]any{"groups": groups}), "ai.training.read"),
	} {
		_, err := w.Exchange(context.Background(), w.as("agent"), req)
		refused, ok := errors.AsType[*Error](err)
		if !ok || refused.Decision == "" {
			t.Fatalf("%s: %v", name, err)
		}
		event := w.explain(refused.Decision)
		if event.Reason != refused.Reason() || event.Client != "agent" || event.Outcome != audit.OutcomeRefused {
			t.Errorf("%s: recorded as %q of %q", name, event.Reason, event.Client)
		}
		w.clock.pass(time.Minute) // only the first few of a minute are recorded in full
	}
	if n := w.log.LostRefusals(); n > 0 {
		t.Errorf("%d refusals left no trace", n)
	}
}

// In which form each token was presented is on the record, of refusals too.
func TestTheFormOfWhatWasPresentedIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acting := outside(w.ana(), "ai.training.read")
	acting.ActorToken, acting.ActorTokenType = w.pipeline(), JWTType
	event := w.explain(w.trade("agent", acting).Decision)
	if event.SubjectToken.Form != "jwt" || event.ActorToken.Form != "jwt" {
		t.Errorf("outside tokens are %q and %q", event.SubjectToken.Form, event.ActorToken.Form)
	}
	opaque, err := w.ClientCredentials(context.Background(), w.as("exporter"), ClientCredentialsRequest{Resource: []string{dataAPI}, Scope: []string{"ai.training.read"}})
	w.check(err)
	for form, text := range map[string]token.Secret{"jwt": w.task(), "opaque": opaque.AccessToken} {
		_, err := w.Exchange(context.Background(), w.as("stranger"), own(text, "ai.prediction.run").at(modelsAPI))
		refused, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("%s: %v", form, err)
		}
		if got := w.explain(refused.Decision).SubjectToken; got == nil || got.Form != form {
			t.Errorf("%s: recorded as %+v", form, got)
		}
	}
	acting.ActorToken, acting.ActorTokenType = opaque.AccessToken, AccessTokenType
	if got := w.explain(w.refusal("exporter", acting, InvalidRequest).Decision).ActorToken; got == nil || got.Form != "opaque" {
		t.Errorf("an opaque actor token is recorded as %+v", got)
	}
}

// Whoever is in many groups can still get a token: the entry has what was read.
func TestManyGroupsDontHinderAnExchange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	groups := []string{"research"}
	for i := range 60 {
		groups = append(groups, fmt.Sprintf("%s%d", strings.Repeat("g", 150), i))
	}
	gus := w.person("gus", map[string]any{"groups": groups, "amr": []string{"mfa"}})
	issued := w.trade("agent", outside(gus, "ai.training.read"))
	_, event, err := w.Explain(context.Background(), w.as("ops"), issued.Decision)
	w.check(err)
	if who := event.People[0]; len(who.Groups) != 1 || who.Groups[0] != "research" || who.Subject != "gus" {
		t.Errorf("recorded %q with %q", who.Subject, who.Groups)
	}
}

// No entry holds a token or names a person in the clear, whatever was refused and why.
func TestNoEntryHoldsATokenOrNamesAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	gone := w.person("zenobia", anasClaims())
	texts := []string{gone.Reveal()}
	granted := w.trade("agent", outside(gone, "ai.training.read"))
	texts = append(texts, granted.AccessToken.Reveal())
	// Revoked by name: the reason for every later refusal names her.
	_, err := w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: subjectOf("corp:zenobia"), Reason: "zenobia left"})
	w.check(err)
	var decisions []string
	for _, req := range []ExchangeRequest{
		outside(gone, "ai.training.read"),
		own(granted.AccessToken, "ai.training.read").at(dataAPI),
		{SubjectToken: w.ana(), SubjectTokenType: JWTType, ActorToken: gone, ActorTokenType: JWTType},
		{SubjectToken: gone, SubjectTokenType: AccessTokenType},
		outside(w.person("zenobia", map[string]any{"groups": "zenobia"}), "ai.training.read"),
	} {
		refused := w.refusal("agent", req, InvalidRequest)
		texts = append(texts, req.SubjectToken.Reveal(), req.ActorToken.Reveal())
		decisions = append(decisions, refused.Decision)
	}
	texts = append(texts, w.secrets["agent"].Reveal(), w.boot.Secret.Reveal())
	for _, decision := range decisions {
		w.explain(decision)
	}
	items, err := w.log.List(ctx, 0, 10_000)
	w.check(err)
	for _, item := range items {
		entry := string(item.Bytes)
		if strings.Contains(entry, "zenobia") {
			t.Errorf("an entry names a person: %s", entry)
		}
		for _, text := range texts {
			if text != "" && strings.Contains(entry, text) {
				t.Errorf("an entry holds a token or secret: %s", entry)
			}
		}
	}
}

// The entry of a counted use says what was left, and of whom.
func TestAUseIsRecordedWithWhatIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	task := w.trade("agent", outside(w.ana(), "ai.batch.run"))
	batch := w.trade("agent", own(task.AccessToken, "ai.batch.run").at(modelsAPI)).AccessToken
	claims, _ := w.claims(batch)
	for range 4 { // of three
		w.look("model-gateway", batch)
	}
	var left []uint32
	page, err := w.Entries(ctx, w.as("ops"), EntriesRequest{Limit: 10_000})
	w.check(err)
	for _, e := range page.Entries {
		event := w.event(e)
		if event.Kind != audit.KindUse {
			continue
		}
		left = append(left, event.Used.Left)
		if event.Used.Token != claims.ID.String() || event.Client != "model-gateway" || e.People[0].Subject != "ana" {
			t.Errorf("%+v", e)
		}
	}
	if fmt.Sprint(left) != "[2 1 0]" {
		t.Errorf("left: %d", left)
	}
}

func TestPropertyWrittenIsWhatJSONTakes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := plain(rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("\x00\b\t\n\v\f\r\x1f\"\\/<\u007f\u2028a")))).Draw(t, "s"), 1<<20)
		text, err := json.Marshal(s)
		if err != nil || written(s) != len(text)+1 {
			t.Fatalf("%q: %d, %v; JSON takes %s", s, written(s), err, text)
		}
	})
}

func TestPropertyAttributesTakeAtMostWhatIsSaid(t *testing.T) {
	t.Parallel()
	var value *rapid.Generator[any]
	leaf := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Float64(), func(f float64) any { return f }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }), rapid.Just[any](nil), rapid.Just[any](true), rapid.Just[any]("\xff"),
		rapid.Just[any](math.NaN()), rapid.Just[any](math.Inf(-1)),
	)
	value = rapid.OneOf(leaf, leaf,
		rapid.Map(rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(rapid.String(), rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3), func(m map[string]any) any { return m }),
	)
	rapid.Check(t, func(t *rapid.T) {
		v := value.Draw(t, "value")
		text, err := json.Marshal(v)
		if most := atMost(v); err == nil && len(text) > most || err != nil && most <= maxAttributes {
			t.Fatalf("%v: at most %d, in truth %d, %v", v, most, len(text), err)
		}
	})
}
