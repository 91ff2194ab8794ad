package audit

import (
	"errors"
	"fmt"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

// op is a change of nothing but the log.
func (e Entry) op() func(store.Tx) (Entry, error) {
	return func(store.Tx) (Entry, error) { return e, nil }
}

// pseudonym is how the stored entry names its i-th person.
func pseudonym(t *testing.T, l *Log, index uint64, i int) string {
	t.Helper()
	e, err := Decode(stored(t, l, index))
	if err != nil {
		t.Fatal(err)
	}
	return e.People[i].Key
}

func TestTwoFirstEntriesForOnePersonEndWithOneKey(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	a, b := prepare(t, l, sample("00u1ana")), prepare(t, l, sample("00u1ana"))
	if a.event.People[0].Key == b.event.People[0].Key {
		t.Fatal("the two guessed one key: the test tries nothing")
	}
	for i, entry := range []Entry{a, b} {
		if index, err := l.Do(t.Context(), entry.op()); err != nil || index != uint64(i) {
			t.Fatal(index, err)
		}
	}
	if len(m.state.people) != 1 || pseudonym(t, l, 0, 0) != pseudonym(t, l, 1, 0) {
		t.Fatalf("%d keys for one person", len(m.state.people))
	}
	for i := range uint64(2) {
		if e, err := l.event(t.Context(), stored(t, l, i)); err != nil || e.People[0].Subject != "00u1ana" {
			t.Fatal(e, err)
		}
	}
}

func TestPersonNamedTwiceInOneEntryHasOneKey(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	e := sample("00u1ana")
	e.People = append(e.People, Person{Role: RoleSelector, Personal: Personal{Issuer: "corp", Subject: "00u1ana"}})
	index := record(t, l, e)
	if len(m.state.people) != 1 || pseudonym(t, l, index, 0) != pseudonym(t, l, index, 1) {
		t.Fatal("two keys for one person")
	}
}

// The same subject of another issuer is somebody else, and so is a client of that name.
func TestSubjectCountsOnlyWithItsIssuer(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	for _, issuer := range []string{"corp", "ci", ""} {
		e := sample("00u1ana")
		e.People[0].Issuer = issuer
		record(t, l, e)
	}
	if len(m.state.people) != 3 {
		t.Fatalf("%d keys, want 3", len(m.state.people))
	}
}

func TestKeyIsFoundAgainAfterARestart(t *testing.T) {
	m := newMemory()
	first := record(t, open(t, m), sample("00u1ana"))
	l := open(t, m)
	second := record(t, l, sample("00u1ana"))
	if len(m.state.people) != 1 || pseudonym(t, l, first, 0) != pseudonym(t, l, second, 0) {
		t.Fatal("a new key after a restart")
	}
}

func TestKeyIsWrittenOnlyWithItsEntry(t *testing.T) {
	m := newMemory()
	f := &faulty{Store: m}
	l := open(t, f)
	f.fault = func() (error, bool) { return errDisk, false }
	if _, err := l.Do(t.Context(), prepare(t, l, sample("00u1ana")).op()); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	if _, ok := l.people.get(who{"corp", "00u1ana"}); ok || len(m.state.people) != 0 {
		t.Fatal("the key outlived the commit that failed")
	}
}

// Erasing a person's key erases the person: earlier entries stay as they are, in bytes and hash, and
// later ones don't lead back to them.
func TestErasedPerson(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	first := record(t, l, sample("00u1ana"))
	before := stored(t, l, first)
	waiting := prepare(t, l, sample("00u1ana")) // sealed under the key that is erased next
	erase(t, l, Name{"corp", "00u1ana"})
	if e, err := l.event(t.Context(), before); err != nil || !e.People[0].Erased || e.People[0].Subject != "" {
		t.Fatalf("%+v, %v", e.People, err)
	}
	second, err := l.Do(t.Context(), waiting.op())
	if err != nil {
		t.Fatal(err)
	}
	if pseudonym(t, l, first, 0) == pseudonym(t, l, second, 0) {
		t.Fatal("the erased key came back")
	}
	if e, err := l.event(t.Context(), stored(t, l, second)); err != nil || e.People[0].Subject != "00u1ana" {
		t.Fatalf("%+v, %v", e.People, err)
	}
	if e, err := l.event(t.Context(), stored(t, l, first)); err != nil || !e.People[0].Erased {
		t.Fatalf("%+v, %v", e.People, err)
	}
	if err := Check(t.Context(), l.store); err != nil {
		t.Fatal(err)
	}
}

func TestKeysInMemoryAreBounded(t *testing.T) {
	p := newPeople(nil, nil)
	for i := range maxPeople + 10 {
		p.learn(who{"corp", fmt.Sprint(i)}, store.Person{})
		p.get(who{"corp", "0"}) // stays, since it is used
	}
	_, first := p.get(who{"corp", "0"})
	_, second := p.get(who{"corp", "1"})
	if len(p.byWho) != maxPeople || p.order.Len() != maxPeople || !first || second {
		t.Fatalf("%d keys in memory; first %v, second %v", len(p.byWho), first, second)
	}
}

// What is sealed opens only in its entry, its role and its place.
func TestSealedPartOpensOnlyWhereItStands(t *testing.T) {
	l := open(t, newMemory())
	e := sample("00u1ana")
	e.People = append(e.People, e.People[0])
	entry := prepare(t, l, e)
	record := entry.sealers[0].record
	elsewhere := prepare(t, l, e).event.Decision
	tests := map[string]func(Person) error{
		"another entry": func(p Person) error { return p.open(record, elsewhere, 0) },
		"another place": func(p Person) error { return p.open(record, entry.event.Decision, 1) },
		"another role":  func(p Person) error { p.Role = RoleActor; return p.open(record, entry.event.Decision, 0) },
	}
	for name, try := range tests {
		if err := try(entry.event.People[0]); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: got %v, want ErrEntry", name, err)
		}
	}
	if p := entry.event.People[0]; p.open(record, entry.event.Decision, 0) != nil {
		t.Error("it doesn't open where it stands")
	}
}

// erase erases the person as the engine does.
func erase(t *testing.T, l *Log, whom Name) {
	t.Helper()
	entry := prepare(t, l, Event{Kind: KindPrivacy, Outcome: OutcomeDone, Change: &Change{Action: "erased"}})
	_, err := l.Do(t.Context(), func(tx store.Tx) (Entry, error) { return entry, l.Erase(tx, whom) })
	if err = errors.Join(err, l.Forget(t.Context(), whom)); err != nil {
		t.Fatal(err)
	}
}

func TestForgetLeavesNoKeyInMemory(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	record(t, l, sample("00u1ana"))
	record(t, l, sample("00u1bob"))
	erase(t, l, Name{"corp", "00u1ana"})
	if _, known := l.people.get(who{"corp", "00u1ana"}); known || l.people.order.Len() != 1 || len(m.state.people) != 1 {
		t.Error("the key is still known")
	}
	if _, known := l.people.get(who{"corp", "00u1bob"}); !known {
		t.Error("another's key was forgotten")
	}
}
