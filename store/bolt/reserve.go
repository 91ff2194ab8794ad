package bolt

import (
	"fmt"
	"io"
)

// The reserve is blocks of the file past all pages in use, given to it by the system beforehand: commits
// fill them when the disk has no more to give. It stands in the file, and not beside it, so that nobody
// else can take it first. On a file system that never writes in place it is no promise.

// Reserve makes sure that the reserve is there, after commits and when a disk that was full has room again.
// The error says that it isn't: store.ErrFull while there is no room.
func (s *Store) Reserve() error {
	if s.config.Reserve == 0 || s.config.ReadOnly {
		return nil
	}
	s.updating <- struct{}{} // no commit writes meanwhile
	defer func() { <-s.updating }()
	f, err := s.acquire()
	if err != nil {
		return err
	}
	defer s.mu.RUnlock()
	return s.explain(s.reserve(f))
}

// reserve allocates twice the reserve when there is less than once, so that this is rare, and once where there
// is no room for more.
func (s *Store) reserve(f *file) error {
	tx, err := begin(f, false)
	if err != nil {
		return err
	}
	used := tx.Size()
	rollback(tx)
	own := max(used, s.allocated.Load())
	if own-used >= s.config.Reserve {
		return nil
	}
	end := used + 2*s.config.Reserve
	err = allocate(f.os, own, end-own)
	if err != nil {
		end = used + s.config.Reserve
		err = allocate(f.os, own, end-own)
	}
	if err == nil {
		if err = f.os.Sync(); err != nil {
			s.suspect.Store(true) // what the system says of the file from now on is not to be believed
		}
	}
	if err != nil {
		return fmt.Errorf("the reserve: %w", err)
	}
	s.allocated.Store(end)
	return nil
}

// zeros is how much of a file is written at once where the system can't allocate.
const zeros = 1 << 20

// lengthen writes zeros.
func lengthen(f io.WriterAt, from, length int64) error {
	b := make([]byte, zeros)
	for at := from; at < from+length; at += zeros {
		if _, err := f.WriteAt(b[:min(zeros, from+length-at)], at); err != nil {
			return err
		}
	}
	return nil
}
