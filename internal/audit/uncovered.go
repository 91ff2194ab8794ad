package audit

import (
	"context"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// Uncovered is the time of the first entry that the newest checkpoint doesn't cover, or the newest that enough
// witnesses have co-signed; zero if it covers all of them.
func (l *Log) Uncovered(ctx context.Context, witnessed bool) (since time.Time, err error) {
	covered, _ := l.Signed() // none covers nothing
	if witnessed {
		covered, _ = l.Witnessed()
	}
	if covered.Size >= l.Size() {
		return time.Time{}, nil
	}
	err = l.store.View(ctx, func(r store.Reader) error {
		f := finder{ctx: ctx, reader: r}
		since, err = f.timeOf(covered.Size)
		return err
	})
	return since, err
}
