package sealed

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
	"github.com/whittle-sts/whittle/store/storetest"
)

func kekOf(t testing.TB, fill byte) *seal.LocalKEK {
	t.Helper()
	k, err := seal.NewLocalKEK(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func inner(t testing.TB, folder string) store.Store {
	t.Helper()
	s, err := bolt.Open(bolt.Config{Path: filepath.Join(folder, "whittle.db")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open seals a store under the key-encryption key.
func open(t testing.TB, inner store.Store, kek seal.KEK) *Store {
	t.Helper()
	s, err := Open(context.Background(), inner, kek, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	restore := func(t testing.TB, file, folder string, generation [16]byte) {
		if _, err := bolt.Restore(file, filepath.Join(folder, "whittle.db"), generation); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Run(t, func(t testing.TB, folder string) store.Store { return open(t, inner(t, folder), kekOf(t, 1)) }, restore)
}

const mark = "MARK that nobody else writes"

var (
	lookup = [2][32]byte{{1}, {2}}
	id     = [2][16]byte{{1}, {2}}
)

// fill writes two of each record that has secrets.
func fill(tx store.Tx) error {
	var errs []error
	for i, name := range []string{"a", "b"} {
		errs = append(errs,
			tx.PutKey(store.Key{ID: name, Private: []byte(mark + name), Evidence: []byte(mark + "e" + name)}),
			tx.PutSecret(name, []byte(mark+name)),
			tx.PutPerson(store.Person{Lookup: lookup[i], ID: id[i], Key: []byte(mark + name)}))
	}
	return errors.Join(errs...)
}

func update(t *testing.T, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	outcomes, err := s.Update(context.Background(), fn)
	if err := errors.Join(append(outcomes, err)...); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsAreNotInTheFile(t *testing.T) {
	folder := t.TempDir()
	s := open(t, inner(t, folder), kekOf(t, 1))
	update(t, s, fill)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(folder, "whittle.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{mark, "TUFSSyB0aGF0"} { // base64, as records are written
		if bytes.Contains(content, []byte(form)) {
			t.Errorf("%q is in the file", form)
		}
	}
}

// reads are all the ways to a secret.
var reads = map[string]func(store.Reader) error{
	"keys":         func(r store.Reader) error { _, err := r.Keys(); return err },
	"secret":       func(r store.Reader) error { _, err := r.Secret("a"); return err },
	"person":       func(r store.Reader) error { _, err := r.Person(lookup[0]); return err },
	"person by id": func(r store.Reader) error { _, err := r.PersonByID(id[0]); return err },
	"people":       func(r store.Reader) error { return r.People([32]byte{}, func(store.Person) bool { return true }) },
}

// expectReads tries all reads, in a view and in an update, of which the broken ones have to fail.
func expectReads(t *testing.T, s store.Store, broken ...string) {
	t.Helper()
	for what, read := range reads {
		want := error(nil)
		for _, b := range broken {
			if b == what {
				want = store.ErrCorrupt
			}
		}
		if err := s.View(context.Background(), read); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		outcomes, err := s.Update(context.Background(), func(tx store.Tx) error { return read(tx) })
		if err != nil || !errors.Is(outcomes[0], want) {
			t.Errorf("%s in an update: %v, %v, want %v", what, outcomes, err, want)
		}
	}
}

func TestAnotherKeyOpensNothing(t *testing.T) {
	plain := inner(t, t.TempDir())
	defer plain.Close()
	update(t, open(t, plain, kekOf(t, 1)), fill)
	expectReads(t, open(t, plain, kekOf(t, 1)))
	if _, err := Open(context.Background(), plain, kekOf(t, 2), rand.Reader); !errors.Is(err, ErrKEK) {
		t.Errorf("another key-encryption key: %v", err)
	}
	// Another data key in the place of the one that sealed.
	update(t, plain, func(tx store.Tx) error { return tx.PutSecret(ringName, otherRing(t)) })
	expectReads(t, open(t, plain, kekOf(t, 1)), "keys", "secret", "person", "person by id", "people")
}

// otherRing is the data keys of another store.
func otherRing(t testing.TB) []byte {
	t.Helper()
	other := inner(t, t.TempDir())
	defer other.Close()
	open(t, other, kekOf(t, 1))
	record, err := read(context.Background(), other)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// Whoever can write the database moves what is sealed to another place.
func TestMovedSecretsDoNotOpen(t *testing.T) {
	firstKey := func(tx store.Tx) (store.Key, store.Key, error) {
		keys, err := tx.Keys()
		if err == nil && keys[0].ID != "a" {
			keys[0], keys[1] = keys[1], keys[0]
		}
		return keys[0], keys[1], err
	}
	for name, c := range map[string]struct {
		move   func(tx store.Tx) error
		broken []string
	}{
		"a key's to another key": {func(tx store.Tx) error {
			a, b, err := firstKey(tx)
			a.Private = b.Private
			return errors.Join(err, tx.PutKey(a))
		}, []string{"keys"}},
		"evidence to the other field": {func(tx store.Tx) error {
			a, _, err := firstKey(tx)
			a.Private, a.Evidence = a.Evidence, a.Private
			return errors.Join(err, tx.PutKey(a))
		}, []string{"keys"}},
		"a key under another name": {func(tx store.Tx) error {
			a, _, err := firstKey(tx)
			a.ID = "c"
			return errors.Join(err, tx.PutKey(a))
		}, []string{"keys"}},
		"a secret to another name": {func(tx store.Tx) error {
			b, err := tx.Secret("b")
			return errors.Join(err, tx.PutSecret("a", b))
		}, []string{"secret"}},
		"a key's to a secret": {func(tx store.Tx) error {
			a, _, err := firstKey(tx)
			return errors.Join(err, tx.PutSecret("a", a.Private))
		}, []string{"secret"}},
		"a person's to another person": {func(tx store.Tx) error {
			a, err := tx.Person(lookup[0])
			b, err2 := tx.Person(lookup[1])
			a.Key = b.Key
			return errors.Join(err, err2, tx.PutPerson(a))
		}, []string{"person", "person by id", "people"}},
		"a cut one": {func(tx store.Tx) error {
			a, err := tx.Secret("a")
			return errors.Join(err, tx.PutSecret("a", a[:len(a)-1]))
		}, []string{"secret"}},
		"none at all":      {func(tx store.Tx) error { return tx.PutSecret("a", nil) }, []string{"secret"}},
		"one in the clear": {func(tx store.Tx) error { return tx.PutSecret("a", []byte(mark)) }, []string{"secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			plain := inner(t, t.TempDir())
			defer plain.Close()
			s := open(t, plain, kekOf(t, 1))
			update(t, s, fill)
			update(t, plain, c.move)
			expectReads(t, s, c.broken...)
		})
	}
}

// misplaced gives another person's whole record to whoever asks.
type misplaced struct{ store.Reader }

func (m misplaced) Person([32]byte) (store.Person, error)     { return m.Reader.Person(lookup[1]) }
func (m misplaced) PersonByID([16]byte) (store.Person, error) { return m.Reader.PersonByID(id[1]) }

func TestAnotherPersonsWholeRecordIsNotTaken(t *testing.T) {
	plain := inner(t, t.TempDir())
	defer plain.Close()
	s := open(t, plain, kekOf(t, 1))
	update(t, s, fill)
	err := plain.View(context.Background(), func(r store.Reader) error {
		moved := reader{misplaced{r}, box{s.ring.Load()}}
		for _, what := range []string{"person", "person by id"} {
			if err := reads[what](moved); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%s: %v", what, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
