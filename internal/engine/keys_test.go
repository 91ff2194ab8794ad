package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/live"
)

// published says whether the key set has the key.
func (w *world) published(kid string) bool {
	return strings.Contains(string(w.image.View().Keys.JWKS()), kid)
}

// signer is the key that signs a token made now.
func (w *world) signer() string {
	w.t.Helper()
	_, kid := w.claims(w.task())
	return kid
}

func (w *world) rotateKey(overlap time.Duration) SigningKey {
	w.t.Helper()
	made, err := w.RotateKey(context.Background(), w.as("ops"), &overlap)
	w.check(err)
	return made
}

func (w *world) revokeKeyOf(kid string) {
	w.t.Helper()
	_, err := w.Revoke(context.Background(), w.as("ops"), RevokeRequest{Selector: live.OfKey(kid)})
	w.check(err)
}

func TestARotatedKeyIsPublishedBeforeItSigns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.signer()
	w.rotateKey(KeyOverlap)
	if n := strings.Count(string(w.image.View().Keys.JWKS()), `"kid"`); n != 2 {
		t.Fatalf("%d keys are published", n)
	}
	w.clock.pass(KeyOverlap - time.Second)
	if kid := w.signer(); kid != first {
		t.Fatal("the new key signs before everybody has it")
	}
	last := w.trade("agent", outside(w.ana(), "ai.training.read"))
	w.clock.pass(time.Second)
	second := w.signer()
	if second == first {
		t.Fatal("the old key signs on")
	}
	if w.claims(last.AccessToken); !w.published(first) {
		t.Error("the old key isn't published although its tokens are good")
	}
	w.restart()
	if kid := w.signer(); kid != second {
		t.Error("another key signs after a restart")
	}
}

func TestHousekeepingRotatesAndDropsKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	first := w.signer()
	w.clock.pass(KeyLife)
	w.check(w.KeepOnce(ctx))
	w.check(w.KeepOnce(ctx)) // once is enough
	if n := w.image.View().Keys.Len(); n != 2 {
		t.Fatalf("%d keys after the first one's life", n)
	}
	w.clock.pass(KeyOverlap + 7*24*time.Hour - time.Second)
	w.check(w.KeepOnce(ctx))
	if !w.published(first) {
		t.Fatal("dropped while a token may be live")
	}
	w.clock.pass(time.Second)
	w.check(w.KeepOnce(ctx))
	if w.image.View().Keys.Has(first) || w.signer() == first {
		t.Error("kept beyond its last token")
	}
	items, err := w.log.List(ctx, 0, 1000)
	w.check(err)
	var actions []string
	for _, item := range items {
		event, err := audit.Decode(item.Bytes)
		w.check(err)
		if event.Kind == audit.KindKey {
			actions = append(actions, event.Change.Action)
		}
	}
	if got := strings.Join(actions, " "); got != "added added deleted" {
		t.Errorf("on the record: %s", got)
	}
	w.restart()
	if w.image.View().Keys.Has(first) {
		t.Error("back after a restart")
	}
}

func TestARevokedSigningKeyIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	task := w.task()
	_, kid := w.claims(task)
	w.revokeKeyOf(kid)
	if w.published(kid) || w.image.View().Keys.Len() != 2 {
		t.Error("still published, or not replaced")
	}
	if refused := w.refusal("agent", own(task, "ai.training.read"), InvalidRequest); refused.Reason() != "not_verified" {
		t.Errorf("reason %q", refused.Reason())
	}
	if w.signer() == kid {
		t.Error("it still signs")
	}
	w.revokeKeyOf(kid) // asking again makes no further key
	if n := w.image.View().Keys.Len(); n != 2 {
		t.Errorf("%d keys", n)
	}
	_, err := w.Unblock(context.Background(), w.as("ops"), live.OfKey(kid))
	mustBe(t, err, InvalidRequest)
}

// Whatever key is revoked, some key signs, now and later.
func TestSomeKeyAlwaysSigns(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"the old key", "the signing key", "the next key"} {
		w := newWorld(t)
		ctx := context.Background()
		keys := []string{w.signer()}
		next := func() string {
			records, err := w.storedKeys(ctx)
			w.check(err)
			for _, k := range records {
				if k.Retired.IsZero() {
					return k.ID
				}
			}
			t.Fatal("every key is retired")
			return ""
		}
		w.rotateKey(KeyOverlap)
		keys = append(keys, next())
		w.clock.pass(KeyOverlap)
		w.rotateKey(KeyOverlap)
		keys = append(keys, next())
		before := w.signer()
		revoked := map[string]string{"the old key": keys[0], "the signing key": keys[1], "the next key": keys[2]}[which]
		w.revokeKeyOf(revoked)
		after := w.signer()
		if which == "the old key" && after != before {
			t.Errorf("%s: another key signs, of which nobody has heard", which)
		}
		w.clock.pass(2 * KeyOverlap)
		if kid := w.signer(); kid == revoked {
			t.Errorf("%s was revoked and signs", which)
		}
		next()
	}
}

// An opaque token isn't signed, but what it came from was.
func TestAnOpaqueTokenDiesWithTheKeyOfItsParent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	task := w.trade("agent", outside(w.ana(), "ai.batch.run"))
	batch := w.trade("agent", own(task.AccessToken, "ai.batch.run").at(modelsAPI))
	_, kid := w.claims(task.AccessToken)
	w.revokeKeyOf(kid)
	if in := w.look("model-gateway", batch.AccessToken); in.Active {
		t.Error("it lives")
	}
}
