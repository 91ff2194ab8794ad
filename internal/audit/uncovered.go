package audit

import (
	"context"
	"time"
)

// Uncovered is the time of the first entry that the newest checkpoint doesn't cover, or the newest that enough
// witnesses have co-signed; zero if it covers all of them.
func (l *Log) Uncovered(ctx context.Context, witnessed bool) (time.Time, error) {
	covered, _ := l.Signed() // none covers nothing
	if witnessed {
		covered, _ = l.Witnessed()
	}
	if covered.Size >= l.Size() {
		return time.Time{}, nil
	}
	return l.TimeOf(ctx, covered.Size)
}
