package folder

import (
	"context"

	"github.com/whittle-sts/whittle/internal/index"
	"github.com/whittle-sts/whittle/store/bolt"
)

// Reindex makes the index of a place that nobody serves anew, and says how many entries the log has. The error
// matches [store.ErrLocked] if a process has the database open.
func Reindex(ctx context.Context, p Place) (entries uint64, err error) {
	s, err := bolt.Open(bolt.Config{Path: p.Database(), ReadOnly: true})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if err := index.Remove(p.Index()); err != nil {
		return 0, err
	}
	x, err := index.Open(ctx, index.Config{Path: p.Index(), Store: s})
	if err != nil {
		return 0, err
	}
	defer x.Close()
	err = x.Build(ctx)
	return x.Next(), err
}
