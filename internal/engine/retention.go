package engine

import (
	"context"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
)

// retainSteps is how many steps of one class a round of housekeeping takes, so that the rest of it isn't kept waiting.
const retainSteps = 64

// retain drops the bodies of entries whose class's time is over. What they leave in free space is cleared after the
// round that found no more.
func (e *Engine) retain(ctx context.Context, now time.Time) error {
	for _, class := range audit.Classes() {
		kept := e.keep[class]
		if kept == 0 {
			continue
		}
		for range retainSteps {
			dropped, more, err := e.retention.Step(ctx, class, now.Add(-kept))
			if err != nil {
				return err
			}
			if dropped > 0 {
				e.traces.Store(true)
			}
			if !more {
				break
			}
		}
	}
	return nil
}

func errDropped() error {
	return Refuse(NotFound, "dropped", "the body of this entry was dropped when its time was over; its hash is in the log")
}
