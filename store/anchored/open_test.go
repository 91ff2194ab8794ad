package anchored

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

// refused expects that the place isn't served, for that reason, and that its anchor stays as it is.
func (p place) refused(t *testing.T, want error, words string) {
	t.Helper()
	before := p.read(p.anchor())
	s, err := p.try(t)
	if err == nil {
		closed(t, s)
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want %v with %q", err, want, words)
	}
	if !bytes.Equal(before, p.read(p.anchor())) {
		t.Error("the anchor was changed")
	}
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// used opens the place, commits and closes.
func (p place) used(t *testing.T, fns ...func(store.Tx) error) {
	t.Helper()
	s := p.open(t)
	expect(t, s, fns...)
	closed(t, s)
}

// oldCopy uses the place further and puts the database back as it was before.
func (p place) oldCopy(t *testing.T, fns ...func(store.Tx) error) {
	t.Helper()
	old := p.read(p.database())
	p.used(t, fns...)
	put(t, p.database(), old)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestDatabasesThatAreNotServed(t *testing.T) {
	revokeOnly := func(tx store.Tx) error {
		_, err := tx.AppendRevocation(store.Revocation{Kind: "task"})
		return err
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, p place) // what is done to one that has an entry
		want  error
		words string
	}{
		{"an old copy with fewer entries", func(t *testing.T, p place) { p.oldCopy(t, appendEntry("2")) }, ErrRolledBack, "1 entries"},
		{"an old copy from before a revocation", func(t *testing.T, p place) { p.oldCopy(t, revokeOnly) }, ErrRolledBack, "revocation 0"},
		{"one that went another way", func(t *testing.T, p place) {
			before := p.read(p.anchor())
			p.oldCopy(t, appendEntry("2"), appendEntry("3"))
			newest := p.read(p.anchor())
			put(t, p.anchor(), before)
			p.used(t, appendEntry("2"), appendEntry("another 3"), appendEntry("4"), appendEntry("5"))
			put(t, p.anchor(), newest)
		}, ErrRolledBack, "first 3 entries"},
		{"one from elsewhere", func(t *testing.T, p place) {
			other := newPlace(t)
			other.used(t, appendEntry("1"))
			put(t, p.database(), other.read(other.database()))
		}, ErrRolledBack, "generation"},
		{"an empty one where there was one", func(t *testing.T, p place) { remove(t, p.database()) }, ErrRolledBack, "empty"},
		{"one without its anchor", func(t *testing.T, p place) { remove(t, p.anchor()) }, ErrNoAnchor, "put the anchor back"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			p.used(t, appendEntry("1"))
			c.spoil(t, p)
			p.refused(t, c.want, c.words)
			p.refused(t, c.want, p.anchor())
		})
	}
}

func TestNoDatabaseInUseIsTakenForNew(t *testing.T) {
	for name, use := range map[string]func(store.Tx) error{
		"entries":    appendEntry("1"),
		"policy":     func(tx store.Tx) error { return tx.PutPolicy(store.Policy{Version: 1}) },
		"revocation": revoke,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.used(t, use)
			remove(t, p.anchor())
			p.refused(t, ErrNoAnchor, p.anchor())
		})
	}
}

func TestDatabaseAheadOfItsAnchorIsServed(t *testing.T) {
	p := newPlace(t)
	s := p.open(t)
	expect(t, s, revoke)
	old := p.read(p.anchor())
	expect(t, s, appendEntry("2"), revoke)
	kill(s)
	put(t, p.anchor(), old)
	s = p.open(t)
	if a := p.saved(t); a.Size != 3 || a.Rev != 2 {
		t.Errorf("the anchor stays at %+v", a)
	}
	closed(t, s)
}

func TestTornAnchorIsTold(t *testing.T) {
	p := newPlace(t)
	p.used(t)
	whole := p.read(p.anchor())
	for n := 0; n < len(whole); n += 97 {
		put(t, p.anchor(), whole[:n])
		p.refused(t, store.ErrCorrupt, p.anchor())
	}
	put(t, p.anchor(), bytes.ReplaceAll(whole, []byte(`"format":2`), []byte(`"format":3`)))
	p.refused(t, store.ErrCorrupt, p.anchor())
}

