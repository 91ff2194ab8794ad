package bolt

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// The reserve is always there after Reserve, whatever was committed before, and no record is harmed by it.
func TestTheReserveKeepsItsDistance(t *testing.T) {
	const reserve = 1 << 20
	folder := t.TempDir()
	path := filepath.Join(folder, name)
	s, err := Open(Config{Path: path, Reserve: reserve})
	if err != nil {
		t.Fatal(err)
	}
	if err := update(s, fill); err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		if err := s.Reserve(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := begin(s.file, false)
		if err != nil {
			t.Fatal(err)
		}
		used := tx.Size()
		rollback(tx)
		if s.allocated.Load()-used < reserve || info.Size() < s.allocated.Load() {
			t.Fatalf("after %d commits: %d of %d bytes are used, %d are its own", i, used, info.Size(), s.allocated.Load())
		}
		if i == 11 {
			break
		}
		if err := update(s, func(tx store.Tx) error {
			_, err := tx.AppendEntry(make([]byte, 300_000*(i%5)), time.Time{})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	want := state(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if list := problems(path); len(list) > 0 {
		t.Error(list)
	}
	if got := readOnly(t, path); got != want {
		t.Error("the records changed")
	}
}

// Where the system can't allocate, zeros do.
func TestLengthenWritesAllOfIt(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lengthen(f, 100, 2*zeros+7); err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != 100+2*zeros+7 {
		t.Error(info.Size(), err)
	}
}
