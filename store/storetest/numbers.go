package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// appendEntries writes n entries, of many sizes, in one function.
func appendEntries(n int) func(store.Tx) error {
	return func(tx store.Tx) error {
		for range n {
			m, err := tx.Meta()
			if err != nil {
				return err
			}
			entry := entryAt(m.Size)
			index, err := tx.AppendEntry(entry, epoch)
			if err != nil {
				return err
			}
			if index != m.Size {
				return fmt.Errorf("entry %d got index %d", m.Size, index)
			}
		}
		return nil
	}
}

func entryAt(index uint64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%d.", index), 1+int(index%7)*300)
}

func entriesFrom(t *testing.T, s store.Store, from uint64, most int) (indexes []uint64) {
	t.Helper()
	view(t, s, func(r store.Reader) error {
		return r.Entries(from, func(index uint64, entry []byte) bool {
			if !bytes.Equal(entry, entryAt(index)) {
				t.Errorf("entry %d is another", index)
			}
			indexes = append(indexes, index)
			return len(indexes) < most
		})
	})
	return indexes
}

func testEntries(t *testing.T, open Open) {
	t.Run("one that is dropped leaves its rest and its place", func(t *testing.T) { testDropped(t, open) })
	t.Run("they are numbered from 0 and read in order", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, appendEntries(3), appendEntries(4))
		update(t, s, appendEntries(5))
		for _, c := range []struct {
			from  uint64
			most  int
			first uint64
			n     int
		}{{0, 99, 0, 12}, {5, 99, 5, 7}, {5, 2, 5, 2}, {11, 99, 11, 1}, {12, 99, 0, 0}, {1 << 63, 99, 0, 0}, {^uint64(0), 99, 0, 0}} {
			got := entriesFrom(t, s, c.from, c.most)
			if len(got) != c.n || c.n > 0 && got[0] != c.first || !slices.IsSorted(got) {
				t.Errorf("from %d at most %d: %v", c.from, c.most, got)
			}
		}
	})
	t.Run("meta goes along", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, appendEntries(3))
		if m := meta(t, s); m.Size != 3 || m.Treed != 0 || !m.Time.Equal(epoch) {
			t.Errorf("meta is %+v", m)
		}
	})
	t.Run("what was undone leaves no gap", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, appendEntries(2))
		_, _ = s.Update(context.Background(), appendEntries(2), func(tx store.Tx) error {
			if err := appendEntries(1)(tx); err != nil {
				return err
			}
			return errRefused
		})
		update(t, s, appendEntries(1))
		if got := entriesFrom(t, s, 0, 99); len(got) != 3 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("time never goes back", func(t *testing.T) {
		s := fresh(t, open)
		for _, step := range []time.Duration{2, 1, 3, 0} {
			update(t, s, func(tx store.Tx) error {
				_, err := tx.AppendEntry([]byte("x"), epoch.Add(step*time.Second))
				return err
			})
		}
		if m := meta(t, s); !m.Time.Equal(epoch.Add(3 * time.Second)) {
			t.Errorf("it is %s", m.Time)
		}
	})
	t.Run("one of 64 KiB is taken", func(t *testing.T) {
		s := fresh(t, open)
		big := bytes.Repeat([]byte{9}, 64<<10)
		update(t, s, func(tx store.Tx) error {
			_, err := tx.AppendEntry(big, epoch)
			return err
		})
		view(t, s, func(r store.Reader) error {
			return r.Entries(0, func(_ uint64, entry []byte) bool {
				if !bytes.Equal(entry, big) {
					t.Error("it came back as another")
				}
				return true
			})
		})
	})
}

