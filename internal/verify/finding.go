package verify

import (
	"errors"
	"fmt"
)

// What can be wrong with a log.
var (
	ErrChanged   = errors.New("not the entry that the log holds") // edited, moved or made up
	ErrMissing   = errors.New("an entry is missing")              // removed in the middle
	ErrTruncated = errors.New("the log is shorter than it was")   // cut at its end, or rolled back
	ErrForked    = errors.New("the log isn't the one that was seen before")
	ErrUnsigned  = errors.New("the log hasn't signed this")
)

// Finding is what is wrong, and from which entry on.
type Finding struct {
	Index uint64 // the entry; where that can't be told, the first that it may be
	Last  uint64 // the last that it may be
	Err   error
}

func (f *Finding) Error() string {
	if f.Last > f.Index {
		return fmt.Sprintf("audit log: among entries %d to %d: %v", f.Index, f.Last, f.Err)
	}
	return fmt.Sprintf("audit log: entry %d: %v", f.Index, f.Err)
}

// Unwrap is what is wrong.
func (f *Finding) Unwrap() error { return f.Err }

func at(index uint64, err error, why any) error {
	return &Finding{Index: index, Last: index, Err: fmt.Errorf("%w (%v)", err, why)}
}

// Report is what was found to be good.
type Report struct {
	Origin     string   // of the log; empty if no checkpoint was verified
	From, Size uint64   // the entries from From to before Size were looked at, if they were read at all
	Signed     uint64   // of them, so many are covered by a checkpoint whose signature was verified
	Witnesses  []string // who co-signed it
	Witnessed  bool     // they are enough
}
