package engine

import (
	"context"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/store"
)

// Housekeeping drops bodies whose time is over; whoever asks for such an entry is told so.
func TestHousekeepingDropsWhoseTimeIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	issued := w.trade("agent", outside(w.ana(), "ai.training.read"))
	for w.log.Size() < 300 {
		w.trade("agent", outside(w.ana(), "ai.training.read"))
	}
	first, _, err := w.Explain(ctx, w.as("ops"), issued.Decision)
	w.check(err)
	_, err = w.log.Sign(ctx)
	w.check(err)
	w.keep = map[audit.Class]time.Duration{audit.ClassIssued: 24 * time.Hour}
	w.check(w.KeepOnce(ctx))
	if _, err := w.Receipt(ctx, w.as("agent"), first, false); err != nil {
		t.Errorf("before its time: %v", err)
	}
	w.clock.pass(25 * time.Hour)
	w.check(w.KeepOnce(ctx))

	found, err := w.Entry(ctx, w.as("ops"), first)
	w.check(err)
	if found.Dropped.Class != audit.ClassIssued || found.Dropped.Decision != issued.Decision || found.Bytes != nil || found.Dropped.Time().IsZero() {
		t.Errorf("it is %+v", found)
	}
	if refused := mustBe(t, second(w.Receipt(ctx, w.as("agent"), first, false)), NotFound); refused.Reason() != "dropped" {
		t.Errorf("its receipt: %v", refused)
	}
	_, _, err = w.Explain(ctx, w.as("ops"), issued.Decision)
	if refused := mustBe(t, err, NotFound); refused.Reason() != "dropped" {
		t.Errorf("why: %v", refused)
	}
	var dropped, kept int
	follow, stop := context.WithCancel(ctx)
	_ = w.FollowEntries(follow, w.as("ops"), FollowRequest{From: new(uint64)}, func(e *Entry, _ uint64) error {
		switch {
		case e == nil:
			stop()
		case e.Dropped.Class != "":
			dropped++
		default:
			kept++
		}
		return nil
	})
	if want := 256 - int(first); dropped != want || kept < 300-want {
		t.Errorf("following shows %d dropped of %d, %d kept", dropped, want, kept)
	}
	w.check(audit.Check(ctx, w.faults))
	w.restart()
	w.check(audit.Check(ctx, w.faults))
}

// An export during which bodies are dropped goes on until it has what says so; one during which nothing is ends as it began.
func TestAnExportDuringRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	for w.log.Size() < 300 {
		w.trade("agent", outside(w.ana(), "ai.training.read"))
	}
	_, err := w.log.Sign(ctx)
	w.check(err)
	w.keep = map[audit.Class]time.Duration{audit.ClassIssued: 24 * time.Hour}
	for _, drops := range []bool{false, true} {
		if drops {
			w.clock.pass(25 * time.Hour)
		}
		var sizes []uint64
		var absent audit.Absences
		next, gone := uint64(0), 0
		w.check(w.Export(ctx, w.as("ops"), 0, false, func(c store.Checkpoint, proof []Hash) error {
			if (len(proof) > 0) != (len(sizes) > 0) {
				t.Errorf("checkpoint %d has a proof of %d hashes", len(sizes), len(proof))
			}
			if sizes = append(sizes, c.Size); len(sizes) > 1 || !drops {
				return nil
			}
			if err := w.KeepOnce(ctx); err != nil {
				return err
			}
			_, err := w.log.Sign(ctx)
			return err
		}, func(p audit.Proved) error {
			if p.Index != next {
				t.Errorf("entry %d comes after %d", p.Index, next)
			}
			if next++; p.Dropped.Class != "" {
				gone++
			}
			return absent.Glance(p.Index, p.Bytes)
		}))
		first, left := absent.Left()
		if left || next != sizes[len(sizes)-1] || (gone > 0) != drops || (len(sizes) > 1) != drops {
			t.Errorf("drops %v: checkpoints of %v, %d entries, %d gone, unexplained %d %v", drops, sizes, next, gone, first, left)
		}
	}
}

func second[T any](_ T, err error) error { return err }
