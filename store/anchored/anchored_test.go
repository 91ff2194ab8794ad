package anchored

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
	"github.com/whittle-sts/whittle/store/storetest"
)

// place is a folder with a database and its anchor.
type place string

func newPlace(t *testing.T) place       { return place(t.TempDir()) }
func (p place) database() string        { return filepath.Join(string(p), "db", "whittle.db") }
func (p place) anchor() string          { return filepath.Join(string(p), "anchor") }
func (p place) read(path string) []byte { b, _ := os.ReadFile(path); return b }

// try opens the store; the inner one is closed if that fails.
func (p place) try(t testing.TB) (*Store, error) {
	t.Helper()
	db, err := bolt.Open(bolt.Config{Path: p.database()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), Config{Store: db, Path: p.anchor(), Random: rand.Reader})
	if err != nil {
		db.Close()
	}
	return s, err
}

func (p place) open(t testing.TB) *Store {
	t.Helper()
	s, err := p.try(t)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	restore := func(t testing.TB, file, folder string, generation [16]byte) {
		p := place(folder)
		if _, err := bolt.Restore(file, p.database(), generation); err != nil {
			t.Fatal(err)
		}
		db, err := bolt.Open(bolt.Config{Path: p.database()})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := Renew(context.Background(), Config{Store: db, Path: p.anchor()}); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Run(t, func(t testing.TB, folder string) store.Store { return place(folder).open(t) }, restore)
}

func update(s *Store, fn func(store.Tx) error) error {
	outcomes, err := s.Update(context.Background(), fn)
	return errors.Join(append(outcomes, err)...)
}

func appendEntry(text string) func(store.Tx) error {
	return func(tx store.Tx) error {
		index, err := tx.AppendEntry([]byte(text), time.Time{})
		if err != nil {
			return err
		}
		root, err := tree.NewReader(tx, index+1).Root(index + 1) // no test here fills a tile
		return errors.Join(err, tx.SetRoot(root))
	}
}

func revoke(tx store.Tx) error {
	_, err := tx.AppendRevocation(store.Revocation{Kind: "task"})
	return errors.Join(err, appendEntry("revoked")(tx))
}

// expect commits what has to succeed.
func expect(t testing.TB, s *Store, fns ...func(store.Tx) error) {
	t.Helper()
	for _, fn := range fns {
		if err := update(s, fn); err != nil {
			t.Fatal(err)
		}
	}
}

func (p place) saved(t testing.TB) anchor {
	t.Helper()
	a, found, _, err := load(p.anchor())
	if err != nil || !found {
		t.Fatal(found, err)
	}
	return a.anchor
}

// kill ends a store as a crash does: nothing is brought up to date.
func kill(s *Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.inner.Close()
}

// What takes power away is anchored when it is answered; the process may be killed at once.
func TestWhatMustNotComeBackIsAnchoredAtOnce(t *testing.T) {
	for name, write := range map[string]func(store.Tx) error{
		"revocation":         revoke,
		"policy":             func(tx store.Tx) error { return tx.PutPolicy(store.Policy{Version: 1}) },
		"key":                func(tx store.Tx) error { return tx.PutKey(store.Key{ID: "k", Revoked: true}) },
		"deleted key":        func(tx store.Tx) error { return tx.DeleteKey("old") },
		"credential":         func(tx store.Tx) error { return tx.PutCredential(store.Credential{Client: "c", ID: "c"}) },
		"deleted credential": func(tx store.Tx) error { return tx.DeleteCredential("old", "old") },
		"uses":               func(tx store.Tx) error { return tx.PutUses(store.Uses{}) },
		"checkpoint":         func(tx store.Tx) error { return tx.PutCheckpoint(store.Checkpoint{Size: 1}) },
		"use id":             func(tx store.Tx) error { return tx.PutUseSeen([16]byte{}, "u", time.Time{}) },
		"erasure":            func(tx store.Tx) error { return tx.DeletePerson([32]byte{1}) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			s := p.open(t)
			expect(t, s, func(tx store.Tx) error {
				return errors.Join(tx.PutKey(store.Key{ID: "old"}), tx.PutCredential(store.Credential{Client: "old", ID: "old"}))
			})
			old := p.read(p.database())
			outcomes, err := s.Update(context.Background(), appendEntry("before"), write, appendEntry("after"))
			if err := errors.Join(append(outcomes, err)...); err != nil {
				t.Fatal(err)
			}
			kill(s)
			if err := os.WriteFile(p.database(), old, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := p.try(t); !errors.Is(err, ErrRolledBack) {
				t.Errorf("an old copy: %v", err)
			}
		})
	}
}

func TestEntriesAreAnchoredWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		s := p.open(t)
		expect(t, s, appendEntry("1"), appendEntry("2"))
		if size := p.saved(t).Size; size != 0 {
			t.Errorf("%d entries are anchored at once: each commit pays for it", size)
		}
		time.Sleep(lag)
		synctest.Wait()
		if size := p.saved(t).Size; size != 2 {
			t.Errorf("%d entries are anchored after a second", size)
		}
		expect(t, s, appendEntry("3"))
		closed(t, s)
		if size := p.saved(t).Size; size != 3 {
			t.Errorf("%d entries are anchored when closed", size)
		}
	})
}

