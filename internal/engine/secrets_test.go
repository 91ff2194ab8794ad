package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

// proves says whether the secret is good for the client.
func (w *world) proves(client string, secret token.Secret) bool {
	_, err := w.auth.Authenticate(clientauth.Credentials{Method: clientauth.SecretBasic, ClientID: client, Secret: secret}, clientauth.Origin{})
	return err == nil
}

func (w *world) secretsNow(client string) []ClientSecret {
	w.t.Helper()
	found, _, err := w.Clients(context.Background(), w.as("ops"), client, 1, "")
	w.check(err)
	return found[0].Secrets
}

// changes lists what the log says of credentials from the index on.
func (w *world) changes(from uint64) (out []string) {
	w.t.Helper()
	items, err := w.log.List(context.Background(), from, 10_000)
	w.check(err)
	for _, item := range items {
		event, err := audit.Decode(item.Bytes)
		w.check(err)
		if event.Kind == audit.KindCredential {
			out = append(out, event.Change.Action+" "+event.Change.Client+" by "+event.Client)
		}
	}
	return out
}

func TestASecretIsRotatedWithAnOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.secrets["agent"]
	from := w.log.Size()
	made, earlier, err := w.RotateSecret(context.Background(), w.as("ops"), "agent", time.Hour)
	w.check(err)
	if len(earlier) != 1 || !earlier[0].Usable || earlier[0].Expires.Sub(made.Created) != time.Hour {
		t.Errorf("the earlier ones: %+v", earlier)
	}
	w.clock.pass(time.Hour - time.Second)
	if !w.proves("agent", old) || !w.proves("agent", made.Secret) {
		t.Error("not both are good within the overlap")
	}
	w.restart()
	w.clock.pass(time.Second)
	if w.proves("agent", old) || !w.proves("agent", made.Secret) {
		t.Error("after the overlap")
	}
	now, earlier, err := w.RotateSecret(context.Background(), w.as("ops"), "agent", 0)
	w.check(err)
	if w.proves("agent", made.Secret) || !w.proves("agent", now.Secret) || len(earlier) != 2 {
		t.Errorf("without an overlap: %+v", earlier)
	}
	if got := w.changes(from); !slices.Equal(got, []string{"rotated agent by ops", "rotated agent by ops"}) {
		t.Errorf("on the record: %v", got)
	}
	for _, overlap := range []time.Duration{-1, MaxOverlap + 1} {
		_, _, err := w.RotateSecret(context.Background(), w.as("ops"), "agent", overlap)
		mustBe(t, err, InvalidRequest)
	}
	_, _, err = w.RotateSecret(context.Background(), w.as("ops"), "nobody", 0)
	mustBe(t, err, NotFound)
}

func TestASecretWithALifetimeEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made, err := w.CreateSecret(context.Background(), w.as("ops"), "agent", time.Minute)
	w.check(err)
	if made.Expires.Sub(made.Created) != time.Minute || !w.proves("agent", made.Secret) {
		t.Errorf("%+v", made)
	}
	w.clock.pass(time.Minute)
	if w.proves("agent", made.Secret) || !w.proves("agent", w.secrets["agent"]) {
		t.Error("it didn't end, or took the other with it")
	}
}

func TestASecretIsDisabledEnabledAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	first := w.secrets["agent"]
	w.clock.pass(time.Second)
	second, err := w.CreateSecret(ctx, w.as("ops"), "agent", 0)
	w.check(err)
	from := w.log.Size()
	now, err := w.DisableSecret(ctx, w.as("ops"), "agent", second.ID)
	w.check(err)
	if w.proves("agent", second.Secret) || !w.proves("agent", first) || len(now) != 2 || !now[1].Disabled || now[1].Usable || now[0].Disabled {
		t.Errorf("disabled: %+v", now)
	}
	_, err = w.DisableSecret(ctx, w.as("ops"), "agent", second.ID) // once more: no entry
	w.check(err)
	w.restart()
	if w.proves("agent", second.Secret) {
		t.Error("good again after a restart")
	}
	_, err = w.DisableSecret(ctx, w.as("ops"), "agent", "") // all
	w.check(err)
	if w.proves("agent", first) {
		t.Error("one of all is still good")
	}
	_, err = w.EnableSecret(ctx, w.as("ops"), "agent", "")
	w.check(err)
	_, err = w.EnableSecret(ctx, w.as("ops"), "agent", "")
	w.check(err)
	if !w.proves("agent", first) || !w.proves("agent", second.Secret) {
		t.Error("not enabled")
	}
	now, err = w.DeleteSecret(ctx, w.as("ops"), "agent", second.ID)
	w.check(err)
	if w.proves("agent", second.Secret) || len(now) != 1 {
		t.Errorf("deleted: %+v", now)
	}
	want := []string{"disabled agent by ops", "disabled agent by ops", "enabled agent by ops", "deleted agent by ops"}
	if got := w.changes(from); !slices.Equal(got, want) {
		t.Errorf("on the record: %v", got)
	}
	for _, try := range []func(string, string) ([]ClientSecret, error){
		func(c, id string) ([]ClientSecret, error) { return w.DisableSecret(ctx, w.as("ops"), c, id) },
		func(c, id string) ([]ClientSecret, error) { return w.EnableSecret(ctx, w.as("ops"), c, id) },
		func(c, id string) ([]ClientSecret, error) { return w.DeleteSecret(ctx, w.as("ops"), c, id) },
	} {
		_, err := try("agent", second.ID)
		mustBe(t, err, NotFound)
		_, err = try("nobody", second.ID)
		mustBe(t, err, NotFound)
	}
	_, err = w.DeleteSecret(ctx, w.as("ops"), "agent", "")
	mustBe(t, err, InvalidRequest)
}

// EnableSecret undoes DisableSecret, not the end of a secret.
func TestAnEndedSecretIsNotRevived(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.clock.pass(time.Second)
	made, err := w.CreateSecret(ctx, w.as("ops"), "agent", time.Minute)
	w.check(err)
	_, err = w.DisableSecret(ctx, w.as("ops"), "agent", made.ID)
	w.check(err)
	w.clock.pass(time.Minute)
	now, err := w.EnableSecret(ctx, w.as("ops"), "agent", made.ID)
	w.check(err)
	if w.proves("agent", made.Secret) || now[1].Usable {
		t.Errorf("%+v", now)
	}
}

// Taking away acts though it can't be made durable; giving back doesn't before it is.
func TestWhatIsTakenIsGoneBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(*world, clientauth.Caller, string) error{
		"disable": func(w *world, caller clientauth.Caller, id string) error {
			_, err := w.DisableSecret(context.Background(), caller, "agent", id)
			return err
		},
		"delete": func(w *world, caller clientauth.Caller, id string) error {
			_, err := w.DeleteSecret(context.Background(), caller, "agent", id)
			return err
		},
	} {
		w := newWorld(t)
		caller := w.as("ops")
		id := w.secretsNow("agent")[0].ID
		w.faults.fail(1, 0)
		mustBe(t, take(w, caller, id), TemporarilyUnavailable)
		if w.proves("agent", w.secrets["agent"]) {
			t.Errorf("%s: still good", name)
		}
		_, err := w.CreateSecret(context.Background(), caller, "summarizer", 0) // reads the state anew
		w.check(err)
		if w.proves("agent", w.secrets["agent"]) {
			t.Errorf("%s: good again", name)
		}
		w.faults.fail(1, 0)
		_, err = w.EnableSecret(context.Background(), caller, "agent", id)
		mustBe(t, err, TemporarilyUnavailable)
		if w.proves("agent", w.secrets["agent"]) {
			t.Errorf("%s: given back before that was durable", name)
		}
		w.check(take(w, caller, id))
		if w.proves("agent", w.secrets["agent"]) {
			t.Errorf("%s: asked again", name)
		}
	}
}

