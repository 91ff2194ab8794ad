package storetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

func testScrubbing(t *testing.T, open Open) {
	t.Run("changes nothing that is there", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, everything)
		before := stateOf(t, s)
		if err := s.Scrub(context.Background()); err != nil {
			t.Fatal(err)
		}
		if after := stateOf(t, s); after != before {
			t.Errorf("got\n%s\nwant\n%s", after, before)
		}
	})
	t.Run("leaves nothing of what was deleted", func(t *testing.T) {
		folder := t.TempDir()
		s := open(t, folder)
		defer s.Close()
		secret := []byte("the key of somebody who is gone!")
		entry := bytes.Repeat([]byte("what was once recorded, "), 100)
		update(t, s, everything, func(tx store.Tx) error {
			_, err := tx.AppendEntry(entry, epoch)
			return errors.Join(err, tx.PutPerson(store.Person{Lookup: hash(2), ID: person(2), Key: secret, Since: epoch}))
		})
		update(t, s, func(tx store.Tx) error {
			m, err := tx.Meta()
			return errors.Join(err, tx.DeletePerson(hash(2)), tx.DropEntry(m.Size-1, []byte("rest")))
		})
		if err := s.Scrub(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, trace := range [][]byte{secret, []byte(base64.StdEncoding.EncodeToString(secret)), []byte(hex.EncodeToString(secret)), []byte("once recorded")} {
			if file := holding(t, folder, trace); file != "" {
				t.Errorf("%s still holds %q", file, trace)
			}
		}
	})
	t.Run("honours a context that has ended", func(t *testing.T) {
		s := fresh(t, open)
		ended, end := context.WithCancel(context.Background())
		end()
		if err := s.Scrub(ended); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// holding is a file in the folder that holds the bytes, if one does.
func holding(t *testing.T, folder string, trace []byte) (found string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, trace) {
			found = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func testDropped(t *testing.T, open Open) {
	s := fresh(t, open)
	update(t, s, appendEntries(9))
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.DropEntry(2, []byte("rest")), tx.DropEntry(3, nil), tx.DropEntry(8, []byte{0}))
	})
	outcomes, err := s.Update(context.Background(), func(tx store.Tx) error { return tx.DropEntry(9, nil) })
	if err != nil || !errors.Is(outcomes[0], store.ErrNotFound) {
		t.Errorf("one that isn't there: %v, %v", outcomes, err)
	}
	update(t, s, appendEntries(1))
	want := map[uint64][]byte{2: []byte("rest"), 3: {}, 8: {0}}
	count := uint64(0)
	view(t, s, func(r store.Reader) error {
		return r.Entries(0, func(index uint64, entry []byte) bool {
			expected, dropped := want[index]
			if !dropped {
				expected = entryAt(index)
			}
			if index != count || !bytes.Equal(entry, expected) {
				t.Errorf("entry %d, where %d is next, is %s", index, count, fmt.Sprintf("%.40q", entry))
			}
			count++
			return true
		})
	})
	if count != 10 {
		t.Errorf("%d entries", count)
	}
}
