package folder

import (
	"context"

	"github.com/whittle-sts/whittle/internal/index"
)

// Reindex makes the index of a place that nobody serves anew, and says how many entries the log has. It needs the key. The error
// matches [store.ErrLocked] if a process has the database open.
func Reindex(ctx context.Context, p Place) (entries uint64, err error) {
	r, err := p.read(ctx, p.Database())
	defer r.close()
	if err != nil {
		return 0, err
	}
	if err := index.Remove(p.Index()); err != nil {
		return 0, err
	}
	x, err := index.Open(ctx, index.Config{Path: p.Index(), Store: r.open})
	if err != nil {
		return 0, err
	}
	defer x.Close()
	err = x.Build(ctx)
	return x.Next(), err
}
