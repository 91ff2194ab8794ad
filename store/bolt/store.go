package bolt

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store"
)

// Config says where the store is.
type Config struct {
	Path string // of the file; a folder that isn't there is made
	// ReadOnly opens a file that is there, doesn't change a byte of it, and lets others read it too.
	ReadOnly bool
	// Unchecked leaves it to whoever reads all entries to find that the newest are missing.
	Unchecked bool
	// Reserve is how many bytes [Store.Reserve] keeps for when the disk is full; zero: none.
	Reserve int64
	// LockTimeout is how long to wait for another process to let go of the file; zero: one second.
	LockTimeout time.Duration
}

// Store is a store in one file.
type Store struct {
	config Config
	commit func(*bbolt.Tx) error // (*bbolt.Tx).Commit; tests make it fail

	updating chan struct{} // holds one value while an Update runs
	began    atomic.Int64  // when that one began, as Unix nanoseconds; 0 if none runs
	copying  atomic.Int64  // how many backups run

	// mu is held for reading by every call for as long as it uses file, and for writing to replace it.
	mu     sync.RWMutex
	file   *file // nil if it could not be opened again after a failed commit
	closed bool

	// allocated is up to where the file's blocks are its own, once Reserve has run.
	allocated atomic.Int64

	// suspect is set by a commit that failed, until the file was opened anew.
	suspect atomic.Bool
	// durable is the number of the newest bbolt transaction that is on the disk for sure.
	durable atomic.Uint64
	// syncing is held while a commit runs. bbolt shows a commit before its last fsync has returned: a
	// View that meets one waits.
	syncing sync.RWMutex
}

var _ store.Store = (*Store)(nil)

var errReadOnly = errors.New("the store was opened only to be read")

// Open opens the store, and makes an empty one if there is no file. Errors: store.ErrLocked,
// store.ErrCorrupt, store.ErrNewer, store.ErrFull.
func Open(c Config) (*Store, error) {
	if c.LockTimeout == 0 {
		c.LockTimeout = time.Second
	}
	s := &Store{config: c, commit: (*bbolt.Tx).Commit, updating: make(chan struct{}, 1)}
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := s.snapshot()
	if err != nil {
		return err
	}
	defer s.mu.RUnlock()
	defer rollback(tx)
	r := &reader{tx: tx, buckets: make(map[string]*bbolt.Bucket)}
	defer func() { r.tx = nil }()
	return fn(r)
}

// snapshot begins to read what is durable. The caller has mu for reading, if there is no error.
func (s *Store) snapshot() (*bbolt.Tx, error) {
	for {
		f, err := s.acquire()
		if err != nil {
			return nil, err
		}
		tx, err := begin(f, false)
		if err == nil && uint64(tx.ID()) <= s.durable.Load() {
			return tx, nil
		}
		if err == nil {
			rollback(tx)
		}
		s.mu.RUnlock()
		if err != nil {
			return nil, s.explain(err)
		}
		s.syncing.RLock()   // until the commit in flight is decided
		s.syncing.RUnlock() //nolint:staticcheck // the section is empty: it only waits
	}
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case s.updating <- struct{}{}:
		defer func() { <-s.updating }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil { // it may have ended while this waited
		return nil, err
	}
	if s.config.ReadOnly {
		return nil, errReadOnly
	}
	s.began.Store(time.Now().UnixNano())
	defer s.began.Store(0)
	outcomes, err := s.transact(fns)
	if s.suspect.Load() {
		if again := s.reopen(); again != nil {
			err = fmt.Errorf("%w; then: %w", err, again)
		}
	}
	return outcomes, err
}

// transact runs the functions in one transaction, which it leaves committed or undone.
func (s *Store) transact(fns []func(store.Tx) error) ([]error, error) {
	f, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	tx, err := begin(f, true)
	if err != nil {
		return nil, s.explain(err)
	}
	defer rollback(tx)
	b, err := newBatch(tx)
	if err != nil {
		return nil, err
	}
	outcomes, err := b.run(fns)
	if err != nil || !b.wrote {
		return outcomes, err
	}
	if err := b.flush(); err != nil {
		return outcomes, s.explain(err)
	}
	return outcomes, s.persist(tx)
}

// persist commits. After an error nobody can say what is in the file: the store is suspect.
func (s *Store) persist(tx *bbolt.Tx) error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	id := uint64(tx.ID())
	if err := s.tryCommit(tx); err != nil {
		s.suspect.Store(true)
		return s.explain(err)
	}
	s.durable.Store(id)
	return nil
}

func (s *Store) tryCommit(tx *bbolt.Tx) (err error) {
	defer trap(&err)()
	return s.commit(tx)
}

// acquire returns the open file with mu held for reading. It opens the file first where a commit failed.
func (s *Store) acquire() (*file, error) {
	for {
		s.mu.RLock()
		if s.closed {
			s.mu.RUnlock()
			return nil, store.ErrClosed
		}
		if !s.suspect.Load() {
			return s.file, nil
		}
		s.mu.RUnlock()
		if err := s.reopen(); err != nil {
			return nil, err
		}
	}
}

// reopen replaces the file after a failed commit: what bbolt has in memory need not be what is in it.
func (s *Store) reopen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	if !s.suspect.Load() {
		return nil
	}
	if s.file != nil {
		s.file.close()
		s.file = nil
	}
	if err := s.open(); err != nil {
		return err
	}
	s.suspect.Store(false)
	return nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.close()
}
