package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

// saved is where the backup of one test is.
func saved(t *testing.T, backup []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(file, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func backup(t *testing.T, s store.Store, w io.Writer) store.Meta {
	t.Helper()
	m, err := s.Backup(context.Background(), w)
	if err != nil {
		t.Fatal("backup:", err)
	}
	return m
}

// writer calls a function before it writes.
type writer struct {
	bytes.Buffer
	before func() error
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.before(); err != nil {
		return 0, err
	}
	return w.Buffer.Write(p)
}

func testBackups(t *testing.T, open Open, restore Restore) {
	t.Run("a restored backup keeps what isn't tied to its generation", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, everything)
		var copied bytes.Buffer
		m := backup(t, s, &copied)
		if m != meta(t, s) {
			t.Errorf("it says %+v of %+v", m, meta(t, s))
		}
		before := stateOf(t, s)
		for _, write := range writes {
			update(t, s, write)
		}
		folder := t.TempDir()
		restore(t, saved(t, copied.Bytes()), folder, token(7))
		again := open(t, folder)
		t.Cleanup(func() { _ = again.Close() })
		checkRestored(t, before, stateOf(t, again))
		now := meta(t, again)
		if now.Generation != token(7) || now.Size != 0 || now.Tiles != 0 || now.Treed != 0 || now.Root != [32]byte{} || now.Rev != m.Rev || now.Policy != m.Policy || !now.Time.Equal(m.Time) {
			t.Errorf("restored is %+v of %+v", now, m)
		}
		update(t, again, func(tx store.Tx) error {
			index, err := tx.AppendEntry([]byte("first"), epoch)
			seq, err2 := tx.AppendRevocation(store.Revocation{Kind: "task"})
			if index != 0 || seq != m.Rev+1 {
				t.Errorf("entry %d and revocation %d come first", index, seq)
			}
			return errors.Join(err, err2)
		})
	})
	t.Run("a backup is of one moment", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, everything)
		var join func()
		w := &writer{before: func() error {
			if join == nil {
				join = alongside(func() {
					for _, write := range writes {
						if _, err := s.Update(context.Background(), write); err != nil {
							t.Error("a commit during a backup:", err)
						}
					}
				})
			}
			return nil
		}}
		want := stateOf(t, s)
		m := backup(t, s, w)
		join()
		if stateOf(t, s) == want {
			t.Error("nothing was committed meanwhile")
		}
		folder := t.TempDir()
		restore(t, saved(t, w.Bytes()), folder, token(7))
		again := open(t, folder)
		defer again.Close()
		checkRestored(t, want, stateOf(t, again))
		if m.Size != 1 {
			t.Errorf("it says %d entries", m.Size)
		}
	})
	t.Run("a backup that can't be written says so", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, everything)
		if _, err := s.Backup(context.Background(), &writer{before: func() error { return errRefused }}); !errors.Is(err, errRefused) {
			t.Errorf("got %v", err)
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := s.Backup(ended, new(bytes.Buffer)); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended: %v", err)
		}
		update(t, s, seed("after"))
	})
}

// checkRestored compares a state with that of the store that was copied.
func checkRestored(t *testing.T, before, after string) {
	t.Helper()
	gone := []string{"generation ", "key ", "keys", "opaque ", "uses ", "use ", "entry ", "tile ", "checkpoint "}
	strip := func(state string) string {
		var kept []string
		for line := range strings.Lines(state) {
			what := strings.TrimPrefix(strings.TrimLeft(line, "0123456789 "), "not found: ")
			lost := false
			for _, g := range gone {
				lost = lost || strings.HasPrefix(what, g)
			}
			if !lost {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	if got, want := strip(after), strip(before); got != want {
		t.Errorf("restored is\n%s\nof\n%s", got, want)
	}
	for line := range strings.Lines(after) {
		for _, g := range []string{"key ", "opaque ", "uses ", "entry ", "tile ", "checkpoint "} {
			if strings.HasPrefix(line, g) {
				t.Errorf("it holds a %s", line)
			}
		}
		if strings.Contains(line, "seen true") {
			t.Errorf("it remembers a %s", line)
		}
	}
}
