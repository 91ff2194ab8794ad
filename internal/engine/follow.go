package engine

import (
	"context"
	"errors"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
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
	From   *uint64 // the first index; nil: what comes from now on
	Filter EntryFilter
}

// FollowEntries sends the entries that match from an index on and then each as it comes, until the context
// ends or send fails. Without an entry, send is told only from where to go on: at first when all that was there is
// read, and then now and then. The caller must hold audit.read.
func (e *Engine) FollowEntries(ctx context.Context, caller clientauth.Caller, req FollowRequest, send func(*Entry, uint64) error) error {
	if err := e.require(caller, policy.AuditRead); err != nil {
		return err
	}
	f := follower{log: e.log, guide: e.guide, filter: req.Filter.query(), send: send, next: e.log.Size(), beat: time.NewTicker(followBeat)}
	defer f.beat.Stop()
	if req.From != nil {
		f.next = *req.From
	}
	return f.run(ctx)
}

// follower is how far one caller has followed the log.
type follower struct {
	log    *audit.Log
	guide  audit.Guide
	filter audit.Filter
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
		case <-f.log.Grown(f.next):
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
		found, err := f.log.Search(ctx, audit.Query{Filter: f.filter, From: f.next, Limit: followStep, Guide: f.guide})
		if err != nil {
			return errors.Join(ctx.Err(), logFailed(err))
		}
		for i := range found.Found {
			f.next = found.Found[i].Index + 1
			if err := f.say(&found.Found[i]); err != nil {
				return err
			}
		}
		if f.next = found.Next; !found.More {
			return ctx.Err()
		}
	}
}

func (f *follower) say(entry *Entry) error {
	f.beat.Reset(followBeat)
	return f.send(entry, f.next)
}
