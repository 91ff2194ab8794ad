package engine

import (
	"context"
	"errors"
	"time"

	"github.com/whittle-sts/whittle/internal/clientauth"
)

const (
	keepEvery = 10 * time.Second
	dropStep  = 256 // records dropped in one commit, so that none keeps callers waiting
)

// Keep looks after the state until ctx is done: what has ended is forgotten in small steps, and the
// signing key is rotated when it has signed for [KeyLife], and dropped when its last token has
// ended. Failures of single rounds go to report, and the next round tries again.
func (e *Engine) Keep(ctx context.Context, report func(error)) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := e.KeepOnce(ctx); err != nil && ctx.Err() == nil {
				report(err)
			}
		}
	}
}

// KeepOnce is one round of [Engine.Keep]. A clock that isn't trusted forgets nothing.
func (e *Engine) KeepOnce(ctx context.Context) error {
	now := e.Clock.Now()
	if err := e.Clock.Trust(); err != nil {
		return err
	}
	return errors.Join(e.rotateIfDue(ctx, now), e.dropKeys(ctx, now), e.forget(ctx, now))
}

func (e *Engine) rotateIfDue(ctx context.Context, now time.Time) error {
	newest := e.Image.View().Keys.NewestActive()
	if now.Before(newest.Add(KeyLife)) {
		return nil
	}
	_, err := e.addKey(ctx, clientauth.Caller{}, now.Add(KeyOverlap))
	return err
}

func (e *Engine) forget(ctx context.Context, now time.Time) error {
	for {
		n, err := e.Log.DropExpired(ctx, now, dropStep)
		if err != nil {
			return err
		}
		if n < dropStep {
			e.Image.Revocations.Forget(now)
			return nil
		}
	}
}
