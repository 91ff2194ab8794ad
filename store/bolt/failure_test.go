package bolt

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store"
)

var errInjected = errors.New("injected")

// failures are the ways in which a commit may fail, and whether it is in the file all the same.
var failures = []struct {
	name      string
	commit    func(*bbolt.Tx) error
	persisted bool
}{
	{"failed", func(*bbolt.Tx) error { return errInjected }, false},
	{"failed though persisted", func(tx *bbolt.Tx) error { return errors.Join(tx.Commit(), errInjected) }, true},
	{"panicked", func(*bbolt.Tx) error { panic(errInjected) }, false},
	{"panicked though persisted", func(tx *bbolt.Tx) error {
		if err := tx.Commit(); err != nil {
			return err
		}
		panic(errInjected)
	}, true},
}

func TestFailedCommitShowsTheTruthAfterwards(t *testing.T) {
	for _, f := range failures {
		for what, write := range writes {
			t.Run(f.name+"/"+what, func(t *testing.T) {
				t.Parallel()
				folder := t.TempDir()
				s := filled(t, folder)
				want := state(t, s)
				if f.persisted {
					want = stateWith(t, write)
				}
				s.commit = f.commit
				if err := update(s, write); err == nil {
					t.Fatal("the commit's error is lost")
				}
				s.commit = (*bbolt.Tx).Commit
				if got := state(t, s); got != want {
					t.Fatalf("after the failure:\n%s\nwant\n%s", got, want)
				}
				goesOn(t, s, folder)
			})
		}
	}
}

// stateWith is the state of a store on which the write went well.
func stateWith(t *testing.T, write func(store.Tx) error) string {
	s := filled(t, t.TempDir())
	defer s.Close()
	if err := update(s, write); err != nil {
		t.Fatal(err)
	}
	return state(t, s)
}

// goesOn writes once more and looks at all of it after a restart.
func goesOn(t *testing.T, s *Store, folder string) {
	t.Helper()
	err := update(s, func(tx store.Tx) error {
		_, err := tx.AppendEntry([]byte("after"), time.Time{})
		return errors.Join(err, tx.PutSecret("seed", []byte("after")))
	})
	if err != nil {
		t.Fatal("the next update:", err)
	}
	want := state(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, folder)
	defer again.Close()
	if got := state(t, again); got != want {
		t.Fatalf("after a restart:\n%s\nwant\n%s", got, want)
	}
	checkPages(t, again)
}

func checkPages(t testing.TB, s *Store) {
	t.Helper()
	err := s.file.db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Error("page:", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// What is in the file but not yet on the disk for sure must not be seen: a checkpoint over it would be
// a lie after a crash.
func TestViewWaitsForTheLastFsync(t *testing.T) {
	s := filled(t, t.TempDir())
	defer s.Close()
	written, looked := make(chan struct{}), make(chan struct{})
	s.commit = func(tx *bbolt.Tx) error {
		err := tx.Commit() // as if its last fsync went on
		close(written)
		<-looked
		return err
	}
	done := make(chan error, 1)
	go func() { done <- update(s, writes["append entry"]) }()
	<-written
	seen := make(chan uint64, 1)
	go func() {
		_ = s.View(context.Background(), func(r store.Reader) error {
			m, err := r.Meta()
			seen <- m.Size
			return err
		})
	}()
	select {
	case size := <-seen:
		t.Errorf("a view saw %d entries before they were durable", size)
		seen <- size
	case <-time.After(20 * time.Millisecond):
	}
	close(looked)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if size := <-seen; size != 2 {
		t.Errorf("the view saw %d entries", size)
	}
}

// A view that met a commit which then failed must end too.
func TestViewDuringFailingCommitEnds(t *testing.T) {
	s := filled(t, t.TempDir())
	defer s.Close()
	written := make(chan struct{})
	s.commit = func(tx *bbolt.Tx) error {
		err := tx.Commit()
		close(written)
		time.Sleep(5 * time.Millisecond) // for the view to come; it holds without too
		return errors.Join(err, errInjected)
	}
	done := make(chan error, 1)
	go func() { done <- update(s, writes["append entry"]) }()
	<-written
	got := state(t, s)
	if err := <-done; !errors.Is(err, errInjected) {
		t.Fatal(err)
	}
	if got != state(t, s) {
		t.Error("the view saw what is not the truth")
	}
}

func TestStoreThatCannotBeOpenedAgainComesBack(t *testing.T) {
	folder := t.TempDir()
	s := filled(t, folder)
	defer s.Close()
	before := state(t, s)
	path := filepath.Join(folder, name)
	s.commit = func(*bbolt.Tx) error {
		return errors.Join(errInjected, os.Rename(path, path+".away"))
	}
	if err := update(s, writes["append entry"]); !errors.Is(err, errInjected) {
		t.Fatalf("got %v", err)
	}
	s.commit = (*bbolt.Tx).Commit
	for range 2 {
		err := s.View(context.Background(), func(store.Reader) error { return nil })
		if !errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("without its file it says %v", err)
		}
		if err := update(s, writes["append entry"]); !errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("without its file it says %v", err)
		}
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if state(t, s) != before {
		t.Error("it came back as another")
	}
	goesOn(t, s, folder)
}

func TestOlderFileIsNotTakenAfterAFailure(t *testing.T) {
	folder := t.TempDir()
	s := filled(t, folder)
	defer s.Close()
	path := filepath.Join(folder, name)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := update(s, writes["append entry"]); err != nil {
		t.Fatal(err)
	}
	s.commit = func(*bbolt.Tx) error {
		return errors.Join(errInjected, os.WriteFile(path, bytes.Clone(old), 0o600))
	}
	_ = update(s, writes["append entry"])
	err = s.View(context.Background(), func(store.Reader) error { return nil })
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}
