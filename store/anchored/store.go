package anchored

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// lag is how long the anchor may stay behind commits that only append entries.
const lag = time.Second

// Store is a store that keeps its anchor.
type Store struct {
	inner    store.Store
	path     string
	openFile func(path string) (File, error)

	mu     sync.Mutex // held during Update, so that anchors are written in the order of commits
	saved  slot       // the newest that is durable
	failed bool       // the last try to write one failed
	timer  *time.Timer
	closed bool
}

var _ store.Store = (*Store)(nil)

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.inner.View(ctx, fn)
}

// Backup implements [store.Store]. The anchor is no part of a backup.
func (s *Store) Backup(ctx context.Context, w io.Writer) (store.Meta, error) {
	return s.inner.Backup(ctx, w)
}

// Scrub implements [store.Store]. An anchor holds nothing that could be deleted.
func (s *Store) Scrub(ctx context.Context) error { return s.inner.Scrub(ctx) }

// Update implements [store.Store]. When it returns, the anchor holds every commit that takes power
// away or makes what must not come back; for commits that only append entries it may be behind for a
// second. If the anchor can't be written, the commit stands all the same and Update says so; nothing
// more is committed until the anchor has caught up.
func (s *Store) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed && !s.closed {
		if err := s.anchor(ctx); err != nil {
			return nil, fmt.Errorf("nothing was committed, since the state so far isn't anchored: %w", err)
		}
	}
	var due urgency
	wrapped := make([]func(store.Tx) error, len(fns))
	for i, fn := range fns {
		wrapped[i] = func(tx store.Tx) error { return fn(&watcher{Tx: tx, due: &due}) }
	}
	outcomes, err := s.inner.Update(ctx, wrapped...)
	switch {
	case err != nil:
		s.anchorLater() // it may be in the database all the same
		return outcomes, err
	case due == now:
		if err := s.anchor(context.WithoutCancel(ctx)); err != nil {
			s.anchorLater() // there may be no next Update
			return outcomes, fmt.Errorf("committed, but not anchored: %w", err)
		}
	case due == soon:
		s.anchorLater()
	}
	return outcomes, nil
}

// anchor writes the anchor of the state as it is. The caller has mu.
func (s *Store) anchor(ctx context.Context) error {
	meta, err := s.meta(ctx)
	next := slot{anchor: anchorOf(meta), Count: s.saved.Count + 1}
	if err == nil && next.anchor != s.saved.anchor {
		if err = s.save(next); err == nil {
			s.saved = next
		}
	}
	s.failed = err != nil
	return err
}

func (s *Store) meta(ctx context.Context) (meta store.Meta, err error) {
	err = s.inner.View(ctx, func(r store.Reader) error {
		meta, err = r.Meta()
		return err
	})
	return meta, err
}

// anchorLater makes sure that the anchor is written within lag. The caller has mu.
func (s *Store) anchorLater() {
	if s.timer == nil && !s.closed {
		s.timer = time.AfterFunc(lag, s.catchUp)
	}
}

// catchUp runs when the timer fires. If it fails, it tries again, and so does the next Update, which
// says so.
func (s *Store) catchUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = nil
	if s.closed {
		return
	}
	if err := s.anchor(context.Background()); err != nil {
		s.anchorLater()
	}
}

// Close brings the anchor up to date and closes the store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if !s.closed {
		s.closed = true
		if s.timer != nil {
			s.timer.Stop()
		}
		err = s.anchor(context.Background())
	}
	return errors.Join(err, s.inner.Close())
}
