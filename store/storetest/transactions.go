package storetest

import (
	"context"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

var errRefused = errors.New("refused")

func hexOf(b [16]byte) string { return hex.EncodeToString(b[:]) }

func refuse(store.Tx) error { return errRefused }

func seed(value string) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.PutSecret("seed", []byte(value)) }
}

func secretOf(t testing.TB, s store.Store, name string) (value string) {
	t.Helper()
	view(t, s, func(r store.Reader) error {
		b, err := r.Secret(name)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		value = string(b)
		return err
	})
	return value
}

func testTransactions(t *testing.T, open Open) {
	ctx := context.Background()
	t.Run("a function that fails before it writes fails alone", func(t *testing.T) {
		s := fresh(t, open)
		outcomes, err := s.Update(ctx, seed("one"), refuse, func(tx store.Tx) error { return tx.PutSecret("pepper", []byte("two")) })
		if err != nil || len(outcomes) != 3 || outcomes[0] != nil || outcomes[1] != errRefused || outcomes[2] != nil {
			t.Fatal(outcomes, err)
		}
		if secretOf(t, s, "seed") != "one" || secretOf(t, s, "pepper") != "two" {
			t.Error("the others' work is gone")
		}
	})
	t.Run("a function that fails after it wrote undoes all", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, everything)
		before := stateOf(t, s)
		for name, write := range writes {
			ran := false
			_, err := s.Update(ctx, seed("one"),
				func(tx store.Tx) error { return errors.Join(write(tx), errRefused) },
				func(store.Tx) error { ran = true; return nil })
			if !errors.Is(err, store.ErrDirty) {
				t.Errorf("%s: got %v", name, err)
			}
			if ran {
				t.Errorf("%s: the next function ran", name)
			}
			if after := stateOf(t, s); after != before {
				t.Errorf("%s: something stayed:\n%s", name, after)
			}
		}
	})
	t.Run("a refused write counts as none", func(t *testing.T) {
		s := fresh(t, open)
		outcomes, err := s.Update(ctx, seed("one"), func(tx store.Tx) error { return tx.PutPolicy(store.Policy{Version: 7}) })
		if err != nil || outcomes[0] != nil || outcomes[1] == nil || secretOf(t, s, "seed") != "one" {
			t.Error(outcomes, err)
		}
	})
	t.Run("an update of nothing is nothing", func(t *testing.T) {
		s := fresh(t, open)
		if outcomes, err := s.Update(ctx); len(outcomes) != 0 || err != nil {
			t.Error(outcomes, err)
		}
		if outcomes, err := s.Update(ctx, refuse); len(outcomes) != 1 || outcomes[0] != errRefused || err != nil {
			t.Error(outcomes, err)
		}
	})
	t.Run("a view returns the function's error as it is", func(t *testing.T) {
		if err := fresh(t, open).View(ctx, func(store.Reader) error { return errRefused }); err != errRefused {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a panic undoes all and goes on", func(t *testing.T) { testPanic(t, fresh(t, open)) })
	t.Run("a context that ended runs nothing", func(t *testing.T) { testEnded(t, fresh(t, open)) })
	t.Run("a context that ends while its update waits runs nothing", func(t *testing.T) {
		s := fresh(t, open)
		for range 20 { // a turn that comes when the context has ended must not be taken by chance
			testWaiting(t, s)
		}
	})
	t.Run("a closed store refuses", func(t *testing.T) {
		s := open(t, t.TempDir())
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Update(ctx, seed("one")); !errors.Is(err, store.ErrClosed) {
			t.Errorf("update: %v", err)
		}
		if err := s.View(ctx, func(store.Reader) error { return nil }); !errors.Is(err, store.ErrClosed) {
			t.Errorf("view: %v", err)
		}
	})
}

func testPanic(t *testing.T, s store.Store) {
	recovered := func(run func()) (value any) {
		defer func() { value = recover() }()
		run()
		return nil
	}
	value := recovered(func() {
		_, _ = s.Update(context.Background(), seed("one"), func(tx store.Tx) error {
			if err := tx.PutSecret("pepper", []byte("two")); err != nil {
				return err
			}
			panic("stop")
		})
	})
	if value != "stop" {
		t.Errorf("update panicked with %v", value)
	}
	if value := recovered(func() { _ = s.View(context.Background(), func(store.Reader) error { panic("stop") }) }); value != "stop" {
		t.Errorf("view panicked with %v", value)
	}
	if secretOf(t, s, "seed") != "" || secretOf(t, s, "pepper") != "" {
		t.Error("something stayed")
	}
	update(t, s, seed("three"))
	if secretOf(t, s, "seed") != "three" {
		t.Error("the store doesn't work any more")
	}
}

func testEnded(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ran := false
	if _, err := s.Update(ctx, func(store.Tx) error { ran = true; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("update: %v", err)
	}
	if err := s.View(ctx, func(store.Reader) error { ran = true; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("view: %v", err)
	}
	if ran {
		t.Error("a function ran")
	}
	// One that ends in the middle of the work doesn't stop it.
	ctx, cancel = context.WithCancel(context.Background())
	_, err := s.Update(ctx, func(tx store.Tx) error {
		cancel()
		return seed("one")(tx)
	})
	if err != nil || secretOf(t, s, "seed") != "one" {
		t.Errorf("cancelled in the middle: %v", err)
	}
}

// testWaiting ends the context of an Update that waits for its turn.
func testWaiting(t *testing.T, s store.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ran, done := false, make(chan error)
	update(t, s, func(store.Tx) error {
		go func() {
			_, err := s.Update(ctx, func(store.Tx) error { ran = true; return nil })
			done <- err
		}()
		time.Sleep(time.Millisecond) // lets it begin to wait; the test holds if it doesn't
		cancel()
		return nil
	})
	if err := <-done; !errors.Is(err, context.Canceled) || ran {
		t.Errorf("got %v; the function ran: %t", err, ran)
	}
}
