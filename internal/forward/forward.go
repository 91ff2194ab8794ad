package forward

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
)

// Log is what is handed on.
type Log interface {
	List(ctx context.Context, from uint64, limit int) ([]audit.Item, error)
	TimeOf(ctx context.Context, index uint64) (time.Time, error)
	Size() uint64
	Grown(index uint64) <-chan struct{}
}

// Receiver is whom entries are handed to.
type Receiver interface {
	// Send returns nil once the receiver has confirmed that it has all of them. They may come again, and then some may
	// have come before.
	Send(ctx context.Context, entries []audit.Item) error
}

// Later is an error of a receiver that wants to be left alone for a while.
type Later struct {
	After time.Duration
	Err   error
}

func (l *Later) Error() string { return l.Err.Error() }

// Unwrap is what is wrong.
func (l *Later) Unwrap() error { return l.Err }

// Limits of one hand-over, and of how often it is tried.
const (
	maxEntries = 128
	maxBytes   = 1 << 20 // of entries, but always one entry
	gather     = 200 * time.Millisecond
	firstWait  = time.Second
	longest    = 5 * time.Minute
)

// Config is what a Forwarder works with. All of it is needed, but for Wait.
type Config struct {
	Log    Log
	To     Receiver
	Cursor string    // the file that remembers what was confirmed
	Random io.Reader // cryptographic
	// Wait waits so long, or until ctx is done. Nil: by a timer.
	Wait func(ctx context.Context, d time.Duration)
}

// Forwarder hands one log to one receiver.
type Forwarder struct {
	config   Config
	next     atomic.Uint64 // the first entry that isn't confirmed
	failures atomic.Uint64
}

// New reads the cursor. Nothing is sent before Run.
func New(ctx context.Context, c Config) (*Forwarder, error) {
	if c.Wait == nil {
		c.Wait = pause
	}
	f := &Forwarder{config: c}
	at, err := readCursor(c.Cursor)
	if err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	f.next.Store(at.Next)
	_, _ = f.begin(ctx) // what is wrong with the log is told, and tried again, when it runs
	return f, nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Next is the first entry that isn't confirmed.
func (f *Forwarder) Next() uint64 { return f.next.Load() }

// Failures is how often a hand-over failed.
func (f *Forwarder) Failures() uint64 { return f.failures.Load() }

// Since is the time of the oldest entry that the receiver hasn't confirmed; zero if it has all. It rests on nothing but
// the cursor and the log, so a restart changes nothing of it.
func (f *Forwarder) Since(ctx context.Context) (time.Time, error) {
	next := f.next.Load()
	if next >= f.config.Log.Size() {
		return time.Time{}, nil
	}
	return f.config.Log.TimeOf(ctx, next)
}

// Run hands on until ctx is done. What goes wrong is told and tried again, for ever, ever less often.
func (f *Forwarder) Run(ctx context.Context, tell func(error)) {
	for failed := 0; ctx.Err() == nil; {
		err := f.run(ctx, func() { failed = 0 })
		if ctx.Err() != nil {
			return
		}
		f.failures.Add(1)
		tell(err)
		f.config.Wait(ctx, f.backoff(failed, err))
		failed++
	}
}

// backoff is twice as long each time, up to a limit, and a random part of up to half of it less: receivers that come
// back aren't met by all at once.
func (f *Forwarder) backoff(failed int, err error) time.Duration {
	wait := min(firstWait<<min(failed, 20), longest)
	if later, ok := errors.AsType[*Later](err); ok {
		wait = min(max(wait, later.After), time.Hour)
	}
	var random [8]byte
	if _, err := io.ReadFull(f.config.Random, random[:]); err != nil {
		return wait
	}
	return wait - time.Duration(binary.BigEndian.Uint64(random[:])%uint64(wait/2+1))
}

// run hands on until something goes wrong. done is called after each hand-over.
func (f *Forwarder) run(ctx context.Context, done func()) error {
	at, err := f.begin(ctx)
	if err != nil {
		return err
	}
	for {
		entries, err := f.batch(ctx, at.Next)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			select {
			case <-f.config.Log.Grown(at.Next):
				f.config.Wait(ctx, gather)
			case <-ctx.Done():
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		if err := f.config.To.Send(ctx, entries); err != nil {
			return err
		}
		last := entries[len(entries)-1]
		at = cursor{Next: last.Index + 1, Leaf: last.Leaf[:]}
		if err := at.write(f.config.Cursor); err != nil {
			return err
		}
		f.next.Store(at.Next)
		done()
	}
}

// begin is where to go on. A log that isn't the one that was handed on, as after a restore, is handed on from its beginning.
func (f *Forwarder) begin(ctx context.Context) (cursor, error) {
	at, err := readCursor(f.config.Cursor)
	if err != nil || at.Next == 0 {
		return at, err
	}
	newest, err := f.config.Log.List(ctx, at.Next-1, 1)
	if err != nil {
		return at, err
	}
	if len(newest) == 0 || newest[0].Index != at.Next-1 || string(newest[0].Leaf[:]) != string(at.Leaf) {
		at = cursor{}
	}
	f.next.Store(at.Next)
	return at, nil
}

// batch is the next entries, as many as go into one hand-over.
func (f *Forwarder) batch(ctx context.Context, from uint64) ([]audit.Item, error) {
	entries, err := f.config.Log.List(ctx, from, maxEntries)
	if err != nil {
		return nil, err
	}
	size := 0
	for i, e := range entries {
		if size += len(e.Bytes); size > maxBytes && i > 0 {
			return entries[:i], nil
		}
	}
	return entries, nil
}
