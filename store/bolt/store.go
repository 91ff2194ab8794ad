package bolt

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store"
)

var errClosed = errors.New("the store is closed")

// Store is an open store.
type Store struct {
	config Config

	update sync.Mutex // one Update at a time

	// mu guards db, which is replaced after a failed commit. Views hold it for reading.
	mu     sync.RWMutex
	db     *bbolt.DB // nil once closed, or while it can't be opened again
	closed bool

	fault func(stage) error // tests make commits fail; nil otherwise
}

// stage is a moment of a commit at which a test may make it fail.
type stage int

const (
	beforeCommit stage = iota // nothing is in the file
	afterCommit               // all is in the file
)

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return errClosed
	}
	return s.db.View(func(tx *bbolt.Tx) error { return fn(reader{tx: tx}) })
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	s.update.Lock()
	defer s.update.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.ensureOpen(); err != nil {
		return nil, err
	}
	outcomes, err := s.commit(fns)
	if err == nil || errors.Is(err, store.ErrDirty) {
		return outcomes, err
	}
	// What bbolt holds in memory may differ from the file now, and an fsync that failed once may
	// lie the next time. The file is opened anew and read, before anybody reads this store.
	s.reopen()
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EFBIG) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return nil, fmt.Errorf("commit: %w", err)
}

// commit runs the functions in one transaction. A panic of theirs undoes it and goes on.
func (s *Store) commit(fns []func(store.Tx) error) ([]error, error) {
	tx, err := s.db.Begin(true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	meta, err := readMeta(tx)
	if err != nil {
		return nil, err
	}
	before := meta
	outcomes := make([]error, len(fns))
	for i, fn := range fns {
		w := &writer{reader: reader{tx, &meta}}
		outcomes[i] = fn(w)
		if outcomes[i] != nil && w.wrote {
			return outcomes, fmt.Errorf("%w: %w", store.ErrDirty, outcomes[i])
		}
	}
	if meta != before { // written once for all functions
		if err := writeMeta(tx, meta); err != nil {
			return nil, err
		}
	}
	if err := s.failAt(beforeCommit); err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	return outcomes, s.failAt(afterCommit)
}

func (s *Store) failAt(at stage) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(at)
}

// ensureOpen opens the file again if that failed after an earlier failure.
func (s *Store) ensureOpen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	if s.db != nil {
		return nil
	}
	db, err := s.open()
	s.db = db
	return err
}

func (s *Store) reopen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.db.Close() // it failed already; the file says what became of it
	s.db, _ = s.open()
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.update.Lock()
	defer s.update.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	return db.Close()
}
