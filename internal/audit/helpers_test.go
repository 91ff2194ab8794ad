package audit

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

var noon = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

// open starts a log on the store whose clock stands at noon.
func open(t testing.TB, s store.Store) *Log {
	t.Helper()
	l, err := Open(Config{Store: s, Now: func() time.Time { return noon }, Random: rand.Reader, Issuer: "https://whittle.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// sample is an exchange as the engine records it.
func sample(subject string) Event {
	return Event{
		Kind: KindExchange, Outcome: OutcomeGranted, Time: noon,
		Client: "research-agent", Credential: "c1", Wire: "grpc", From: "192.0.2.7", Policy: 7, Rev: 12,
		Rule: "research agents work for people at corp",
		Asked: &Asked{
			Resource: []string{"https://data.example.com"}, Scope: []string{"ai.training.read", "ai.deploy.manage"},
			Lifetime: 600, SubjectTokenType: "urn:ietf:params:oauth:token-type:jwt",
		},
		SubjectToken: &Token{
			ID: "3q2-7wAAAAAAAAAAAAAAAA", Issuer: "corp", Key: "corp/k1", Form: "jwt",
			Issued: noon.Add(-time.Hour), Expires: noon.Add(time.Hour),
		},
		Granted: &Granted{
			Audience: []string{"https://data.example.com"}, Scope: []string{"ai.training.read"},
			Reach:   []Reach{{Resource: "https://data.example.com", Scope: []string{"ai.training.read"}}},
			Expires: noon.Add(10 * time.Minute), Form: "jwt", Key: "k7", Depth: 2,
			Token: "AAAAAAAAAAAAAAAAAAAAAQ", Task: "AAAAAAAAAAAAAAAAAAAAAg", Lineage: []string{"3q2-7wAAAAAAAAAAAAAAAA"},
		},
		Removed: []Removal{{By: "roles", Scope: "ai.deploy.manage", Resource: "https://data.example.com"}},
		People: []Person{{Role: RoleSubject, Personal: Personal{
			Issuer: "corp", Subject: subject, Groups: []string{"research"},
			Attributes: map[string]any{"mfa": true, "level": int64(3), "score": 1.0},
			Bindings:   []string{"researchers with MFA"}, Label: "quarterly report",
		}}},
	}
}

// prepare makes an entry or ends the test.
func prepare(t testing.TB, l *Log, e Event) Entry {
	t.Helper()
	entry, err := l.Prepare(e)
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// record writes an event by itself or ends the test.
func record(t testing.TB, l *Log, e Event) uint64 {
	t.Helper()
	index, err := l.Do(context.Background(), prepare(t, l, e).op())
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// stored is the bytes of the entry at index.
func stored(t testing.TB, l *Log, index uint64) []byte {
	t.Helper()
	items, err := l.List(context.Background(), index, 1)
	if err != nil || len(items) != 1 || items[0].Index != index {
		t.Fatalf("entry %d: %v, %v", index, items, err)
	}
	return items[0].Bytes
}

// event is that of an entry with its people opened, for those who may know who they are. Whoever
// was erased comes back as such.
func (l *Log) event(ctx context.Context, entry []byte) (Event, error) {
	e, err := Decode(entry)
	if err != nil {
		return Event{}, err
	}
	err = l.store.View(ctx, func(r store.Reader) error { return openEvent(r, &e) })
	if err != nil {
		return Event{}, err
	}
	return e, nil
}
