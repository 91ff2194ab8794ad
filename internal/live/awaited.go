package live

import (
	"sync"
	"time"
)

// awaited is the revocations that act already and aren't durable yet, by when each was first announced. Few
// are for longer than a commit takes, but one whose commit failed is until somebody asks again.
type awaited struct {
	mu    sync.Mutex
	since map[digest]time.Time
}

func (a *awaited) note(d digest, waits bool, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !waits {
		delete(a.since, d)
		return
	}
	if _, known := a.since[d]; known {
		return
	}
	if a.since == nil {
		a.since = make(map[digest]time.Time)
	}
	a.since[d] = at
}

// Awaited is how many revocations act that aren't durable yet, and since when the oldest of them does; zero
// if there are none.
func (r *Revocations) Awaited() (count int, since time.Time) {
	a := &r.awaited
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range a.since {
		if since.IsZero() || at.Before(since) {
			since = at
		}
	}
	return len(a.since), since
}
