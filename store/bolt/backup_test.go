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

// stuck is a reader that takes nothing until it is let go.
type stuck struct{ took, letGo chan struct{} }

func newStuck() stuck { return stuck{make(chan struct{}, 1), make(chan struct{})} }

func (s stuck) Write(p []byte) (int, error) {
	select {
	case s.took <- struct{}{}:
	default:
	}
	<-s.letGo
	return len(p), nil
}

// A reader that stands still holds up neither commits nor what has to be done after a failed one.
func TestABackupGivesWayToCommits(t *testing.T) {
	s := filled(t, t.TempDir())
	defer s.Close()
	// More than the pieces that are under way.
	if err := update(s, func(tx store.Tx) error {
		_, err := tx.AppendEntry(make([]byte, 4*backupPiece), time.Time{})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	w := newStuck()
	ended := make(chan error, 1)
	go func() {
		_, err := s.Backup(context.Background(), w)
		ended <- err
	}()
	<-w.took
	for range 3 { // these need nothing of the reader
		if err := update(s, writes["append entry"]); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-ended:
		t.Fatal("it ended for a commit that didn't wait:", err)
	default:
	}
	s.commit = func(*bbolt.Tx) error { return errInjected }
	failed := make(chan error, 1)
	go func() { failed <- update(s, writes["append entry"]) }() // opens the file anew, once nobody reads it
	if err := <-failed; !errors.Is(err, errInjected) {
		t.Errorf("the commit: %v", err)
	}
	s.commit = (*bbolt.Tx).Commit
	if err := update(s, writes["append entry"]); err != nil {
		t.Error("while the reader still stands:", err)
	}
	close(w.letGo)
	if err := <-ended; !errors.Is(err, store.ErrGaveWay) {
		t.Errorf("the backup: %v", err)
	}
}

func TestABackupIsAFileThatOpens(t *testing.T) {
	s := filled(t, t.TempDir())
	defer s.Close()
	var copied bytes.Buffer
	if _, err := s.Backup(context.Background(), &copied); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, copied.Bytes(), 0o400); err != nil {
		t.Fatal(err)
	}
	again, err := Open(Config{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got, want := state(t, again), state(t, s); got != want {
		t.Errorf("it holds\n%s\nwant\n%s", got, want)
	}
	if err := update(again, writes["append entry"]); !errors.Is(err, errReadOnly) {
		t.Errorf("a write: %v", err)
	}
}

func TestRestoreTakesOnlyWholeBackupsAndReplacesNothing(t *testing.T) {
	s := filled(t, t.TempDir())
	defer s.Close()
	var copied bytes.Buffer
	if _, err := s.Backup(context.Background(), &copied); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup")
	for _, n := range []int{0, 1, 4096, copied.Len() / 2, copied.Len() - 1} {
		if err := os.WriteFile(file, copied.Bytes()[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(file, filepath.Join(t.TempDir(), name), [16]byte{7}); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%d bytes of %d: %v", n, copied.Len(), err)
		}
	}
	if err := os.WriteFile(file, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	taken := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(file, taken, [16]byte{7}); err == nil {
		t.Error("it replaced a file")
	}
	if mine, _ := os.ReadFile(taken); string(mine) != "mine" {
		t.Error("it changed a file")
	}
}
