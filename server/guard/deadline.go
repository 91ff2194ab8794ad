package guard

import (
	"context"
	"sync"
	"time"
)

// deadline is [context.WithDeadline] without a timer until somebody waits for it: most requests are answered
// from memory and wait for nothing. A warm introspection costs 1.5 µs of CPU less for it, and 3 allocations over gRPC and 6
// over HTTP.
type deadline struct {
	context.Context
	at time.Time

	mu     sync.Mutex
	over   bool
	armed  context.Context // nil until somebody waits
	cancel context.CancelFunc
}

// Deadline is the earlier one of the two.
func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done starts the timer.
func (d *deadline) Done() <-chan struct{} { return d.arm().Done() }

// Err is as the timer would have it, whether or not it runs.
func (d *deadline) Err() error {
	armed, over := d.state()
	switch {
	case armed != nil:
		return armed.Err()
	case over:
		return context.Canceled
	case time.Now().Before(d.at):
		return d.Context.Err()
	default:
		return d.arm().Err()
	}
}

// Value asks the context whose timer runs, so that those made from this one are linked to it and need no
// goroutine of their own.
func (d *deadline) Value(key any) any {
	if armed, _ := d.state(); armed != nil {
		return armed.Value(key)
	}
	return d.Context.Value(key)
}

// end cancels it: the request is answered.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	if d.armed != nil {
		d.cancel()
	}
}

func (d *deadline) state() (armed context.Context, over bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.armed, d.over
}

func (d *deadline) arm() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.armed == nil {
		d.armed, d.cancel = context.WithDeadline(d.Context, d.at)
	}
	if d.over {
		d.cancel()
	}
	return d.armed
}
