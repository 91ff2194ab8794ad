package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

func (w *world) keys() []SigningKey {
	w.t.Helper()
	keys, err := w.Keys(context.Background(), w.as("ops"))
	w.check(err)
	return keys
}

func stateOf(keys []SigningKey, kid string) KeyState {
	for _, k := range keys {
		if k.ID == kid {
			return k.State
		}
	}
	return 0
}

func TestARetiredKeyIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	first := w.signer()
	issued := w.trade("agent", outside(w.ana(), "ai.training.read").at(dataAPI))
	keys, err := w.RetireKey(ctx, w.as("ops"), first)
	w.check(err)
	second := w.signer()
	if second == first || stateOf(keys, first) != KeyRetired || stateOf(keys, second) != KeySigning {
		t.Errorf("after retiring: %v", keys)
	}
	if !w.look("data-gateway", issued.AccessToken).Active {
		t.Error("what it signed is no longer good")
	}
	again, err := w.RetireKey(ctx, w.as("ops"), first)
	w.check(err)
	if len(again) != 2 || w.signer() != second {
		t.Errorf("retiring it again: %v", again)
	}
	_, err = w.RetireKey(ctx, w.as("ops"), "no-such-key")
	mustBe(t, err, NotFound)
}

// A key that waits takes over from one that is retired, and one that is retired before it signs never does.
func TestARetiredKeyIsFollowedByTheOneThatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.signer()
	second := w.rotateKey(KeyOverlap).ID
	if stateOf(w.keys(), second) != KeyPublished {
		t.Fatalf("%v", w.keys())
	}
	keys, err := w.RetireKey(context.Background(), w.as("ops"), first)
	w.check(err)
	if w.signer() != second || len(keys) != 2 {
		t.Errorf("%v", keys)
	}
	third := w.rotateKey(KeyOverlap).ID
	keys, err = w.RetireKey(context.Background(), w.as("ops"), third)
	w.check(err)
	w.clock.pass(2 * KeyOverlap)
	if w.signer() != second || stateOf(keys, third) != KeyRetired || len(keys) != 3 {
		t.Errorf("%v", keys)
	}
	w.clock.pass(KeyLife)
	w.check(w.KeepOnce(context.Background()))
	w.clock.pass(KeyOverlap)
	if w.signer() == second {
		t.Error("housekeeping took the key that never signed for a rotation")
	}
}

func TestARevokedKeyIsOnTheRecordWithItsReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	issued := w.trade("agent", outside(w.ana(), "ai.training.read").at(dataAPI))
	first := w.signer()
	keys, err := w.RevokeKey(context.Background(), w.as("ops"), first, "found in a bucket")
	w.check(err)
	if stateOf(keys, first) != KeyRevoked || w.signer() == first || w.published(first) || w.look("data-gateway", issued.AccessToken).Active {
		t.Errorf("%v", keys)
	}
	list, err := w.Revocations(context.Background(), w.as("ops"), 0, 10)
	w.check(err)
	if len(list) != 1 || list[0].Selector.Value != first || list[0].Reason != "found in a bucket" || list[0].By != "ops" {
		t.Errorf("%+v", list)
	}
	_, err = w.RevokeKey(context.Background(), w.as("ops"), "corp/k1", "") // an outside key is for whoever holds revoke.any
	mustBe(t, err, NotFound)
	w.restart()
	if stateOf(w.keys(), first) != KeyRevoked || w.look("data-gateway", issued.AccessToken).Active {
		t.Error("it came back")
	}
}

func TestARotationMayHurry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.signer()
	if next := w.rotateKey(0); next.State != KeySigning || w.signer() != next.ID || w.signer() == first {
		t.Errorf("%v", next)
	}
	for _, overlap := range []time.Duration{-time.Second, KeyLife + time.Second} {
		_, err := w.RotateKey(context.Background(), w.as("ops"), &overlap)
		mustBe(t, err, InvalidRequest)
	}
}

// Whatever is done to the keys in whatever order, one signs at each moment from then on, and no revoked or
// retired one does.
func TestSomeKeyAlwaysSignsProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		keys := []store.Key{{ID: "0", Active: now}}
		for i := range rapid.IntRange(1, 8).Draw(t, "steps") {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Minute, KeyOverlap, KeyLife}).Draw(t, "pass"))
			which := rapid.IntRange(0, len(keys)-1).Draw(t, "which")
			switch rapid.SampledFrom([]string{"rotate", "retire", "revoke"}).Draw(t, "do") {
			case "rotate":
				active := now.Add(rapid.SampledFrom([]time.Duration{0, time.Minute, KeyOverlap, KeyLife}).Draw(t, "overlap"))
				keys = append(retired(keys, active), store.Key{ID: fmt.Sprint(i + 1), Active: active})
			case "revoke":
				keys[which].Revoked = true
				fallthrough
			default:
				retired(keys[which:which+1], now)
				if !succession(keys, now) {
					keys = append(keys, store.Key{ID: fmt.Sprint(i + 1), Active: now})
				}
			}
			for _, ahead := range []time.Duration{0, time.Second, time.Minute, KeyOverlap, KeyOverlap + 1, KeyLife, 2 * KeyLife} {
				signing := 0
				for _, k := range keys {
					if signingKey(k, now.Add(ahead)).State == KeySigning {
						signing++
					}
				}
				if signing == 0 {
					t.Fatalf("none signs after %v: %+v", ahead, keys)
				}
			}
		}
	})
}

// Only key.manage counts: not even whoever may revoke anything else may look after the keys.
func TestKeysNeedTheirOwnPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ops, _ := w.image.View().Policy.Client("ops")
	if !ops.Can(policy.KeyManage) {
		t.Fatal("the test's policy changed")
	}
	w.apply(strings.Replace(w.policy, ", key.manage", "", 1))
	_, err := w.RevokeKey(context.Background(), w.as("ops"), w.signer(), "")
	mustBe(t, err, AccessDenied)
}
