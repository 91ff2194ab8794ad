package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/store"
)

const (
	// maxBatch is the most ops in one commit.
	maxBatch = 256
	// linger is how long a commit waits at most for those who are expected to share it.
	linger = 2 * time.Millisecond
)

// sequence is the one goroutine that writes. While it commits one batch, the next one gathers.
func (l *Log) sequence() {
	defer close(l.stopped)
	var lately crowd
	for c := range l.queue {
		batch := l.gather(take(nil, c), lately.most())
		if len(batch) > 0 {
			lately.add(len(batch))
			l.commit(batch)
		}
	}
}

// crowd is how many shared each of the last few commits.
type crowd struct {
	sizes [8]int
	next  int
}

func (c *crowd) add(n int) {
	c.sizes[c.next] = n
	c.next = (c.next + 1) % len(c.sizes)
}

func (c *crowd) most() int { return slices.Max(c.sizes[:]) }

// gather takes what waits. If commits were shared lately, their callers are about to come back with their
// next ops, so it waits a moment for as many as came at most: a commit costs 150 µs of CPU, nearly all of
// it once however many share it. When as many came as there were, nobody waits longer, and callers on
// their own don't, but for the few commits after a crowd.
func (l *Log) gather(batch []*call, expected int) []*call {
	var late <-chan time.Time
	for len(batch) < maxBatch {
		if len(batch) >= expected && len(l.queue) == 0 {
			return batch
		}
		if late == nil {
			timer := time.NewTimer(linger)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case c, ok := <-l.queue:
			if !ok {
				return batch
			}
			batch = take(batch, c)
		case <-late:
			return batch
		}
	}
	return batch
}

// take adds the call unless its caller has left.
func take(batch []*call, c *call) []*call {
	if !c.state.CompareAndSwap(queued, taken) {
		return batch
	}
	return append(batch, c)
}

// commit writes the batch and answers its callers.
func (l *Log) commit(batch []*call) {
	l.extension.reset()
	ops := make([]func(store.Tx) error, 0, len(batch)+1)
	for _, c := range batch {
		ops = append(ops, func(tx store.Tx) error { return l.run(tx, c) })
	}
	ops = append(ops, l.extend)
	// No caller's context: the commit belongs to all of them.
	outcomes, err := l.store.Update(context.Background(), ops...)
	if err != nil {
		err = l.failure(batch, err)
	} else {
		l.extended()
	}
	l.standing.committed(err == nil)
	for i, c := range batch {
		if c.err == nil { // else its own, whatever became of the commit
			c.err = err
		}
		if c.err == nil {
			c.err = outcomes[i]
		}
		if c.err == nil {
			l.learn(&c.entry)
		}
		close(c.done)
	}
}

// failure is the error for the callers in a commit that failed. Nothing is tried again: the next batch
// starts from what the store says then. Even a change that is found there is never acknowledged,
// since a store that failed to write can't say that what it reads would survive.
func (l *Log) failure(batch []*call, cause error) error {
	if errors.Is(cause, store.ErrDirty) {
		// Not the cause itself, which holds the error of another caller's op.
		return fmt.Errorf("%w: %w", ErrUnavailable, store.ErrDirty)
	}
	err := fmt.Errorf("%w: %w", ErrUnavailable, cause)
	if l.mayHaveWritten(batch) {
		err = fmt.Errorf("%w (%w)", err, ErrUncertain)
	}
	return err
}

// mayHaveWritten says whether the store can't be seen to lack the batch's entries, of which it has
// either all or none.
func (l *Log) mayHaveWritten(batch []*call) bool {
	i := slices.IndexFunc(batch, func(c *call) bool { return c.err == nil && c.entry.bytes != nil })
	if i < 0 {
		return false // the store failed before it ran any op, or none wrote
	}
	present := false
	err := l.store.View(context.Background(), func(r store.Reader) error {
		meta, err := r.Meta()
		present = meta.Size > batch[i].index
		return err
	})
	return err != nil || present
}

// learn remembers the keys of an entry that is durable.
func (l *Log) learn(entry *Entry) {
	for i, s := range entry.sealers {
		l.people.learn(entry.event.People[i].who(), s.record)
	}
}
