package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/policy"
)

func (w *world) rollback(version uint64) (Policy, error) {
	return w.RollbackPolicy(context.Background(), w.as("ops"), RollbackRequest{Version: version, Expected: w.image.View().Policy.Version()})
}

func TestThePagesOfTheHistoryAreTheWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	for i := range 6 {
		w.apply(w.policy + fmt.Sprintf("# %d\n", i))
	}
	for _, size := range []int{1, 2, 3, 7, 8} {
		var got []uint64
		for page := ""; ; {
			found, next, err := w.Policies(ctx, w.as("ops"), size, page)
			w.check(err)
			for _, p := range found {
				got = append(got, p.Version)
			}
			if page = next; page == "" {
				break
			}
			if len(got) > 100 {
				t.Fatal("no end")
			}
		}
		if !slices.Equal(got, []uint64{7, 6, 5, 4, 3, 2, 1}) {
			t.Errorf("pages of %d: %v", size, got)
		}
	}
	_, next, err := w.Policies(ctx, w.as("ops"), 2, "")
	w.check(err)
	w.apply(w.policy + "# meanwhile\n")
	found, _, err := w.Policies(ctx, w.as("ops"), 2, next)
	if err != nil || found[0].Version != 5 {
		t.Errorf("a page is not stable: %v, %v", found, err)
	}
	for _, bad := range []string{"x", next + "A", next[:len(next)-1], "AQ", listOf("others").numbered(3), listOf("policies").token("abc")} {
		_, _, err := w.Policies(ctx, w.as("ops"), 2, bad)
		mustBe(t, err, InvalidRequest)
	}
}

func TestARollbackIsANewVersionThatIsCheckedLikeAnyOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	first := w.policy
	w.apply(strings.Replace(first, "  stranger:", "  renamed:", 1))
	made, err := w.rollback(1)
	w.check(err)
	if made.Version != 3 || string(made.YAML) != first || made.Note != "back to version 1" || w.image.View().Policy.Version() != 3 {
		t.Errorf("%d, %q", made.Version, made.Note)
	}
	if err := w.knocks("stranger"); !errors.Is(err, clientauth.ErrInvalid) {
		t.Errorf("a client that came back has its old secret: %v", err)
	}
	if _, err := w.RollbackPolicy(ctx, w.as("ops"), RollbackRequest{Version: 1, Expected: 2}); err == nil {
		t.Error("somebody else's change was overwritten")
	} else {
		mustBe(t, err, Conflict)
	}
	for _, version := range []uint64{0, 99} {
		if _, err := w.rollback(version); err == nil {
			t.Errorf("version %d", version)
		}
	}
	// ops loses its secrets by a policy of another administrator; going back to where only ops is one would
	// lock everybody out, though it was a good policy then.
	w.apply(strings.Replace(first, "  ops: ", "  ops-two: ", 1))
	boss, err := w.CreateSecret(ctx, w.as("bootstrap"), "ops-two", 0)
	w.check(err)
	w.secrets["ops-two"] = boss.Secret
	w.clock.pass(BootstrapLife)
	_, err = w.RollbackPolicy(ctx, w.as("ops-two"), RollbackRequest{Version: 1, Expected: 4})
	if got := mustBe(t, err, Precondition).Reason(); got != "no_administrator" {
		t.Errorf("refused for %q", got)
	}
}

// Going back in the policy brings nothing back that was revoked.
func TestARollbackUndoesNoRevocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	token := w.trade("agent", outside(w.ana(), "ai.training.read").at(dataAPI)).AccessToken
	w.apply(w.policy + "# second\n")
	for _, s := range []live.Selector{live.OfClient("agent"), live.OfIssuer("ci")} {
		_, err := w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: s, Block: true})
		w.check(err)
	}
	_, err := w.rollback(1)
	w.check(err)
	if w.look("data-gateway", token).Active {
		t.Error("the token is good again")
	}
	if err := w.knocks("agent"); !errors.Is(err, clientauth.ErrInvalid) {
		t.Errorf("the blocked client is let in: %v", err)
	}
	w.refusal("deployer", outside(w.pipeline()), InvalidRequest)
}

func TestADiffIsByLinesAndByItems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	wider := strings.Replace(w.policy, "key.manage]", "key.manage, state.backup]", 1)
	w.apply(wider)
	byVersion, err := w.DiffPolicy(ctx, w.as("ops"), DiffRequest{From: 1})
	w.check(err)
	byText, err := w.DiffPolicy(ctx, w.as("ops"), DiffRequest{From: 1, YAML: []byte(wider)})
	w.check(err)
	for _, d := range []PolicyDiff{byVersion, byText} {
		if len(d.Items) != 1 || d.Items[0].Name != "ops" || d.Items[0].Change != policy.Changed || !slices.Equal(d.Items[0].Added, []string{"may: state.backup"}) {
			t.Errorf("%+v", d.Items)
		}
		if !strings.Contains(d.Unified, "\n+  ops:") || !strings.Contains(d.Unified, "--- policy.yaml (version 1)\n") || !strings.Contains(d.Unified, "\n@@ ") {
			t.Errorf("%s", d.Unified)
		}
	}
	same, err := w.DiffPolicy(ctx, w.as("ops"), DiffRequest{From: 2, To: 2})
	if err != nil || same.Unified != "" || len(same.Items) > 0 {
		t.Errorf("%+v, %v", same, err)
	}
	_, err = w.DiffPolicy(ctx, w.as("ops"), DiffRequest{From: 1, YAML: []byte("format: [")})
	if _, ok := errors.AsType[*policy.Problems](error(mustBe(t, err, InvalidRequest))); !ok {
		t.Errorf("without its problems: %v", err)
	}
	_, err = w.DiffPolicy(ctx, w.as("ops"), DiffRequest{From: 9})
	mustBe(t, err, NotFound)
	huge, err := unifiedDiff("a", "b", strings.Repeat("x\n", 1<<19), strings.Repeat("y\n", 1<<19))
	if err != nil || len(huge) > maxUnified+100 || !strings.HasSuffix(huge, "too long.\n") {
		t.Errorf("%d bytes, %v", len(huge), err)
	}
	many := make([]policy.Difference, 100_000)
	for i := range many {
		many[i] = policy.Difference{Section: "clients", Name: fmt.Sprint(i), Change: policy.Added, Added: []string{"auth: client_secret"}}
	}
	if cut := fewEnough(many); len(cut) > 50_000 || cut[len(cut)-1].Change != 0 {
		t.Errorf("%d differences", len(cut))
	}
}