// block makes anchors unwritable, as a broken disk does.
func (p place) block(t testing.TB) (unblock func()) {
	t.Helper()
	away := p.anchor() + ".away"
	if err := errors.Join(os.Rename(p.anchor(), away), os.Mkdir(p.anchor(), 0o700)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(os.Remove(p.anchor()), os.Rename(away, p.anchor())); err != nil {
			t.Fatal(err)
		}
	}
}

func sizeOf(t testing.TB, s *Store) uint64 {
	t.Helper()
	m, err := s.meta(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return m.Size
}

func TestUnwritableAnchorIsToldAndHoldsUpCommits(t *testing.T) {
	p := newPlace(t)
	s := p.open(t)
	defer s.Close()
	unblock := p.block(t)
	if err := update(s, revoke); err == nil || !strings.Contains(err.Error(), "committed, but") {
		t.Errorf("got %v", err)
	}
	if size := sizeOf(t, s); size != 1 {
		t.Errorf("%d entries: the commit stands", size)
	}
	if err := update(s, appendEntry("2")); err == nil || !strings.Contains(err.Error(), "nothing was committed") {
		t.Errorf("got %v", err)
	}
	if size := sizeOf(t, s); size != 1 {
		t.Errorf("%d entries: something was committed", size)
	}
	unblock()
	expect(t, s, appendEntry("2"))
	if a := p.saved(t); a.Rev != 1 || a.Size != 1 {
		t.Errorf("what was owed isn't anchored: %+v", a)
	}
}

func TestLateAnchorIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		s := p.open(t)
		defer s.Close()
		expect(t, s, appendEntry("1"))
		unblock := p.block(t)
		time.Sleep(lag)
		synctest.Wait()
		unblock()
		time.Sleep(lag)
		synctest.Wait()
		if size := p.saved(t).Size; size != 1 {
			t.Errorf("%d entries are anchored", size)
		}
	})
}

func TestAnchorOfABindingCommitThatFailedCatchesUpByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		s := p.open(t)
		defer s.Close()
		unblock := p.block(t)
		if err := update(s, revoke); err == nil {
			t.Error("the update says nothing of the anchor")
		}
		unblock()
		time.Sleep(lag)
		synctest.Wait()
		if rev := p.saved(t).Rev; rev != 1 {
			t.Errorf("revocation %d is anchored", rev)
		}
	})
}

// failing commits and says that it didn't.
type failing struct{ store.Store }

var errLost = errors.New("lost the answer")

func (f failing) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	outcomes, err := f.Store.Update(ctx, fns...)
	return outcomes, errors.Join(err, errLost)
}

func TestCommitThatFailedThoughPersistedIsAnchored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		s := p.open(t)
		defer s.Close()
		s.inner = failing{s.inner}
		if err := update(s, revoke); !errors.Is(err, errLost) {
			t.Fatal(err)
		}
		time.Sleep(lag)
		synctest.Wait()
		if a := p.saved(t); a.Rev != 1 {
			t.Errorf("anchored is %+v", a)
		}
	})
}
