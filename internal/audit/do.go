package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// Errors of [Log.Do]. An op's own error is returned as it is.
var (
	// ErrUnavailable is what every caller in a commit gets that failed, with the cause. Unless it also
	// matches ErrUncertain, nothing was done.
	ErrUnavailable = errors.New("the record could not be written")
	// ErrUncertain says that the change may have been made though it must not be acted on; whoever
	// keeps an image of the state has to read it anew.
	ErrUncertain = errors.New("it is uncertain whether the change was made")
	// ErrClosed is what calls after Close get. Nothing was done.
	ErrClosed = errors.New("the audit log is closed")
)

// PanicError is what the caller gets whose op panicked. Its text doesn't say why, since it may be
// passed on.
type PanicError struct {
	Value any
	Stack []byte
}

func (*PanicError) Error() string { return "an operation on the state panicked" }

// call is one op on its way through the sequencer.
type call struct {
	op    func(store.Tx) (Entry, error)
	state atomic.Int32  // queued, then taken or abandoned
	done  chan struct{} // closed when index and err are final

	// Owned by the sequencer until done.
	entry Entry
	index uint64
	err   error
}

func newCall(op func(store.Tx) (Entry, error)) *call { return &call{op: op, done: make(chan struct{})} }

const (
	queued int32 = iota
	taken
	abandoned
)

// Do runs op in a transaction and writes the entry that it returns in the same commit, which it may
// share with others. A nil error means that all of it is durable, the entry at index; only then may
// the effect be shown to anybody.
//
// An op sees what the ops before it in the commit wrote, and has the sequencer to itself: it should be
// short. It must do all that can fail before its first write, [Log.Prepare] included: an error after
// it undoes the whole commit, and the others' callers get ErrUnavailable.
//
// A context that ends before op was taken leaves everything undone, and its error is returned. After
// that Do waits for the outcome.
func (l *Log) Do(ctx context.Context, op func(store.Tx) (Entry, error)) (index uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if !l.enter() {
		return 0, ErrClosed
	}
	defer l.running.Done()
	c := newCall(op)
	select {
	case l.queue <- c:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if c.state.CompareAndSwap(queued, abandoned) {
			return 0, ctx.Err()
		}
		<-c.done
	}
	if c.err != nil {
		return 0, c.err
	}
	return c.index, nil
}

func (l *Log) enter() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return false
	}
	l.running.Add(1)
	return true
}

// run is the call's part of the transaction.
func (l *Log) run(tx store.Tx, c *call) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &PanicError{Value: r, Stack: debug.Stack()}
		}
		c.err = err
	}()
	if c.entry, err = c.op(tx); err != nil {
		return err
	}
	if c.entry.bytes == nil {
		return fmt.Errorf("%w: the operation made no entry", ErrEvent)
	}
	if err := l.append(tx, c); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

func (l *Log) append(tx store.Tx, c *call) (err error) {
	if err := l.settle(tx, &c.entry); err != nil {
		return fmt.Errorf("the keys of its people: %w", err)
	}
	if c.index, err = tx.AppendEntry(c.entry.bytes, c.entry.event.Time); err != nil {
		return err
	}
	l.extension.leaves = append(l.extension.leaves, tree.LeafHash(c.entry.bytes))
	return nil
}

// settle holds the keys that the entry was sealed under against the store's, and seals anew what was
// sealed under another: two first entries for one person end with one key, and whoever was erased
// since gets a new one. The entry's size doesn't change.
func (l *Log) settle(tx store.Tx, entry *Entry) error {
	stale := false
	for i := range entry.sealers {
		s := &entry.sealers[i]
		if s.stored && l.standing.has(s.record.Lookup, s.record.ID) {
			continue
		}
		guess := s.record.ID
		if err := l.people.settle(tx, s, entry.event.Time); err != nil {
			return err
		}
		l.standing.settled(s.record.Lookup, s.record.ID)
		if s.record.ID == guess {
			continue
		}
		stale = true
		if err := entry.event.People[i].seal(s.record, entry.event.Decision, i); err != nil {
			return err
		}
	}
	if !stale {
		return nil
	}
	var err error
	entry.bytes, err = encode(entry.event)
	return err
}
