package audit

import (
	"context"
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

// Check reads the whole log: every entry is in its one form, what it seals opens wherever the key is
// still there, and their number and the newest one are what the store remembers. It can't see an
// entry replaced by another good one in the middle; that takes the tree and its checkpoints.
func (l *Log) Check(ctx context.Context) error {
	return l.store.View(ctx, func(r store.Reader) error {
		meta, err := r.Meta()
		if err != nil {
			return err
		}
		var next uint64
		var head [32]byte
		bad := error(nil)
		err = r.Entries(0, func(index uint64, entry []byte) bool {
			if bad = checkEntry(ctx, r, next, index, entry); bad != nil {
				return false
			}
			next, head = index+1, leafHash(entry)
			return true
		})
		switch {
		case err != nil:
			return err
		case bad != nil:
			return bad
		case next != meta.Size:
			return &EntryError{min(next, meta.Size), fmt.Errorf("%w: the log has %d entries, but %d were written", ErrEntry, next, meta.Size)}
		case head != meta.Head:
			return &EntryError{next - 1, fmt.Errorf("%w: not the newest entry that was written", ErrEntry)}
		}
		return nil
	})
}

func checkEntry(ctx context.Context, r store.Reader, want, index uint64, entry []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if index != want {
		return &EntryError{want, fmt.Errorf("%w: it is missing", ErrEntry)}
	}
	e, err := Decode(entry)
	if err == nil {
		err = openPeople(r, &e)
	}
	if err != nil {
		return &EntryError{index, err}
	}
	return nil
}
