package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
)

// The traps are what went wrong in other products, each as it would go wrong here.

// A subject token that was lost on the way doesn't turn the exchange into the client's own request.
func TestT1_ALostSubjectTokenIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, req := range []ExchangeRequest{
		{Scope: []string{"ai.training.read"}, Resource: []string{dataAPI}},
		{Scope: []string{"ai.training.read"}, Resource: []string{dataAPI}, SubjectTokenType: AccessTokenType},
	} {
		w.refusal("exporter", req, InvalidRequest)
	}
}

// No scope is not all scopes: neither in a request nor in a token.
func TestT2_T23_AbsentScopesAreNotAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.refusal("agent", outside(w.ana()), InvalidScope)
	w.refusal("agent", own(w.task()).at(dataAPI), InvalidScope)
	// An outside token without a scope claim gets what the policy gives its principal, no more.
	if issued := w.trade("agent", outside(w.ana(), "ai.training.read")); !slices.Equal(issued.Scope, []string{"ai.training.read"}) {
		t.Errorf("granted %q", issued.Scope)
	}
	w.refusal("agent", outside(w.person("nobody", nil), "ai.training.read"), InvalidScope)
	// One that claims scopes gets nothing by claiming.
	w.refusal("agent", outside(w.person("nobody", map[string]any{"scope": "ai.training.read"}), "ai.training.read"), InvalidScope)
}

// A token is bound to the client that it was issued to, those that a rule names, and its audience.
func TestT3_T46_ATokenIsBoundToItsClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	task := w.task()
	read := w.trade("agent", own(task, "ai.training.read").at(dataAPI)).AccessToken
	asked := w.trade("data-gateway", own(read, "ai.prediction.run").at(modelsAPI)).AccessToken
	opaque, err := w.ClientCredentials(context.Background(), w.as("exporter"), ClientCredentialsRequest{Resource: []string{dataAPI}, Scope: []string{"ai.training.read"}})
	w.check(err)
	for name, tc := range map[string]struct {
		client string
		text   token.Secret
	}{
		"a client without a rule":                   {"stranger", read},
		"a client whose rule names another from":    {"summarizer", asked},
		"a server of another resource":              {"data-gateway", asked},
		"a server, of a token that works nowhere":   {"data-gateway", task},
		"a client, of another one's opaque token":   {"agent", opaque.AccessToken},
		"the owner, of what a gateway made of it":   {"agent", asked},
		"a client that may do everything but trade": {"ops", read},
	} {
		if _, err := w.Exchange(context.Background(), w.as(tc.client), own(tc.text, "ai.prediction.run").at(modelsAPI)); err == nil {
			t.Errorf("%s traded it", name)
		}
	}
}

// The chain of actors is never lost, actor token or not.
func TestT9_ActSurvivesEveryPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	further := anasClaims()
	further["act"] = map[string]any{"sub": "X"}
	for name, actor := range map[string]token.Secret{"without an actor token": {}, "with one": w.pipeline()} {
		req := outside(w.person("ana", further), "ai.training.read")
		if actor.Reveal() != "" {
			req.ActorToken, req.ActorTokenType = actor, JWTType
		}
		task := w.trade("agent", req).AccessToken
		child := w.trade("summarizer", own(task, "ai.training.read").at(dataAPI)).AccessToken
		for text, depth := range map[token.Secret]int{task: 2, child: 3} {
			claims, _ := w.claims(text)
			last := claims.Actor
			for last.Act != nil {
				last = last.Act
			}
			if claims.Actor.Depth() != depth || last.Sub != "corp:X" {
				t.Errorf("%s: a chain of %d that ends in %s", name, claims.Actor.Depth(), last.Sub)
			}
		}
	}
}

func TestT10_T32_RevokingTheRootEndsTheWholeTree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.ana()
	task := w.trade("agent", outside(root, "ai.training.read")).AccessToken
	read := w.trade("agent", own(task, "ai.training.read").at(dataAPI)).AccessToken
	child := w.trade("summarizer", own(read, "ai.training.read").at(dataAPI)).AccessToken
	w.check(w.RevokeToken(context.Background(), w.as("ops"), root))
	for range 2 {
		for _, text := range []token.Secret{read, child} {
			if w.look("data-gateway", text).Active {
				t.Error("a descendant is active")
			}
			w.refusal("summarizer", own(text, "ai.training.read").at(dataAPI), InvalidRequest)
		}
		w.refusal("agent", own(task, "ai.training.read").at(dataAPI), InvalidRequest)
		w.refusal("agent", outside(root, "ai.training.read"), InvalidRequest)
		w.restart()
	}
}

