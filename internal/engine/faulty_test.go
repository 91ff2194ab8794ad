package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/whittle-sts/whittle/store"
)

// faultyStore is a store whose next calls can be made to fail: so many of them, or all if negative.
type faultyStore struct {
	store.Store
	mu     sync.Mutex
	before int // commits that fail and leave nothing
	after  int // commits that are durable and still fail
	views  int // views that fail
}

var errDisk = errors.New("the disk failed")

func (f *faultyStore) fail(before, after int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = before, after
}

func (f *faultyStore) failViews(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.views = n
}

// due says whether a counted fault is due, and takes it.
func (f *faultyStore) due(n *int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *n > 0 {
		*n--
		return true
	}
	return *n < 0
}

func (f *faultyStore) View(ctx context.Context, fn func(store.Reader) error) error {
	if f.due(&f.views) {
		return errDisk
	}
	return f.Store.View(ctx, fn)
}

func (f *faultyStore) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	if f.due(&f.before) {
		return nil, errDisk
	}
	outcomes, err := f.Store.Update(ctx, fns...)
	if err == nil && f.due(&f.after) {
		return outcomes, fmt.Errorf("after writing: %w", errDisk)
	}
	return outcomes, err
}
