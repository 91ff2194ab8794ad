package engine

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/lately"
	"github.com/whittle-sts/whittle/internal/token"
)

func TestTheMemoHoldsForItsKeysOnly(t *testing.T) {
	t.Parallel()
	m := newMemo()
	digest := lately.DigestOf("a token")
	m.put(digest, &verified{ring: 1})
	if _, ok := m.get(digest, 1); !ok {
		t.Error("what was verified is forgotten")
	}
	if _, ok := m.get(digest, 2); ok {
		t.Error("what was verified under other keys was taken as verified")
	}
}

// What a policy gives of a token until an hour must end at that hour, however often it was asked before.
func TestAnAnswerIsKeptOnlyUntilTimeMayChangeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	visitorLeaves := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC) // testdata/policy.yaml
	w.clock.pass(visitorLeaves.Add(-5 * time.Minute).Sub(w.clock.now()))
	vera := outside(w.person("vera", nil), "ai.training.read")
	read := w.trade("agent", own(w.trade("agent", vera).AccessToken, "ai.training.read").at(dataAPI)).AccessToken
	for range 2 {
		if !w.look("data-gateway", read).Active {
			t.Fatal("inactive before the visitor's binding ended")
		}
	}
	w.clock.pass(5*time.Minute - time.Second)
	if !w.look("data-gateway", read).Active {
		t.Error("inactive a second before the visitor's binding ended")
	}
	w.clock.pass(time.Second)
	if w.look("data-gateway", read).Active {
		t.Error("active after the visitor's binding ended: an old answer was kept")
	}
}

// A new secret or policy doesn't touch the keys, and must not cost every token its next signature.
func TestTheKeysStayWhenOtherThingsChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys := w.image.View().Keys
	w.apply(w.policy)
	if _, err := w.CreateSecret(context.Background(), w.as("ops"), "agent", 0); err != nil || w.image.View().Keys != keys {
		t.Errorf("the keys were made anew: %v", err)
	}
	if w.rotateKey(KeyOverlap); w.image.View().Keys == keys {
		t.Error("a new key doesn't show")
	}
}

// What one caller was told is another's business only if that one may see it itself.
func TestWhatOneCallerWasToldIsNotTheAnswerToAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
	for range 3 {
		for client, active := range map[string]bool{"data-gateway": true, "model-gateway": false, "agent": false} {
			if in := w.look(client, read); in.Active != active {
				t.Errorf("%s: active = %v", client, in.Active)
			}
		}
	}
}

// The memo holds answers, never that a token lives.
func TestNoKeptAnswerOutlivesItsToken(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, read token.Secret){
		"revoked":  func(w *world, read token.Secret) { w.check(w.RevokeToken(context.Background(), w.as("agent"), read)) },
		"over":     func(w *world, _ token.Secret) { w.clock.pass(24 * time.Hour) },
		"no right": func(w *world, _ token.Secret) { w.apply(strings.Replace(w.policy, "mfa == true", "mfa == false", 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			read := w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
			for range 2 {
				if !w.look("data-gateway", read).Active {
					t.Fatal("inactive at first")
				}
			}
			end(w, read)
			if w.look("data-gateway", read).Active {
				t.Error("still active")
			}
		})
	}
}

func TestWhatWiresMakeOfAnAnswerIsKeptWithThatAnswerAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := 0
	encode := func(in *Introspection) (*Introspection, error) {
		made++
		return in, nil
	}
	read := w.readToken()
	w.look("data-gateway", read) // a token that comes once is not kept
	for range 3 {
		in := w.look("data-gateway", read)
		if got, err := Encoded(&in, Message, encode); err != nil || got.ID != in.ID {
			t.Errorf("%v, %v", got, err)
		}
	}
	if made != 1 {
		t.Errorf("one answer was encoded %d times", made)
	}
	in := w.look("data-gateway", read)
	for left := range uint32(3) {
		counted := in.withUses(left)
		if got, _ := Encoded(counted, Message, encode); *got.UsesLeft != left {
			t.Errorf("%d left: %v", left, got)
		}
	}
	failed := errors.New("failed")
	if _, err := Encoded(&in, JSONText, func(*Introspection) (string, error) { return "", failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	if got, err := Encoded(&in, JSONText, encode); err != nil || got.ID != in.ID {
		t.Errorf("a failure was kept: %v, %v", got, err)
	}
}

func TestAnswersAreKeptOfAFewCallers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	view, now := w.image.View(), w.clock.now()
	as := func(id string) *look { return &look{view: view, caller: clientauth.Caller{ID: id}} }
	var a answers
	for i := range 10 * maxAnswers {
		id := strconv.Itoa(i)
		a.keep(&told{version: view.Policy.Version(), caller: id})
		if got := a.find(as(id), now); got == nil || got.caller != id {
			t.Fatalf("the newest is not there: %v", got)
		}
	}
	if n := len(*a.list.Load()); n != maxAnswers {
		t.Errorf("%d are kept", n)
	}
	if a.find(as("0"), now) != nil {
		t.Error("the oldest is still there")
	}
	a.keep(&told{version: view.Policy.Version(), caller: "1", until: now})
	if a.find(as("1"), now) != nil || len(*a.list.Load()) != maxAnswers {
		t.Error("an answer was found when its time was over, or another left for it")
	}
}