// Whoever and whatever takes part must be there today, not only when the first token was made.
func TestT11_AllWhoTakePartMustBeThereToday(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(string) string{
		"the binding":  func(s string) string { return strings.Replace(s, "name: researchers", "name: others", 1) },
		"the rule":     func(s string) string { return strings.Replace(s, "name: agents", "name: others", 1) },
		"the client":   func(s string) string { return strings.Replace(s, "clients: [agent]", "clients: [stranger]", 1) },
		"the resource": func(s string) string { return strings.ReplaceAll(s, dataAPI, "https://data2.example.com") },
		"the scope":    func(s string) string { return strings.ReplaceAll(s, "ai.training.read", "ai.training.red") },
		"the issuer":   func(s string) string { return strings.ReplaceAll(s, "issuer: corp", "issuer: ci") },
	} {
		w := newWorld(t)
		task := w.task()
		read := w.trade("agent", own(task, "ai.training.read").at(dataAPI)).AccessToken
		w.apply(edit(w.policy))
		if w.look("data-gateway", read).Active {
			t.Errorf("%s is gone, and the token active", name)
		}
		for _, text := range []token.Secret{task, read} {
			if _, err := w.Exchange(context.Background(), w.as("agent"), own(text, "ai.training.read").at(dataAPI)); err == nil {
				t.Errorf("%s is gone, and the token was traded on", name)
			}
		}
	}
}

// The confused-deputy guard holds for ID tokens as well.
func TestT20_AnIDTokenForAnotherAppIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, further := range map[string]map[string]any{
		"aud names another app":            {"aud": "another-app"},
		"azp names another app":            {"azp": "another-app"},
		"several audiences and no azp":     {"aud": []string{"whittle", "another-app"}},
		"several audiences, azp elsewhere": {"aud": []string{"whittle", "another-app"}, "azp": "another-app"},
	} {
		for member, value := range anasClaims() {
			further[member] = value
		}
		req := ExchangeRequest{SubjectToken: w.person("ana", further), SubjectTokenType: IDTokenType, Scope: []string{"ai.training.read"}}
		if answer(w.refusal("agent", req, InvalidRequest)) != "invalid_request: subject_token is not acceptable" {
			t.Error(name)
		}
	}
}

// What a client gets is never more than it may hold itself, whoever's token it brings.
func TestT21_T22_TheClientsCeilingHoldsForEveryToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	task := w.task() // read, analyze, run
	if issued := w.trade("summarizer", own(task).at(dataAPI)); !slices.Equal(issued.Scope, []string{"ai.training.read"}) {
		t.Errorf("by default: %q", issued.Scope)
	}
	if issued := w.trade("summarizer", own(task, "ai.training.analyze", "ai.training.read").at(dataAPI)); !slices.Equal(issued.Scope, []string{"ai.training.read"}) {
		t.Errorf("asked for more: %q", issued.Scope)
	}
	w.refusal("summarizer", own(task, "ai.training.analyze").at(dataAPI), InvalidScope)
	// A stranger with every scope in its ceiling, but no rule, gets nothing.
	w.refusal("stranger", outside(w.ana(), "ai.training.read"), InvalidRequest)
}

func TestT24_AnActThatCantBeReadIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, act := range map[string]any{
		"a text": "X", "a list": []any{}, "a number": 1, "nine deep": nested(9), "without sub": map[string]any{},
		"a text inside": map[string]any{"sub": "a", "act": "X"}, "null inside": map[string]any{"sub": "a", "act": []any{nil}},
	} {
		further := anasClaims()
		further["act"] = act
		_, err := w.Exchange(context.Background(), w.as("agent"), outside(w.person("ana", further), "ai.training.read"))
		if mustBe(t, err, InvalidRequest).Description != "subject_token is not acceptable" {
			t.Error(name)
		}
	}
}

// What an issuer without opt-in says in may_act lets nobody act, and what is malformed lets nobody in.
func TestT25_MayActCountsOnlyByOptIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sign := func(mayAct any) token.Secret {
		text, err := w.ci.Token("repo:example/models:production", "whittle", map[string]any{"repository_owner": "example", "may_act": mayAct})
		w.check(err)
		return token.NewSecret(text)
	}
	w.refusal("stranger", outside(sign(map[string]any{"sub": "stranger", "iss": self}), "ai.deploy.manage"), InvalidRequest)
	w.trade("deployer", outside(sign(map[string]any{"sub": "stranger"})))
	w.refusal("deployer", outside(sign("deployer")), InvalidRequest)
}

