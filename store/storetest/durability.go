package storetest

import (
	"fmt"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

func testDurability(t *testing.T, open Open) {
	t.Run("a store that was closed comes back as it was", func(t *testing.T) {
		folder := t.TempDir()
		steps := []func(store.Tx) error{everything}
		for _, write := range writes {
			steps = append(steps, write)
		}
		last := ""
		for i, step := range steps {
			s := open(t, folder)
			if i > 0 {
				if now := stateOf(t, s); now != last {
					t.Fatalf("step %d: got\n%s\nwant\n%s", i, now, last)
				}
			}
			update(t, s, step)
			last = stateOf(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("numbers go on where they stopped", func(t *testing.T) {
		folder := t.TempDir()
		for n := range uint64(3) {
			s := open(t, folder)
			update(t, s, func(tx store.Tx) error {
				entry := fmt.Append(nil, n)
				index, err := tx.AppendEntry(entry, epoch)
				if index != n || err != nil {
					t.Errorf("entry %d got %d, %v", n, index, err)
				}
				seq, err := tx.AppendRevocation(store.Revocation{Kind: "task"})
				if seq != n+1 || err != nil {
					t.Errorf("revocation %d got %d, %v", n+1, seq, err)
				}
				// The newest revocation is lifted: its number isn't given again.
				return tx.DeleteRevocation(seq)
			})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