// Whatever stops the writing of one slot, and whatever is in it then, the other one counts.
func TestTornSlotLeavesTheOther(t *testing.T) {
	p := newPlace(t)
	p.used(t, appendEntry("1"))
	p.used(t, revoke)
	before := p.read(p.anchor())
	old := p.read(p.database())
	p.used(t, appendEntry("3"), revoke, revoke)
	newest, _, half, err := load(p.anchor())
	if err != nil || half {
		t.Fatal(half, err)
	}
	at := int(newest.Count%slots) * slotSize
	for n := 1; n < slotSize; n += 61 {
		torn := bytes.Clone(p.read(p.anchor()))
		copy(torn[at+n:at+slotSize], before[at+n:at+slotSize])
		if bytes.Equal(torn, p.read(p.anchor())) || bytes.Equal(torn[at:at+slotSize], before[at:at+slotSize]) {
			continue // nothing was torn: what differs between the two lines is all written, or isn't
		}
		q := newPlace(t)
		put(t, q.anchor(), torn)
		a, found, half, err := load(q.anchor())
		if err != nil || !found || !half || a.Count != newest.Count-1 {
			t.Fatalf("torn at %d: %+v, %t %t %v", n, a, found, half, err)
		}
	}
	put(t, p.database(), old)
	p.refused(t, ErrRolledBack, "entries")
}

func TestTornAttemptAtAnAnchorIsWrittenOver(t *testing.T) {
	p := newPlace(t)
	put(t, p.anchor()+".new", []byte(`{"format":2,"gen`))
	p.used(t, revoke)
	if a := p.saved(t); a.Rev != 1 {
		t.Errorf("anchored is %+v", a)
	}
}

// Check says what Open would, of a database that nobody serves, and changes nothing.
func TestCheckChangesNothing(t *testing.T) {
	p := newPlace(t)
	p.used(t, appendEntry("1"), revoke)
	check := func() error {
		db, err := bolt.Open(bolt.Config{Path: p.database(), ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		return Check(context.Background(), Config{Store: db, Path: p.anchor()})
	}
	anchor, database := p.read(p.anchor()), p.read(p.database())
	if err := check(); err != nil {
		t.Error(err)
	}
	half := bytes.Clone(anchor)
	half[10] ^= 1
	put(t, p.anchor(), half)
	if err := check(); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a damaged line: %v", err)
	}
	if !bytes.Equal(p.read(p.anchor()), half) || !bytes.Equal(p.read(p.database()), database) {
		t.Error("something was changed")
	}
	put(t, p.anchor(), anchor)
	p.oldCopy(t, revoke)
	if err := check(); !errors.Is(err, ErrRolledBack) {
		t.Errorf("an old copy: %v", err)
	}
	remove(t, p.anchor())
	if err := check(); !errors.Is(err, ErrNoAnchor) {
		t.Errorf("no anchor: %v", err)
	}
}

func TestFirstStartThatStoppedHalfwayGoesOn(t *testing.T) {
	p := newPlace(t)
	s := p.open(t)
	generation := p.saved(t).Generation
	kill(s)
	if err := os.Remove(p.anchor()); err != nil { // as if it had stopped before
		t.Fatal(err)
	}
	closed(t, p.open(t))
	if got := p.saved(t).Generation; got != generation || strings.Trim(got, "0") == "" {
		t.Errorf("generation %s, then %s", generation, got)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"format":2,"generation":"00","size":1,"root":"00","rev":18446744073709551615,"count":1,"sum":0}`), true)
	f.Add([]byte(`{"format":2,"format":2}`), true)
	f.Add([]byte(`null`), false)
	f.Fuzz(func(t *testing.T, text []byte, fill bool) {
		if fill { // into the second slot
			line := bytes.Repeat([]byte{' '}, slotSize)
			copy(line, text)
			line[slotSize-1] = '\n'
			text = append(bytes.Repeat([]byte{' '}, slotSize), line...)
		}
		path := filepath.Join(t.TempDir(), "anchor")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, found, half, err := load(path)
		if err == nil && (!found || !half || s.Format != format || s.Count%slots != 1) {
			t.Errorf("%q is taken for an anchor", text)
		}
	})
}
