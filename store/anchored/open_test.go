package anchored

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/store"
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
		}, ErrRolledBack, "entry 2"},
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
	for n := range len(whole) - 2 {
		put(t, p.anchor(), whole[:n])
		p.refused(t, store.ErrCorrupt, p.anchor())
	}
	put(t, p.anchor(), bytes.Replace(whole, []byte(`"format":1`), []byte(`"format":2`), 1))
	p.refused(t, store.ErrCorrupt, p.anchor())
}

func TestTornAttemptAtAnAnchorIsWrittenOver(t *testing.T) {
	p := newPlace(t)
	p.used(t, appendEntry("1"))
	put(t, p.anchor()+".new", []byte(`{"format":1,"gen`))
	p.used(t, revoke)
	if a := p.saved(t); a.Rev != 1 {
		t.Errorf("anchored is %+v", a)
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
	f.Add([]byte(`{"format":1,"generation":"00","size":1,"head":"00","rev":18446744073709551615}`))
	f.Add([]byte(`{"format":1,"format":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "anchor")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		a, found, err := load(path)
		if err == nil && (!found || a.Format != format) {
			t.Errorf("%q is taken for an anchor", text)
		}
	})
}
