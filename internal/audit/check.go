package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/whittle-sts/whittle/store"
)

// EntryError says which entry is bad.
type EntryError struct {
	Index uint64
	Err   error
}

func (e *EntryError) Error() string { return fmt.Sprintf("audit entry %d: %v", e.Index, e.Err) }

// Unwrap is what is wrong with it.
func (e *EntryError) Unwrap() error { return e.Err }

// checkStep is how many entries Check reads in one look at the store, which it doesn't hold up.
const checkStep = 4096

// Check reads the whole log: every entry is in its one form, what it seals opens wherever the key is
// still there, and their number and the newest one are what the store remembers. It can't see an
// entry replaced by another good one in the middle; that takes the tree and its checkpoints.
func (l *Log) Check(ctx context.Context) error {
	var c checker
	for done := false; !done; {
		err := l.store.View(ctx, func(r store.Reader) (err error) {
			done, err = c.step(ctx, r)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checker is how far a check has come.
type checker struct {
	next uint64
	head [32]byte // of the entry before next
}

// step checks the next entries and, if there are no more, the end.
func (c *checker) step(ctx context.Context, r store.Reader) (done bool, err error) {
	end := c.next + checkStep
	var bad error
	err = r.Entries(c.next, func(index uint64, entry []byte) bool {
		if c.next == end {
			return false
		}
		bad = errors.Join(ctx.Err(), c.entry(r, index, entry))
		return bad == nil
	})
	switch {
	case bad != nil:
		return false, bad
	case err != nil:
		return false, &EntryError{c.next, err}
	case c.next == end:
		return false, nil
	}
	return true, c.atEnd(r)
}

func (c *checker) entry(r store.Reader, index uint64, entry []byte) error {
	if index != c.next {
		return &EntryError{c.next, fmt.Errorf("%w: it is missing", ErrEntry)}
	}
	e, err := Decode(entry)
	if err == nil {
		err = openPeople(r, &e)
	}
	if err != nil {
		return &EntryError{index, err}
	}
	c.next, c.head = index+1, leafHash(entry)
	return nil
}

func (c *checker) atEnd(r store.Reader) error {
	meta, err := r.Meta()
	switch {
	case err != nil:
		return err
	case c.next != meta.Size:
		return &EntryError{min(c.next, meta.Size), fmt.Errorf("%w: the log has %d entries, but %d were written", ErrEntry, c.next, meta.Size)}
	case c.head != meta.Head:
		return &EntryError{max(c.next, 1) - 1, fmt.Errorf("%w: not the newest entry that was written", ErrEntry)}
	}
	return nil
}