// Nobody locks everybody out: the last secret by which a policy can be applied stays.
func TestTheLastAdministratorsSecretStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	ops := w.secretsNow("ops")[0].ID
	_, err := w.DisableSecret(ctx, w.as("bootstrap"), "ops", ops) // on the first day there is another way in
	w.check(err)
	_, err = w.EnableSecret(ctx, w.as("bootstrap"), "ops", ops)
	w.check(err)
	w.clock.pass(BootstrapLife)
	caller := w.as("ops")
	for name, try := range map[string]func() error{
		"disable":     func() error { _, err := w.DisableSecret(ctx, caller, "ops", ops); return err },
		"disable all": func() error { _, err := w.DisableSecret(ctx, caller, "ops", ""); return err },
		"delete":      func() error { _, err := w.DeleteSecret(ctx, caller, "ops", ops); return err },
	} {
		if got := mustBe(t, try(), Precondition).Reason(); got != "no_administrator" {
			t.Errorf("%s: refused for %q", name, got)
		}
	}
	if !w.proves("ops", w.secrets["ops"]) {
		t.Error("refused, and taken all the same")
	}
	made, _, err := w.RotateSecret(ctx, caller, "ops", 0) // how to be rid of it
	w.check(err)
	if w.proves("ops", w.secrets["ops"]) || !w.proves("ops", made.Secret) {
		t.Error("rotation")
	}
	second, err := w.CreateSecret(ctx, caller, "ops", 0)
	w.check(err)
	_, err = w.DeleteSecret(ctx, caller, "ops", made.ID)
	w.check(err)
	w.secrets["ops"] = second.Secret
	_, err = w.DisableSecret(ctx, w.as("ops"), "ops", second.ID)
	mustBe(t, err, Precondition)
}

func TestClientsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	all := w.image.View().Policy.Clients()
	for size := 1; size <= len(all)+1; size++ {
		var got []string
		for page := ""; len(got) < 100; {
			found, next, err := w.Clients(ctx, w.as("ops"), "", size, page)
			w.check(err)
			for _, c := range found {
				got = append(got, c.ID)
			}
			if page = next; page == "" {
				break
			}
		}
		if !slices.Equal(got, all) {
			t.Errorf("pages of %d: %v", size, got)
		}
	}
	found, _, err := w.Clients(ctx, w.as("ops"), "ops", 10, "")
	w.check(err)
	if len(found) != 1 || !slices.Contains(found[0].May, policy.ClientManage) || len(found[0].Secrets) != 1 || found[0].Blocked {
		t.Errorf("%+v", found)
	}
	_, _, err = w.Clients(ctx, w.as("ops"), "nobody", 10, "")
	mustBe(t, err, NotFound)
	_, next, err := w.Clients(ctx, w.as("ops"), "", 1, "")
	w.check(err)
	_, _, err = w.Clients(ctx, w.as("ops"), "ops", 1, next) // another question
	mustBe(t, err, InvalidRequest)
}

func TestWhenASecretWasLastUsedSurvivesARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	if at := w.secretsNow("stranger")[0].LastUsed; !at.IsZero() {
		t.Fatalf("used at %v", at)
	}
	w.clock.pass(90 * time.Second)
	w.as("stranger")
	w.proves("stranger", token.NewSecret("wrong"))
	used := w.secretsNow("stranger")[0].LastUsed
	if ago := w.Engine.clock.Now().Sub(used); ago < 0 || ago > time.Minute {
		t.Errorf("used %v ago", ago)
	}
	size := w.log.Size()
	w.check(w.KeepOnce(ctx))
	if w.log.Size() != size {
		t.Error("noting it made an entry")
	}
	w.restart()
	if at := w.secretsNow("stranger")[0].LastUsed; !at.Equal(used) {
		t.Errorf("after a restart %v, not %v", at, used)
	}
	w.clock.pass(time.Hour)
	w.as("stranger")
	ended, end := context.WithCancel(ctx)
	end()
	w.Keep(ended, func(err error) { t.Error(err) }) // which writes it at the end
	w.restart()
	if at := w.secretsNow("stranger")[0].LastUsed; at.Sub(used) < 59*time.Minute {
		t.Errorf("what was used before the end: %v", at)
	}
}

// Noting a use doesn't bring back what was taken meanwhile.
func TestNotingAUseRevivesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.clock.pass(time.Hour)
	w.as("agent")
	id := w.secretsNow("agent")[0].ID
	_, err := w.DeleteSecret(ctx, w.as("ops"), "agent", id)
	w.check(err)
	w.check(w.log.NoteUses(ctx, []audit.Use{{Client: "agent", Credential: id, At: w.Engine.clock.Now()}}))
	w.restart()
	if w.proves("agent", w.secrets["agent"]) {
		t.Error("it came back")
	}
}

func TestEndedSecretsAreDroppedOnTheRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	_, _, err := w.RotateSecret(ctx, w.as("ops"), "agent", 0)
	w.check(err)
	w.clock.pass(keepSecrets - time.Second)
	w.check(w.KeepOnce(ctx))
	if n := len(w.secretsNow("agent")); n != 2 {
		t.Fatalf("%d secrets just before", n)
	}
	from := w.log.Size()
	w.clock.pass(time.Second)
	w.check(w.KeepOnce(ctx))
	if left := w.secretsNow("agent"); len(left) != 1 || !left[0].Usable {
		t.Errorf("left: %+v", left)
	}
	if got := w.changes(from); !slices.Equal(got, []string{"deleted agent by "}) {
		t.Errorf("on the record: %v", got)
	}
}

func TestSecretsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	made := 1
	for ; ; made++ {
		_, err := w.CreateSecret(ctx, w.as("ops"), "agent", 0)
		if err != nil {
			mustBe(t, err, InvalidRequest)
			break
		}
	}
	if made != MaxSecrets {
		t.Errorf("%d secrets", made)
	}
	if _, _, err := w.RotateSecret(ctx, w.as("ops"), "agent", time.Hour); err == nil {
		t.Error("one more by rotation")
	}
	_, _, err := w.RotateSecret(ctx, w.as("ops"), "agent", 0)
	w.check(err)
}

// Whatever rotations follow one another, the newest secret is good from its answer on, and each earlier one
// until its end, so a client that takes each in time is never without.
func TestRotationLeavesNoMomentWithoutASecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller := w.as("ops")
	rapid.Check(t, func(t *rapid.T) {
		w.clock.pass(MaxOverlap) // what earlier runs left has ended
		type held struct {
			secret token.Secret
			ends   time.Time
		}
		first, _, err := w.RotateSecret(context.Background(), caller, "agent", 0)
		w.check(err)
		all := []held{{secret: first.Secret}}
		for range rapid.IntRange(1, 6).Draw(t, "rotations") {
			overlap := rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, time.Hour}).Draw(t, "overlap")
			made, _, err := w.RotateSecret(context.Background(), caller, "agent", overlap)
			w.check(err)
			for i := range all {
				if end := made.Created.Add(overlap); all[i].ends.IsZero() || all[i].ends.After(end) {
					all[i].ends = end
				}
			}
			all = append(all, held{secret: made.Secret})
			w.clock.pass(rapid.SampledFrom([]time.Duration{0, time.Second, 30 * time.Second, time.Hour}).Draw(t, "pass"))
			now := w.Engine.clock.Now()
			for i, h := range all {
				if want := h.ends.IsZero() || now.Before(h.ends); w.proves("agent", h.secret) != want {
					t.Fatalf("secret %d of %d: good %t", i, len(all), !want)
				}
			}
		}
	})
}

// A client that the policy drops loses its secrets for good, also those that were disabled.
func TestADroppedClientsSecretsDontComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	_, err := w.DisableSecret(ctx, w.as("ops"), "stranger", "")
	w.check(err)
	before := w.policy
	w.apply(strings.Replace(before, "  stranger:", "  someone:", 1))
	w.apply(before)
	if left := w.secretsNow("stranger"); len(left) != 0 {
		t.Errorf("%+v", left)
	}
	_, err = w.EnableSecret(ctx, w.as("ops"), "stranger", "")
	mustBe(t, err, NotFound)
	var stored int
	w.check(w.store.View(ctx, func(r store.Reader) error {
		list, err := credentialsOf(r, "stranger")
		stored = len(list)
		return err
	}))
	if stored != 0 {
		t.Errorf("%d are kept", stored)
	}
}

// A secret that is made while a policy without the client is committed would wait for the client's return.
func TestNoSecretIsMadeWhileThePolicyIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	version := w.image.View().Policy.Version()
	outcomes, err := w.faults.Update(ctx, func(tx store.Tx) error { // durable, and not in the image yet
		return tx.PutPolicy(store.Policy{Version: version + 1, YAML: []byte("format: 1")})
	})
	w.check(errors.Join(append(outcomes, err)...))
	admin := w.as(w.boot.Client)
	_, err = w.CreateSecret(ctx, admin, "agent", 0)
	if Fault(err).Code != Conflict {
		t.Errorf("making one: %v", err)
	}
	if _, _, err := w.RotateSecret(ctx, admin, "agent", 0); Fault(err).Code != Conflict {
		t.Errorf("rotating: %v", err)
	}
}
