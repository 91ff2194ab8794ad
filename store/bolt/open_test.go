package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store"
)

// fileOf is the content of a filled store's file.
func fileOf(t testing.TB) []byte {
	t.Helper()
	folder := t.TempDir()
	if err := filled(t, folder).Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// openContent opens a store on a file with the content, and returns the file's path too.
func openContent(t testing.TB, content []byte) (*Store, string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Path: path})
	return s, path, err
}

func TestSecondOpenIsRefusedQuickly(t *testing.T) {
	folder := t.TempDir()
	defer open(t, folder).Close()
	begun := time.Now()
	_, err := Open(Config{Path: filepath.Join(folder, name), LockTimeout: 100 * time.Millisecond})
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), "stop that one") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestNewerSchemaIsRefusedAndLeftUntouched(t *testing.T) {
	folder := t.TempDir()
	s := filled(t, folder)
	err := s.file.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(tableMeta.name)).Put(keySchema, binary.BigEndian.AppendUint32(nil, schema+1))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, name)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Path: path}); !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "schema 2") {
		t.Errorf("got %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
}

func TestDamagedFileIsRefused(t *testing.T) {
	whole := fileOf(t)
	foreign := filepath.Join(t.TempDir(), "foreign")
	db, err := bbolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("other"))
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	for name, content := range map[string][]byte{
		"empty":                   {},
		"one byte":                {1},
		"text":                    bytes.Repeat([]byte("no database "), 5000),
		"zeros":                   make([]byte, 1<<16),
		"one page":                whole[:page],
		"only the meta pages":     whole[:2*page],
		"half a page too short":   cut(t, whole, page/2),
		"without its last page":   cut(t, whole, page),
		"without most of it":      cut(t, whole, 3*page),
		"another program's bbolt": other,
	} {
		t.Run(name, func(t *testing.T) {
			s, path, err := openContent(t, content)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), path) {
				t.Fatalf("got %v", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, content) {
				t.Error("the file was changed")
			}
			if _, err := Open(Config{Path: path, LockTimeout: time.Millisecond}); errors.Is(err, store.ErrLocked) {
				t.Error("the lock was left behind")
			}
		})
	}
}

// cut takes the last n bytes off what bbolt uses of the file, which is less than the file.
func cut(t *testing.T, whole []byte, n int) []byte {
	t.Helper()
	s, _, err := openContent(t, whole)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var size int64
	_ = s.file.db.View(func(tx *bbolt.Tx) error { size = tx.Size(); return nil })
	return whole[:int(size)-n]
}

// bbolt panics on a list of free pages that isn't one.
func TestPanicOnOpeningLeavesNoLock(t *testing.T) {
	folder := t.TempDir()
	s := filled(t, folder)
	page := 0
	_ = s.file.db.View(func(tx *bbolt.Tx) error {
		for i := 2; ; i++ {
			if info, err := tx.Page(i); err != nil || info == nil || info.Type == "freelist" {
				page = i
				return err
			}
		}
	})
	s.Close()
	path := filepath.Join(folder, name)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(content[page*os.Getpagesize()+8:], []byte{0xff, 0xff})
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := Open(Config{Path: path, LockTimeout: time.Millisecond})
		if !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("got %v", err)
		}
	}
}

func TestMissingEntryIsSeen(t *testing.T) {
	s := filled(t, t.TempDir())
	defer s.Close()
	for range 3 {
		if err := update(s, writes["append entry"]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.file.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(tableEntry.name)).Delete(number(1)) }); err != nil {
		t.Fatal(err)
	}
	s.durable.Add(1)
	for from, want := range []error{store.ErrCorrupt, store.ErrCorrupt, nil} {
		err := s.View(context.Background(), func(r store.Reader) error {
			return r.Entries(uint64(from), func(uint64, []byte) bool { return true })
		})
		if !errors.Is(err, want) {
			t.Errorf("from %d: %v", from, err)
		}
	}
}

// A store whose newest entry is gone isn't opened, but by whoever reads the entries to find such a thing.
func TestTheNewestEntryIsGone(t *testing.T) {
	folder := t.TempDir()
	s := filled(t, folder)
	var size uint64
	err := s.View(context.Background(), func(r store.Reader) error {
		meta, err := r.Meta()
		size = meta.Size
		return err
	})
	gone := s.file.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(tableEntry.name)).Delete(number(size - 1)) })
	if err := errors.Join(err, gone, s.Close()); err != nil {
		t.Fatal(err)
	}
	c := Config{Path: filepath.Join(folder, name), ReadOnly: true}
	if _, err := Open(c); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	c.Unchecked = true
	if s, err = Open(c); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seen := uint64(0)
	err = s.View(context.Background(), func(r store.Reader) error {
		return r.Entries(0, func(uint64, []byte) bool { seen++; return true })
	})
	if seen != size-1 || !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("%d entries of %d, and %v", seen, size, err)
	}
}

// Wherever a bit flips, the store says so, or what it says was written so. It never crashes. What it
// can't see is a record under a key that nobody asks for any more, and a newest commit that is gone
// as a whole: those are for the anchor and the log.
func TestFlippedBitsAreSeen(t *testing.T) {
	whole := fileOf(t)
	used := len(cut(t, whole, 0))
	s, _, err := openContent(t, whole)
	if err != nil {
		t.Fatal(err)
	}
	empty := open(t, t.TempDir())
	known := strings.Split(state(t, s)+state(t, empty), "\n")
	s.Close()
	empty.Close()
	random := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 300 {
		content := bytes.Clone(whole[:used])
		at, bit := random.IntN(used), random.IntN(8)
		content[at] ^= 1 << bit
		text, err := use(t, content)
		if err != nil {
			refused++
			continue
		}
		for line := range strings.SplitSeq(text, "\n") {
			if !slices.Contains(known, line) {
				t.Errorf("byte %d, bit %d: nobody wrote %s", at, bit, line)
			}
		}
	}
	if refused == 0 {
		t.Error("nothing was refused: the test flips bits that nobody reads")
	}
}

// use opens a store on the content, reads it and writes to it.
func use(t *testing.T, content []byte) (text string, err error) {
	s, _, err := openContent(t, content)
	if err != nil {
		return "", err
	}
	defer s.Close()
	err = s.View(context.Background(), func(r store.Reader) (err error) {
		text, err = contents(r)
		return err
	})
	if err == nil {
		err = update(s, writes["append entry"])
	}
	if err == nil {
		err = update(s, writes["drop expired"])
	}
	return text, err
}

func FuzzOpen(f *testing.F) {
	whole := fileOf(f)
	f.Add(uint32(0), []byte{0})
	f.Add(uint32(16), []byte{255, 255})
	f.Add(uint32(5*os.Getpagesize()), []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		content := bytes.Clone(whole[:20*os.Getpagesize()])
		copy(content[int(at)%len(content):], patch)
		_, _ = use(t, content)
	})
}
