package engine

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

// called is the policy with another name for an issuer.
func called(policy, issuer, name string) string {
	return strings.NewReplacer("\n  "+issuer+":\n", "\n  "+name+":\n", "issuer: "+issuer+",", "issuer: "+name+",", "issuer: "+issuer+" }", "issuer: "+name+" }").Replace(policy)
}

// without is the policy without the issuer ci.
func without(policy string) string {
	policy = strings.Replace(policy, ", wields: { issuer: ci }", "", 1)
	policy = regexp.MustCompile(`(?m)^  - \{ name: pipeline.*\n`).ReplaceAllString(policy, "")
	policy = regexp.MustCompile(`(?ms)^  ci:\n.*?^bindings`).ReplaceAllString(policy, "bindings")
	return regexp.MustCompile(`(?ms)^  - name: pipeline\n.*?^  - name: export`).ReplaceAllString(policy, "  - name: export")
}

// mustNotName is a policy that is refused for a name of its issuers, with words that say so; a dry run says the same.
func (w *world) mustNotName(yaml string, words string) {
	w.t.Helper()
	ctx := context.Background()
	_, err := w.ApplyPolicy(ctx, w.as("bootstrap"), ApplyRequest{YAML: []byte(yaml), Expected: w.image.View().Policy.Version()})
	refused := mustBe(w.t, err, Precondition)
	if refused.Reason() != "renamed_issuer" || !strings.Contains(refused.Description, words) {
		w.t.Errorf("refused for %s: %s", refused.Reason(), refused.Description)
	}
	problems, err := w.ValidatePolicy(ctx, w.as("ops"), []byte(yaml))
	w.check(err)
	if problems == nil || !strings.Contains(problems.Error(), words) {
		w.t.Errorf("a dry run says %v", problems)
	}
}

// What is revoked and blocked of an issuer hangs on its name, so no policy gives it another one.
func TestARenamedIssuerUndoesNoRevocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	revoked, blocked := w.ana(), w.person("ben", anasClaims())
	w.check(w.RevokeToken(ctx, w.as("ops"), revoked))
	for _, s := range []live.Selector{subjectOf("corp:ben"), live.OfIssuer("ci")} {
		_, err := w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: s, Block: true})
		w.check(err)
	}
	before := w.policy
	w.mustNotName(called(before, "corp", "corp2"), "keep the name corp")
	w.mustNotName(called(before, "ci", "ci2"), "keep the name ci")
	w.apply(without(before))
	w.mustNotName(called(before, "ci", "ci2"), "keep the name ci") // nor in two steps
	w.apply(before)
	w.refusal("agent", outside(revoked, "ai.training.read").at(dataAPI), InvalidRequest)
	w.refusal("agent", outside(blocked, "ai.training.read").at(dataAPI), InvalidRequest)
	w.refusal("deployer", outside(w.pipeline()), InvalidRequest)
}

// A name that was given up is not given to another, and two issuers don't change names: tokens that are out would
// be somebody else's.
func TestAnIssuersNameIsItsOwnForGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, other := w.policy, provider(t, w.clock.now)
	elsewhere := strings.Replace(before, w.ci.URL, other.URL, 1)
	changed := strings.NewReplacer(w.ci.URL, w.corp.URL, w.corp.URL, w.ci.URL).Replace(before)
	w.mustNotName(elsewhere, "the issuer ci has another url")
	w.mustNotName(changed, "has another url")
	w.apply(without(before))
	w.mustNotName(elsewhere, "the issuer ci has another url")
	w.restart()
	w.mustNotName(elsewhere, "the issuer ci has another url")
	_, err := w.RollbackPolicy(context.Background(), w.as("bootstrap"), RollbackRequest{Version: 1, Expected: w.image.View().Policy.Version()})
	w.check(err)
	w.apply(called(elsewhere, "ci", "ci2")) // the way to move: a new name for a new url
	w.mustNotName(called(before, "ci", "ci2"), "the issuer ci2 has another url")
}

// A restored backup knows the names too.
func TestARestoredStateKnowsTheNamesOfIssuers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.policy
	w.apply(without(before))
	w.stop()
	restored := filepath.Join(t.TempDir(), "whittle.db")
	_, err := bolt.Restore(w.path, restored, [16]byte{7})
	w.check(err)
	w.path = restored
	w.start()
	w.mustNotName(strings.Replace(before, w.ci.URL, "https://other.example.com", 1), "the issuer ci has another url")
	w.mustNotName(called(before, "ci", "ci2"), "keep the name ci")
}

// Versions that were applied before names were noted count as well, the newer ones more: what is in force stays so.
func TestNamesOfEarlierVersionsCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	current := w.image.View().Policy.Version()
	w.stop()
	bare := func(yaml string) string { return "format: 1\nissuers:\n" + yaml }
	earlier := []string{
		bare("  old: { url: https://old.example.com, unheard: of }\n"), "not: [yaml", "issuers: [x]\n", "", bare("  odd: 1\n"),
		called(w.policy, "corp", "first"), w.policy,
	}
	db, err := bolt.Open(bolt.Config{Path: w.path})
	w.check(err)
	for i, yaml := range earlier {
		outcomes, err := db.Update(context.Background(), func(tx store.Tx) error {
			return tx.PutPolicy(store.Policy{Version: current + 1 + uint64(i), YAML: []byte(yaml)})
		})
		w.check(err)
		w.check(outcomes[0])
	}
	w.check(db.Close())
	w.start()
	old := "\nissuers:\n  old:\n    url: https://new.example.com\n    audiences: [whittle]\n"
	w.mustNotName(strings.Replace(w.policy, "\nissuers:\n", old, 1), "the issuer old has another url")
	older := strings.NewReplacer("old:", "older:", "//new.", "//old.").Replace(old)
	w.mustNotName(strings.Replace(w.policy, "\nissuers:\n", older, 1), "keep the name old")
	w.mustNotName(called(w.policy, "corp", "first"), "keep the name corp")
	w.apply(w.policy)
}
