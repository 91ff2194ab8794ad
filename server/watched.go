package server

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/whittle-sts/whittle/store"
)

// watched is a store that remembers whether its newest commit failed. Housekeeping commits every few
// seconds, so the memory doesn't grow old.
type watched struct {
	store.Store
	failed atomic.Pointer[error]
}

// Update implements [store.Store].
func (w *watched) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	outcomes, err := w.Store.Update(ctx, fns...)
	switch {
	case err == nil:
		w.failed.Store(nil)
	case !errors.Is(err, store.ErrDirty): // that is one caller's fault, not the store's
		w.failed.Store(&err)
	}
	return outcomes, err
}

// writable says why the store can't be written to, if the newest commit failed.
func (w *watched) writable() error {
	if failed := w.failed.Load(); failed != nil {
		return fmt.Errorf("the newest commit failed: %w", *failed)
	}
	return nil
}
