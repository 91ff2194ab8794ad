package audit

import "sync"

// growth tells those who wait how long the log is, without a look at the store.
type growth struct {
	mu   sync.Mutex
	size uint64
	next chan struct{} // closed when the log grows; nil while nobody waits
}

// to says that the log has so many entries, all of them durable.
func (g *growth) to(size uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if size <= g.size {
		return
	}
	g.size = size
	if g.next != nil {
		close(g.next)
		g.next = nil
	}
}

// Size is how many entries the log has.
func (l *Log) Size() uint64 {
	l.growth.mu.Lock()
	defer l.growth.mu.Unlock()
	return l.growth.size
}

// Grown is closed once the log has an entry at index, or is worth another look.
func (l *Log) Grown(index uint64) <-chan struct{} {
	g := &l.growth
	g.mu.Lock()
	defer g.mu.Unlock()
	if index < g.size {
		now := make(chan struct{})
		close(now)
		return now
	}
	if g.next == nil {
		g.next = make(chan struct{})
	}
	return g.next
}
