//go:build !windows

package bolt

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// A limit on the size of files stands for a full disk: the system refuses the write all the same.
func TestFullDiskIsToldAndPasses(t *testing.T) {
	folder := t.TempDir()
	s := filled(t, folder)
	grow := func(tx store.Tx) error {
		_, err := tx.AppendEntry(bytes.Repeat([]byte{1}, 1<<20), time.Time{})
		return err
	}
	lift := limit(t, filepath.Join(folder, name))
	var before string
	var err error
	for range 100 {
		before = state(t, s)
		if err = update(s, grow); err != nil {
			break
		}
	}
	if !errors.Is(err, store.ErrFull) {
		lift()
		t.Fatalf("got %v", err)
	}
	after := state(t, s)
	again := update(s, grow)
	lift()
	if after != before {
		t.Errorf("a commit that found no room left something:\n%s", after)
	}
	if !errors.Is(again, store.ErrFull) {
		t.Errorf("the second time: %v", again)
	}
	if err := update(s, grow); err != nil {
		t.Errorf("with room again: %v", err)
	}
	goesOn(t, s, folder)
}

// limit keeps the system from lengthening any file beyond this one's size, until it is lifted.
func limit(t *testing.T, file string) (lift func()) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	var unlimited syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &unlimited); err != nil {
		t.Fatal("no limit on the size of files:", err)
	}
	limited := unlimited
	limited.Cur = uint64(info.Size())
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited); err != nil {
		t.Fatal("no limit on the size of files:", err)
	}
	return func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &unlimited); err != nil {
			t.Fatal(err)
		}
	}
}

// Where there is no room for the reserve, at the start or later, that is told, and harms nothing.
func TestAReserveThatFindsNoRoomIsTold(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, name)
	filled(t, folder).Close()
	s, err := Open(Config{Path: path, Reserve: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	before := state(t, s)
	lift := limit(t, path)
	first, again := s.Reserve(), s.Reserve()
	lift()
	if !errors.Is(first, store.ErrFull) || !errors.Is(again, store.ErrFull) {
		t.Errorf("got %v and %v", first, again)
	}
	if err := s.Reserve(); err != nil {
		t.Errorf("with room: %v", err)
	}
	if state(t, s) != before {
		t.Error("the records changed")
	}
	goesOn(t, s, folder)
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state", "whittle")
	open(t, folder).Close()
	for path, want := range map[string]os.FileMode{folder: 0o700, filepath.Join(folder, name): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o", filepath.Base(path), got)
		}
	}
}
