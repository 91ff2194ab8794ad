package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/store"
)

// stopping is a store whose commits fail from one on, which may have been durable.
type stopping struct {
	store.Store
	left    int // commits that still succeed
	durable bool
}

var errStopped = errors.New("stopped")

func (s *stopping) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	if s.left > 0 {
		s.left--
		return s.Store.Update(ctx, fns...)
	}
	if s.durable {
		_, _ = s.Store.Update(ctx, fns...)
	}
	return nil, errStopped
}

// named says which keys the log names, and by which entry.
func named(t *testing.T, l *Log) map[string]uint64 {
	t.Helper()
	items, err := l.List(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]uint64{}
	for _, i := range items {
		if e, err := Decode(i.Bytes); err == nil && e.Change != nil && e.Change.Action == actionNamed {
			out[e.Change.ID] = i.Index
		}
	}
	return out
}

func TestTheNextKeyTakesOver(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	record(t, l, sample("00u1ana"))
	first := sign(t, l)
	before, after, err := l.RotateKey(t.Context(), Event{Client: "ops"})
	if err != nil || before == after || l.Verifier() != after {
		t.Fatal(before, after, err)
	}
	handover, ok := l.Signed()
	old, next := mustTrust(t, before), mustTrust(t, after)
	if !ok || handover.Size != 2 || opens(old, handover.Note) != nil || opens(next, handover.Note) != nil {
		t.Fatalf("the handover is of %d entries", handover.Size)
	}
	then := sign(t, l)
	if then.Size != 3 || opens(next, then.Note) != nil || opens(old, then.Note) == nil || opens(old, first.Note) != nil {
		t.Errorf("signed: %d", then.Size)
	}
	if at, ok := named(t, l)[after]; !ok || at >= handover.Size {
		t.Error("the log doesn't name the key below its first checkpoint")
	}
	if err := Check(t.Context(), l.store); err != nil {
		t.Error(err)
	}
	l.Close()
	again := open(t, m)
	if again.Verifier() != after || len(again.Handovers()) != 1 {
		t.Error("a restart goes back to the key before")
	}
	if _, third, err := again.RotateKey(t.Context(), Event{Client: "ops"}); err != nil || third == after || len(again.Handovers()) != 2 {
		t.Errorf("once more: %v", err)
	}
	trust, followed, err := mustTrust(t, before).Follow(again.Handovers())
	if err != nil || len(followed) != 2 || opens(trust, sign(t, again).Note) != nil {
		t.Errorf("from the oldest to the newest: %v, %v", followed, err)
	}
}

func opens(trust *checkpoint.Trust, note []byte) error {
	_, err := trust.Open(note)
	return err
}

func mustTrust(t *testing.T, verifier string) *checkpoint.Trust {
	t.Helper()
	trust, err := checkpoint.NewTrust(verifier, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// Wherever a replacement stops, also in a commit that was durable all the same, no checkpoint is signed by a key that the log
// doesn't name, and the keys follow each other.
func TestAReplacementThatStops(t *testing.T) {
	for commits := range 3 {
		for _, durable := range []bool{false, true} {
			for _, restart := range []bool{false, true} {
				m := newMemory()
				s := &stopping{Store: m, left: 1000}
				l := open(t, s)
				record(t, l, sample("00u1ana"))
				sign(t, l)
				origin := l.Verifier()
				s.left, s.durable = commits, durable
				_, _, err := l.RotateKey(t.Context(), Event{Client: "ops"})
				if (err == nil) != (commits == 2) {
					t.Fatalf("after %d commits: %v", commits, err)
				}
				s.left = 1000
				if restart {
					l.Close()
					l = open(t, m)
				}
				record(t, l, sample("00u1bob"))
				last := sign(t, l)
				keys := named(t, l)
				if at, ok := keys[l.Verifier()]; l.Verifier() != origin && (!ok || at >= last.Size) {
					t.Errorf("%d commits, durable %v, restart %v: the log doesn't name its key", commits, durable, restart)
				}
				trust, _, err := mustTrust(t, origin).Follow(l.Handovers())
				if err != nil || opens(trust, last.Note) != nil {
					t.Errorf("%d commits, durable %v, restart %v: the first key doesn't lead to the newest checkpoint: %v", commits, durable, restart, err)
				}
				signs := l.Verifier()
				l.Close()
				if l = open(t, m); l.Verifier() != signs {
					t.Errorf("%d commits, durable %v, restart %v: the store has another key", commits, durable, restart)
				}
				if _, _, err := l.RotateKey(t.Context(), Event{Client: "ops"}); err != nil {
					t.Errorf("%d commits, durable %v, restart %v: the next one: %v", commits, durable, restart, err)
				}
				if err := Check(t.Context(), l.store); err != nil {
					t.Error(err)
				}
				l.Close()
			}
		}
	}
}

// The age of the key in force is told from the log: since its beginning, and then since the key was named, over restarts too.
func TestAgeOfTheLogsKey(t *testing.T) {
	var hours atomic.Int64
	m := newMemory()
	config := Config{Store: m, Random: rand.Reader, Issuer: "https://whittle.example.com", Now: func() time.Time {
		return noon.Add(time.Duration(hours.Add(1)) * time.Hour)
	}}
	l, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := l.SigningSince(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("before the first entry: %v, %v", at, err)
	}
	record(t, l, sample("00u1ana"))
	record(t, l, sample("00u2bo"))
	since := func(index uint64) {
		t.Helper()
		items, err := l.List(t.Context(), index, 1)
		if err != nil || len(items) != 1 {
			t.Fatal(items, err)
		}
		e, err := Decode(items[0].Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if at, err := l.SigningSince(t.Context()); err != nil || !at.Equal(e.Time) {
			t.Errorf("since %v, %v; entry %d is of %v", at, err, index, e.Time)
		}
	}
	since(0)
	for range 2 {
		_, after, err := l.RotateKey(t.Context(), Event{Client: "ops"})
		if err != nil {
			t.Fatal(err)
		}
		record(t, l, sample("00u3cy"))
		since(named(t, l)[after])
	}
	l.Close()
	if l, err = Open(config); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	since(named(t, l)[l.Verifier()])
}
