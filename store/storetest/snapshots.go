package storetest

import (
	"context"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

func testSnapshots(t *testing.T, open Open) {
	t.Run("a view sees nothing of what came after it began", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, everything)
		before := stateOf(t, s)
		view(t, s, func(r store.Reader) error {
			for name, write := range writes {
				done := make(chan error, 1)
				go func() {
					_, err := s.Update(context.Background(), write)
					done <- err
				}()
				if err := <-done; err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			after, err := state(r)
			if after != before {
				t.Errorf("the snapshot moved:\n%s", after)
			}
			return err
		})
		if stateOf(t, s) == before {
			t.Error("a later view sees nothing either")
		}
	})
	t.Run("a view sees nothing of a transaction that runs", func(t *testing.T) {
		s := fresh(t, open)
		wrote, looked := make(chan struct{}), make(chan struct{})
		done := make(chan error, 1)
		go func() {
			_, err := s.Update(context.Background(), seed("one"), func(store.Tx) error {
				close(wrote)
				<-looked
				return nil
			})
			done <- err
		}()
		<-wrote
		if secretOf(t, s, "seed") != "" {
			t.Error("a view saw what isn't committed")
		}
		close(looked)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if secretOf(t, s, "seed") != "one" {
			t.Error("the view after it doesn't see the commit")
		}
	})
}
