package engine

import (
	"context"
	"errors"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/store"
)

const (
	keepEvery = 10 * time.Second
	dropStep  = 256 // records dropped in one commit, so that none keeps callers waiting
)

// Keep looks after the state until ctx is done: what has ended is forgotten in small steps, and the
// signing key is rotated when it has signed for [KeyLife], and dropped when its last token has
// ended, as are secrets some time after their end. When secrets were last used is written down, at the end too, and
// the free space of the store is cleared of what was erased. Failures of single rounds go to report, and the next
// round tries again.
func (e *Engine) Keep(ctx context.Context, report func(error)) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if err := e.noteUses(context.WithoutCancel(ctx)); err != nil {
				report(err)
			}
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
	now := e.clock.Now()
	if err := e.clock.Trust(); err != nil {
		return err
	}
	return errors.Join(e.rotateIfDue(ctx, now), e.dropKeys(ctx, now), e.dropSecrets(ctx, now), e.forget(ctx, now), e.noteUses(ctx), e.retain(ctx, now), e.scrub(ctx))
}

func (e *Engine) rotateIfDue(ctx context.Context, now time.Time) error {
	newest := e.image.View().Keys.NewestActive()
	if now.Before(newest.Add(KeyLife)) {
		return nil
	}
	_, err := e.addKey(ctx, clientauth.Caller{}, now.Add(KeyOverlap))
	return err
}

func (e *Engine) forget(ctx context.Context, now time.Time) error {
	for {
		n, err := e.log.DropExpired(ctx, now, dropStep)
		if err != nil {
			return err
		}
		if n < dropStep {
			e.image.Revocations.Forget(now)
			return nil
		}
	}
}

// keepSecrets is how long a secret that has ended is still listed.
const keepSecrets = 7 * 24 * time.Hour

// dropSecrets deletes the secrets that ended long enough ago, one in each commit.
func (e *Engine) dropSecrets(ctx context.Context, now time.Time) error {
	for client, list := range e.image.View().Credentials {
		for _, c := range list {
			if c.Expires.IsZero() || now.Before(c.Expires.Add(keepSecrets)) {
				continue
			}
			err := e.changeSecrets(ctx, clientauth.Caller{}, client, c.ID, []live.Credential{c}, audit.ActionDeleted, func(tx store.Tx, c store.Credential) error {
				return tx.DeleteCredential(c.Client, c.ID)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// noteUses writes down when secrets were last used, where the store doesn't know it yet.
func (e *Engine) noteUses(ctx context.Context) error {
	var fresh []audit.Use
	var of []*live.Use
	for client, list := range e.image.View().Credentials {
		for _, c := range list {
			if at, is := c.Use.Unwritten(); is {
				fresh, of = append(fresh, audit.Use{Client: client, Credential: c.ID, At: at}), append(of, c.Use)
			}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := e.log.NoteUses(ctx, fresh); err != nil {
		return err
	}
	for i, use := range of {
		use.Written(fresh[i].At)
	}
	return nil
}
