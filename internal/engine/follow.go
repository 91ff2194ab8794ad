package engine

import (
	"context"
	"time"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
)

const (
	// followStep is how many entries a follower reads at a time, so that it holds nobody up.
	followStep = 256
	// followBeat is how often a follower is told how far the log was read when nothing else is to be said.
	followBeat = 10 * time.Second
)

// FollowRequest says which entries to follow.
type FollowRequest struct {
	From *uint64 // the first index; nil: what comes from now on
}

// FollowEntries sends the entries from an index on and then each as it comes, until the context ends or
// send fails. Without an entry, send is told only from where to go on: at first when all that was there is
// read, and then now and then. The caller must hold audit.read.
func (e *Engine) FollowEntries(ctx context.Context, caller clientauth.Caller, req FollowRequest, send func(*Entry, uint64) error) error {
	if err := e.require(caller, policy.AuditRead); err != nil {
		return err
	}
	f := follower{engine: e, caller: caller, send: send, next: e.Log.Size(), beat: time.NewTicker(followBeat)}
	defer f.beat.Stop()
	if req.From != nil {
		f.next = *req.From
	}
	return f.run(ctx)
}

// follower is how far one caller has followed the log.
type follower struct {
	engine *Engine
	caller clientauth.Caller
	send   func(*Entry, uint64) error
	next   uint64
	beat   *time.Ticker // since something was said
}

func (f *follower) run(ctx context.Context) error {
	for first := true; ; first = false {
		if err := f.read(ctx); err != nil {
			return err
		}
		if first {
			if err := f.say(nil); err != nil {
				return err
			}
		}
		select {
		case <-f.engine.Log.Grown(f.next):
		case <-f.beat.C:
			if err := f.say(nil); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read sends what is there.
func (f *follower) read(ctx context.Context) error {
	for {
		entries, err := f.engine.Entries(ctx, f.caller, f.next, followStep)
		if err != nil {
			return err
		}
		for i := range entries {
			f.next = entries[i].Index + 1
			if err := f.say(&entries[i]); err != nil {
				return err
			}
		}
		if len(entries) < followStep {
			return ctx.Err()
		}
	}
}

func (f *follower) say(entry *Entry) error {
	f.beat.Reset(followBeat)
	return f.send(entry, f.next)
}
