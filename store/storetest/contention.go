package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

func testContention(t *testing.T, open Open) {
	t.Run("uses are taken once each", func(t *testing.T) {
		const workers, left = 8, 20
		s := fresh(t, open)
		update(t, s, func(tx store.Tx) error { return tx.PutUses(store.Uses{Token: token(1), Left: left}) })
		taken := make(chan int, workers)
		for range workers {
			go func() { taken <- takeAll(s) }()
		}
		sum := 0
		for range workers {
			sum += <-taken
		}
		if sum != left {
			t.Errorf("%d uses taken of %d", sum, left)
		}
	})
	t.Run("readers see each commit whole", func(t *testing.T) { testWhole(t, fresh(t, open)) })
}

// takeAll takes uses until none is left, and says how many it took.
func takeAll(s store.Store) int {
	for n := 0; ; n++ {
		outcomes, err := s.Update(context.Background(), func(tx store.Tx) error {
			uses, err := tx.Uses(token(1))
			if err == nil && uses.Left == 0 {
				err = errRefused
			}
			if err != nil {
				return err
			}
			uses.Left--
			return tx.PutUses(uses)
		})
		if err != nil || outcomes[0] != nil {
			return n
		}
	}
}

// testWhole writes three things in each commit and looks for one without the others.
func testWhole(t *testing.T, s store.Store) {
	const commits, readers = 30, 3
	stop := make(chan struct{})
	var reading sync.WaitGroup
	for range readers {
		reading.Go(func() {
			for last := uint64(0); ; {
				select {
				case <-stop:
					return
				default:
				}
				if err := s.View(context.Background(), func(r store.Reader) (err error) { last, err = checkWhole(r, last); return err }); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range commits {
		update(t, s, func(tx store.Tx) error {
			m, err := tx.Meta()
			if err != nil {
				return err
			}
			entry := binary.BigEndian.AppendUint64(nil, m.Size)
			if _, err := tx.AppendEntry(entry, epoch); err != nil {
				return err
			}
			return tx.PutUses(store.Uses{Token: token(1), Left: uint32(m.Size) + 1})
		}, func(tx store.Tx) error {
			_, err := tx.AppendRevocation(store.Revocation{Kind: "task"})
			return err
		})
	}
	close(stop)
	reading.Wait()
}

func checkWhole(r store.Reader, last uint64) (uint64, error) {
	m, err := r.Meta()
	if err != nil || m.Size == 0 {
		return 0, err
	}
	uses, err := r.Uses(token(1))
	if err != nil {
		return 0, err
	}
	var entries, newest uint64
	err = r.Entries(0, func(index uint64, entry []byte) bool {
		entries, newest = entries+1, binary.BigEndian.Uint64(entry)
		return true
	})
	if entries != m.Size || newest+1 != m.Size || uint64(uses.Left) != m.Size || m.Rev != m.Size {
		return 0, fmt.Errorf("torn: size %d, %d entries, newest %d, uses %d, rev %d", m.Size, entries, newest, uses.Left, m.Rev)
	}
	if m.Size < last {
		return 0, fmt.Errorf("a later view saw %d entries after %d", m.Size, last)
	}
	return m.Size, err
}
