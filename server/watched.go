package server

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whittle-sts/whittle/store"
)

// watched is a store that remembers whether its newest commit failed, and measures how long each took.
// Housekeeping commits every few seconds, so the memory doesn't grow old.
type watched struct {
	store.Store
	elapsed func() time.Duration
	seconds prometheus.Histogram
	lost    prometheus.Counter
	failed  atomic.Pointer[error]
}

func watch(kept store.Store, elapsed func() time.Duration) *watched {
	return &watched{Store: kept, elapsed: elapsed, seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "whittle_commit_seconds", Help: "Time of a commit of the store, whatever number of requests it serves, until it is durable or failed.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
	}), lost: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "whittle_commit_failures_total", Help: "Commits of the store that failed. What waited for them was answered with an error.",
	})}
}

// Update implements [store.Store].
func (w *watched) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	began := w.elapsed()
	outcomes, err := w.Store.Update(ctx, fns...)
	w.seconds.Observe((w.elapsed() - began).Seconds())
	switch {
	case err == nil:
		w.failed.Store(nil)
	case !errors.Is(err, store.ErrDirty): // that is one caller's fault, not the store's
		w.failed.Store(&err)
		w.lost.Inc()
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