func testTree(t *testing.T, open Open) {
	tile := func(n byte) []byte { return bytes.Repeat([]byte{n}, 8192) }
	grow := func(n byte) func(store.Tx) error {
		return func(tx store.Tx) error {
			index, err := tx.AppendTile(tile(n))
			if err == nil && index != uint64(n) {
				err = fmt.Errorf("tile %d got index %d", n, index)
			}
			return err
		}
	}
	t.Run("tiles are numbered from 0 and read back", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, grow(0), grow(1))
		_, _ = s.Update(context.Background(), grow(2), func(tx store.Tx) error { return errors.Join(grow(3)(tx), errRefused) })
		update(t, s, grow(2))
		view(t, s, func(r store.Reader) error {
			for n := range byte(3) {
				if got, err := r.Tile(uint64(n)); err != nil || !bytes.Equal(got, tile(n)) {
					t.Errorf("tile %d came back as another: %v", n, err)
				}
			}
			for _, n := range []uint64{3, 1 << 63, ^uint64(0)} {
				if _, err := r.Tile(n); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("tile %d: %v", n, err)
				}
			}
			return nil
		})
		if m := meta(t, s); m.Tiles != 3 {
			t.Errorf("meta counts %d tiles", m.Tiles)
		}
	})
	t.Run("a root is that of the entries so far", func(t *testing.T) {
		s := fresh(t, open)
		root := func(n byte) func(store.Tx) error {
			return func(tx store.Tx) error { return tx.SetRoot([32]byte{n}) }
		}
		update(t, s, root(1))
		if m := meta(t, s); m.Treed != 0 || m.Root != [32]byte{1} {
			t.Errorf("of no entries: %+v", m)
		}
		update(t, s, appendEntries(2), root(2), appendEntries(1))
		if m := meta(t, s); m.Treed != 2 || m.Root != [32]byte{2} || m.Size != 3 {
			t.Errorf("of the first two: %+v", m)
		}
	})
	t.Run("of each kind of checkpoint there is the newest", func(t *testing.T) {
		s := fresh(t, open)
		signed := store.Checkpoint{Size: 2, Root: [32]byte{2}, Note: []byte("signed\n"), Edge: []byte{7, 8}}
		update(t, s, func(tx store.Tx) error { return tx.PutCheckpoint(store.Checkpoint{Size: 1}) })
		update(t, s, func(tx store.Tx) error { return tx.PutCheckpoint(signed) })
		view(t, s, func(r store.Reader) error {
			if _, err := r.Checkpoint(true); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a witnessed one that nobody wrote: %v", err)
			}
			got, err := r.Checkpoint(false)
			if got.Size != 2 || got.Root != signed.Root || !bytes.Equal(got.Note, signed.Note) || !bytes.Equal(got.Edge, signed.Edge) || got.Witnessed {
				t.Errorf("got %+v", got)
			}
			return err
		})
	})
}

func testPolicies(t *testing.T, open Open) {
	s := fresh(t, open)
	put := func(version uint64, note string) error {
		outcomes, err := s.Update(context.Background(), func(tx store.Tx) error {
			return tx.PutPolicy(store.Policy{Version: version, YAML: []byte(note), Note: note})
		})
		if err != nil {
			t.Fatal(err)
		}
		return outcomes[0]
	}
	for _, c := range []struct {
		version uint64
		taken   bool
	}{{0, false}, {2, false}, {1, true}, {1, false}, {3, false}, {2, true}, {1, false}, {3, true}} {
		if err := put(c.version, fmt.Sprint("v", c.version)); (err == nil) != c.taken {
			t.Errorf("version %d: %v", c.version, err)
		}
	}
	if m := meta(t, s); m.Policy != 3 {
		t.Errorf("current is %d", m.Policy)
	}
	view(t, s, func(r store.Reader) error {
		for version := uint64(1); version <= 3; version++ {
			p, err := r.Policy(version)
			if err != nil || p.Version != version || p.Note != fmt.Sprint("v", version) || string(p.YAML) != p.Note {
				t.Errorf("version %d is %+v, %v", version, p, err)
			}
		}
		return nil
	})
}

func testRevocations(t *testing.T, open Open) {
	s := fresh(t, open)
	appendOne := func(tx store.Tx) error {
		_, err := tx.AppendRevocation(store.Revocation{Seq: 99, Kind: "task", Selector: "x", At: epoch})
		return err
	}
	update(t, s, appendOne, appendOne, appendOne)
	update(t, s, appendOne, appendOne, func(tx store.Tx) error { return tx.DeleteRevocation(3) })
	for _, c := range []struct {
		after uint64
		most  int
		want  []uint64
	}{
		{0, 99, []uint64{1, 2, 4, 5}}, {2, 99, []uint64{4, 5}}, {3, 1, []uint64{4}}, {5, 99, nil}, {^uint64(0), 99, nil},
	} {
		var got []uint64
		view(t, s, func(r store.Reader) error {
			return r.Revocations(c.after, func(rev store.Revocation) bool {
				got = append(got, rev.Seq)
				return len(got) < c.most
			})
		})
		if !slices.Equal(got, c.want) {
			t.Errorf("after %d at most %d: got %v, want %v", c.after, c.most, got, c.want)
		}
	}
	update(t, s, func(tx store.Tx) error { return tx.DeleteRevocation(5) }, appendOne)
	if m := meta(t, s); m.Rev != 6 {
		t.Errorf("after lifting the newest, the next is %d, not 6", m.Rev)
	}
}
