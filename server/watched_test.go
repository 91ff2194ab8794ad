package server

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// moody is a store whose commits end as it is told.
type moody struct {
	store.Store
	err error
}

func (m *moody) Update(context.Context, ...func(store.Tx) error) ([]error, error) { return nil, m.err }

func TestTheStoreIsWritableUntilACommitFails(t *testing.T) {
	inner := &moody{}
	w := watch(inner, func() time.Duration { return 0 })
	for _, c := range []struct {
		err      error
		writable bool
	}{{nil, true}, {store.ErrDirty, true}, {store.ErrFull, false}, {store.ErrDirty, false}, {nil, true}} {
		inner.err = c.err
		if _, err := w.Update(context.Background()); !errors.Is(err, c.err) {
			t.Errorf("%v became %v", c.err, err)
		}
		if got := w.writable(); (got == nil) != c.writable {
			t.Errorf("after %v: %v", c.err, got)
		}
	}
}
