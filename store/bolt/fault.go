package bolt

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/whittle-sts/whittle/store"
)

// trap turns a panic in bbolt into store.ErrCorrupt. bbolt trusts its file: a damaged page makes it
// panic, and one that is gone, or that the disk can't read, is a fault on mapped memory, which only
// becomes a panic where asked for. Use: defer trap(&err)(), around nothing but bbolt.
func trap(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if r := recover(); r != nil {
			*err = fmt.Errorf("%w: %v", store.ErrCorrupt, r)
		}
	}
}

// explain is the store's word for an error of bbolt or the system, with what to do about it.
func (s *Store) explain(err error) error {
	path := s.config.Path
	switch {
	case err == nil, errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrNewer), errors.Is(err, store.ErrLocked):
		return err
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("%w: %s is open in another process; stop that one, or give this one a folder of its own", store.ErrLocked, path)
	case isFull(err):
		return fmt.Errorf("%w: %s: %w; make room, nothing else is needed", store.ErrFull, path, err)
	}
	return fmt.Errorf("store %s: %w", path, err)
}

// isFull looks at the text too, since bbolt doesn't wrap all errors of the system.
func isFull(err error) bool {
	for _, full := range diskFull {
		if errors.Is(err, full) || strings.HasSuffix(err.Error(), full.Error()) {
			return true
		}
	}
	return errors.Is(err, berrors.ErrMaxSizeReached)
}

// rollback ends a transaction that may have ended already.
func rollback(tx *bbolt.Tx) {
	var err error
	defer trap(&err)()
	err = tx.Rollback()
}