// A resource that was never granted can't be added later.
func TestT26_NoResourceIsAddedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	task := w.trade("agent", outside(w.ana(), "ai.batch.run")).AccessToken // reaches models only
	w.refusal("agent", own(task, "ai.training.read").at(dataAPI), InvalidTarget)
	read := w.trade("agent", outside(w.ana(), "ai.training.read").at(dataAPI)).AccessToken
	w.refusal("agent", own(read, "ai.batch.run").at(modelsAPI), InvalidScope)
	w.refusal("agent", own(read, "ai.training.read").at(modelsAPI), InvalidScope)
	w.refusal("summarizer", own(read, "ai.training.read").at(archive), InvalidTarget)
}

// A use id counts for one token and one server only.
func TestT33_UseIDsDontMix(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var left []uint32
	for range 2 {
		batch := w.trade("agent", outside(w.ana(), "ai.batch.run").at(modelsAPI)).AccessToken
		for _, client := range []string{"model-gateway", "second-gateway"} {
			in, err := w.Introspect(context.Background(), w.as(client), IntrospectRequest{Token: batch, UseID: "the same"})
			w.check(err)
			left = append(left, *in.UsesLeft)
		}
	}
	if !slices.Equal(left, []uint32{2, 1, 2, 1}) {
		t.Errorf("left: %d", left)
	}
}

// A use id that looks like a token or a secret is hidden, and still is one of its own.
func TestUseIDsThatAreHiddenDontMix(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.trade("agent", outside(w.ana(), "ai.batch.run").at(modelsAPI)).AccessToken
	two := w.trade("agent", outside(w.ana(), "ai.batch.run").at(modelsAPI)).AccessToken
	var left []uint32
	for _, id := range []token.Secret{one, two, one} {
		in, err := w.Introspect(context.Background(), w.as("model-gateway"), IntrospectRequest{Token: one, UseID: id.Reveal()})
		w.check(err)
		left = append(left, *in.UsesLeft)
	}
	if !slices.Equal(left, []uint32{2, 1, 1}) {
		t.Errorf("left: %d", left)
	}
}

// Nothing is called as a token is, so to revoke by one where a name belongs is a mistake, and must not look like success.
func TestATokenIsNoSelector(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := w.trade("agent", outside(w.ana(), "ai.training.read").at(dataAPI)).AccessToken.Reveal()
	secret := "ws_" + strings.Repeat("aB3", 15)
	for _, s := range []live.Selector{
		{Kind: live.Subject, Value: secret}, {Kind: live.Subject, Value: "corp:" + secret}, {Kind: live.Group, Value: "corp:" + secret},
		{Kind: live.Client, Value: secret}, {Kind: live.Issuer, Value: secret}, {Kind: live.Key, Value: "corp/" + secret},
		{Kind: live.Group, Value: "corp:" + text[:min(len(text), 500)]},
	} {
		_, err := w.Revoke(context.Background(), w.as("ops"), RevokeRequest{Selector: s})
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != InvalidRequest || strings.Contains(e.Error(), s.Value) {
			t.Errorf("%s: %T", s.Kind, err)
		}
	}
}

// An outside token meets the same checks as any other: a rule for the client and its subject.
func TestT47_OutsideTokensNeedARuleToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, client := range []string{"summarizer", "deployer", "data-gateway", "ops", "stranger"} {
		if _, err := w.Exchange(context.Background(), w.as(client), outside(w.ana(), "ai.training.read").at(dataAPI)); err == nil {
			t.Errorf("%s traded ana's token", client)
		}
	}
	text, err := w.ci.Token("repo:example/models:production", "whittle", map[string]any{"repository_owner": "evil"})
	w.check(err)
	w.refusal("deployer", outside(token.NewSecret(text)), InvalidRequest)
}

// This server is neither an outside issuer nor a resource: a token of ours would escape its lineage, or
// an exchange-only one become usable.
func TestT54_OurOwnTokensAreNoOutsideTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for reason, edit := range map[string]string{
		"own_issuer":   strings.Replace(w.policy, "url: "+w.ci.URL, "url: "+self, 1),
		"own_resource": strings.Replace(w.policy, archive, self, -1),
	} {
		_, err := w.ApplyPolicy(context.Background(), w.as("ops"), ApplyRequest{YAML: []byte(edit), Expected: w.image.View().Policy.Version()})
		if mustBe(t, err, Precondition).Reason() != reason {
			t.Errorf("refused for %v, want %s", err, reason)
		}
	}
}
