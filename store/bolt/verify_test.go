package bolt

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// grown is a store with pages of every kind: branches, records that don't fit into a page, inline
// tables, a list of free pages.
func grown(t testing.TB, folder string) *Store {
	t.Helper()
	s := filled(t, folder)
	for i := range 40 {
		if err := update(s, func(tx store.Tx) error {
			_, err := tx.AppendEntry(fmt.Appendf(nil, "entry %d %0*d", i, 40*i, i), epoch)
			id := [16]byte{byte(i), 1}
			return errors.Join(err,
				tx.PutUses(store.Uses{Token: id, Left: 3, Expires: epoch.Add(time.Duration(i) * time.Second)}),
				tx.PutPerson(store.Person{Lookup: [32]byte{byte(i), 1}, ID: id, Key: make([]byte, 32), Since: epoch}))
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := update(s, func(tx store.Tx) error { _, err := tx.DropExpired(epoch.Add(10*time.Second), 100); return err }); err != nil {
		t.Fatal(err)
	}
	return s
}

func problems(path string) (list []error) {
	if err := Verify(path, func(err error) { list = append(list, err) }); err != nil {
		list = append(list, err)
	}
	return list
}

func TestVerifyFindsNothingInWhatIsWhole(t *testing.T) {
	folder := t.TempDir()
	s := grown(t, folder)
	path := filepath.Join(folder, name)
	if list := problems(path); len(list) != 1 || !errors.Is(list[0], store.ErrLocked) {
		t.Errorf("of a file that is served: %v", list)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if list := problems(path); len(list) > 0 {
		t.Error(errors.Join(list...))
	}
	after, err := os.ReadFile(path)
	if err != nil || string(before) != string(after) {
		t.Errorf("it changed the file: %v", err)
	}
}

// A flipped bit anywhere in the file either is noticed or changes nothing.
func TestNoFlippedBitGoesUnnoticed(t *testing.T) {
	folder := t.TempDir()
	s := grown(t, folder)
	want, path := state(t, s), filepath.Join(folder, name)
	size := 0
	if err := s.View(context.Background(), func(r store.Reader) error { size = int(r.(*reader).tx.Size()); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	step := 61 // bytes; coprime to all that repeats
	if testing.Short() {
		step = 131
	}
	noticed, harmless := 0, 0
	for at := 0; at < size; at += step {
		var b [1]byte
		if _, err := f.ReadAt(b[:], int64(at)); err != nil {
			t.Fatal(err)
		}
		flipped := bits.RotateLeft8(1, at/step)
		if _, err := f.WriteAt([]byte{b[0] ^ flipped}, int64(at)); err != nil {
			t.Fatal(err)
		}
		if len(problems(path)) > 0 {
			noticed++
		} else if got := readOnly(t, path); got != want {
			t.Errorf("bit %08b of byte %d (page %d): unnoticed, and it holds\n%s", flipped, at, at/os.Getpagesize(), got)
		} else {
			harmless++
		}
		if _, err := f.WriteAt(b[:], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d noticed, %d harmless", noticed, harmless)
	if noticed < harmless/10 {
		t.Error("hardly any was noticed")
	}
	if list := problems(path); len(list) > 0 {
		t.Error("put back as it was:", errors.Join(list...))
	}
}

func readOnly(t *testing.T, path string) string {
	t.Helper()
	s, err := Open(Config{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return state(t, s)
}

// What is whole but doesn't agree is named by its table.
func TestVerifyNamesTableAndKey(t *testing.T) {
	for what, spoil := range map[string]func(w *writer) error{
		"table uses":         func(w *writer) error { return w.remove(tableExpiry, expiryKey('u', token1[:], epoch.Add(time.Minute))) },
		"table expiry":       func(w *writer) error { return w.remove(tableOpaque, hash1[:]) },
		"table person, key":  func(w *writer) error { return w.remove(tablePersonByID, token1[:]) },
		"table person-by-id": func(w *writer) error { return w.remove(tablePerson, hash1[:]) },
		"table person-by-id, key": func(w *writer) error {
			return w.put(tablePersonByID, token1[:], encodePerson(&store.Person{Lookup: hash1, ID: token1, Key: []byte("another")}))
		},
		"table credential": func(w *writer) error { return w.put(tableCredential, []byte("x"), []byte("no record")) },
		"table entry":      func(w *writer) error { return w.put(tableEntry, number(7), []byte("from nowhere")) },
	} {
		folder := t.TempDir()
		s := filled(t, folder)
		if err := s.raw(spoil); err != nil {
			t.Fatal(err)
		}
		s.Close()
		list := problems(filepath.Join(folder, name))
		if len(list) == 0 || !errors.Is(list[0], store.ErrCorrupt) || !contains(list, what) {
			t.Errorf("%s: %v", what, list)
		}
	}
}

func contains(list []error, words string) bool {
	return strings.Contains(errors.Join(list...).Error(), words)
}
