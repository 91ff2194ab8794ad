package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

func testSnapshots(t *testing.T, open Open) {
	t.Run("a view sees nothing of what came after it began", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, everything)
		before := stateOf(t, s)
		var join func()
		view(t, s, func(r store.Reader) error {
			join = alongside(func() {
				for name, write := range writes {
					if _, err := s.Update(context.Background(), write); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
			after, err := state(r)
			if after != before {
				t.Errorf("the snapshot moved:\n%s", after)
			}
			return err
		})
		join()
		if stateOf(t, s) == before {
			t.Error("a later view sees nothing either")
		}
	})
	t.Run("a view sees nothing of a transaction that runs", func(t *testing.T) {
		s := fresh(t, open)
		var seen string
		var join func()
		_, err := s.Update(context.Background(), seed("one"), func(store.Tx) error {
			join = alongside(func() { seen = secretOf(t, s, "seed") })
			return errRefused
		}, func(tx store.Tx) error { return errors.Join(tx.PutSecret("pepper", nil), errRefused) })
		join()
		if !errors.Is(err, store.ErrDirty) {
			t.Errorf("got %v", err)
		}
		if seen != "" {
			t.Error("a view saw what was never committed")
		}
		update(t, s, seed("one"))
		if secretOf(t, s, "seed") != "one" {
			t.Error("the view after it doesn't see the commit")
		}
	})
}

// alongside runs calls of the store in a goroutine, inside a function that the store called. An engine
// may let them wait until that function has returned; join waits for their end.
func alongside(calls func()) (join func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		calls()
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
	return func() { <-done }
}
