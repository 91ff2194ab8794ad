package engine

import (
	"context"
	"errors"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

const (
	exportStep = 256              // entries that an export reads at a time, so that it holds nobody up
	exportWait = 30 * time.Second // for a checkpoint that covers what was dropped meanwhile; witnesses take their time
	exportLook = 100 * time.Millisecond
)

// Export sends the newest checkpoint to begin, and then each entry from an index on that it covers to next, with the proof
// that it does. If bodies were dropped meanwhile, it goes on with a newer checkpoint, and the proof that the log begins with
// the one before, since what says so comes later in the log. The caller must hold audit.read.
func (e *Engine) Export(ctx context.Context, caller clientauth.Caller, from uint64, witnessed bool,
	begin func(c store.Checkpoint, proof []Hash) error, next func(audit.Proved) error,
) error {
	if err := e.require(caller, policy.AuditRead); err != nil {
		return err
	}
	c, err := e.Checkpoint(witnessed)
	if err != nil {
		return err
	}
	if from >= c.Size {
		return proofFailed(audit.ErrNotCovered)
	}
	x := exporter{log: e.log, next: from, send: next}
	for proof := []Hash(nil); ; {
		if err := begin(c, proof); err != nil {
			return err
		}
		if err := x.upTo(ctx, c.Size); err != nil {
			return err
		}
		if _, left := x.absent.Left(); !left {
			return nil
		}
		older := c.Size
		recorded, err := e.log.Recorded(ctx) // with what was dropped, what says so
		if err != nil {
			return unavailable("store", err)
		}
		if older >= recorded {
			return nil // nothing says so, which whoever verifies finds
		}
		if c, err = e.covering(ctx, recorded, witnessed); err != nil {
			return err
		}
		if _, proof, err = e.Consistency(ctx, older, c.Size); err != nil {
			return err
		}
	}
}

// exporter is how far an export has come.
type exporter struct {
	log    *audit.Log
	next   uint64
	send   func(audit.Proved) error
	absent audit.Absences // entries whose bodies are gone, and none so far says that they were dropped
}

// upTo sends the entries that a checkpoint of that size covers.
func (x *exporter) upTo(ctx context.Context, size uint64) error {
	for x.next < size {
		entries, err := x.log.Prove(ctx, size, x.next, exportStep)
		if err != nil {
			return errors.Join(ctx.Err(), proofFailed(err))
		}
		for _, p := range entries {
			if err := x.send(p); err != nil {
				return err
			}
			_ = x.absent.Glance(p.Index, p.Bytes) // what is damaged is for whoever verifies to find
			x.next = p.Index + 1
		}
		if len(entries) == 0 {
			return nil
		}
	}
	return nil
}

// covering is a checkpoint of at least that size, for which it waits.
func (e *Engine) covering(ctx context.Context, size uint64, witnessed bool) (store.Checkpoint, error) {
	late := time.NewTimer(exportWait)
	defer late.Stop()
	again := time.NewTicker(exportLook)
	defer again.Stop()
	for {
		c, err := e.Checkpoint(witnessed)
		if err != nil || c.Size >= size {
			return c, err
		}
		select {
		case <-ctx.Done():
			return c, ctx.Err()
		case <-late.C:
			return c, unavailable("no_checkpoint", errors.New("bodies were dropped during an export, and no checkpoint covers what says so"))
		case <-again.C:
		}
	}
}
