package audit

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

// file opens the embedded store, which the caller closes.
func file(t testing.TB, path string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(bolt.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// filled makes a store's file with n entries and returns its path.
func filled(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "whittle.db")
	s := file(t, path)
	l := open(t, s)
	for i := range n {
		e := sample("")
		e.Client = fmt.Sprint("client ", i)
		e.People[0].Personal = marked()
		e.People[0].Subject += fmt.Sprint(i % 7)
		record(t, l, e)
	}
	l.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNobodyIsNamedInTheStoresFile(t *testing.T) {
	content, err := os.ReadFile(filled(t, 50))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte("client 7")) {
		t.Error("the client, which is in the clear, isn't found: the test looks in the wrong place")
	}
	if bytes.Contains(content, []byte("MARK")) {
		t.Error("what is said of a person is in the clear")
	}
}

func TestLogComesBackFromItsFile(t *testing.T) {
	s := file(t, filled(t, 50))
	defer s.Close()
	l := open(t, s)
	if err := Check(t.Context(), l.store); err != nil {
		t.Fatal(err)
	}
	items, err := l.List(t.Context(), 0, 100)
	if err != nil || len(items) != 50 {
		t.Fatal(len(items), err)
	}
	keys := map[string]bool{}
	for _, item := range items {
		e, err := l.event(t.Context(), item.Bytes)
		if err != nil || e.People[0].Label != "MARK" {
			t.Fatal(e, err)
		}
		keys[e.People[0].Key] = true
	}
	if len(keys) != 7 {
		t.Errorf("%d keys for 7 people", len(keys))
	}
	l.Close()
}

// In the last, unfinished tile the log's entries are read to open it; before that, to check it.
func TestByteChangedInTheFileIsSeen(t *testing.T) {
	s := file(t, damaged(t, 3))
	if _, err := Open(Config{Store: s, Now: time.Now, Random: rand.Reader, Issuer: "https://whittle.example.com"}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("opened: %v", err)
	}
	closeStore(t, s)

	s = file(t, damaged(t, tree.TileWidth+3))
	defer closeStore(t, s)
	l := open(t, s)
	var bad *EntryError
	if err := Check(t.Context(), l.store); !errors.As(err, &bad) || bad.Index != 1 || !errors.Is(err, store.ErrCorrupt) {
		t.Fatalf("got %v, want entry 1 corrupt", err)
	}
	l.Close()
}

func closeStore(t *testing.T, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// damaged makes a store's file whose entry 1 was changed.
func damaged(t *testing.T, entries int) string {
	t.Helper()
	path := filled(t, entries)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Wherever it stands: pages that are free now still hold what was there.
	content = bytes.ReplaceAll(content, []byte(`"client":"client 1"`), []byte(`"client":"client 2"`))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A closed store is a failed commit like any other, and nothing is uncertain.
func TestClosedStoreIsUnavailable(t *testing.T) {
	s := file(t, filepath.Join(t.TempDir(), "whittle.db"))
	l := open(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := l.Do(t.Context(), func(store.Tx) (Entry, error) { return Entry{}, errOwn })
	if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUncertain) {
		t.Fatalf("got %v", err)
	}
}
