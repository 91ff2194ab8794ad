package audit

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// Refusals cost the one who is refused nothing, so what they may write is bounded: in each minute, for
// each client and reason, the first few get an entry of their own and the rest are counted.
const (
	fullRefusals   = 5    // entries in full for each client, reason and minute
	maxPairs       = 1024 // clients × reasons told apart in a minute
	maxWaiting     = 256  // entries that wait to be written
	flushEvery     = time.Second
	otherClients   = "(others)" // whose refusals beyond maxPairs are counted together
	refusalsMinute = time.Minute
)

// refusals is what waits to be recorded.
type refusals struct {
	waiting chan Event
	lost    atomic.Uint64
	quit    chan struct{} // closed by stop
	stopped chan struct{} // closed when the writer has ended
	once    sync.Once

	mu     sync.Mutex // guards what follows
	closed bool
	minute time.Time // the current one
	tally  map[clientReason]*tally
	ended  []Event // counts of earlier minutes
}

type clientReason struct{ client, reason string }

type tally struct {
	full    int
	counted uint64
}

func newRefusals() *refusals {
	return &refusals{
		waiting: make(chan Event, maxWaiting), tally: make(map[clientReason]*tally),
		quit: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// Refuse records a refusal after client authentication, soon: it doesn't wait, since a refusal gives
// nobody power. Its event may end up only counted, as all do while there is no room.
func (l *Log) Refuse(e Event) {
	r, now := l.refusals, l.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		r.lost.Add(1)
		return
	}
	r.roll(now)
	t := r.of(clientReason{e.Client, e.Reason})
	if t.full < fullRefusals && l.room() == nil {
		select {
		case r.waiting <- e:
			t.full++
			return
		default:
		}
	}
	t.counted++
}

// LostRefusals is how many refusals are in no entry, not even counted, since the store couldn't keep
// up or refused them.
func (l *Log) LostRefusals() uint64 { return l.refusals.lost.Load() }

// of is the tally of the pair in the current minute. The caller holds mu.
func (r *refusals) of(p clientReason) *tally {
	if t, ok := r.tally[p]; ok {
		return t
	}
	t := &tally{}
	if len(r.tally) >= maxPairs {
		p = clientReason{client: otherClients}
		if t, ok := r.tally[p]; ok {
			return t
		}
		t.full = fullRefusals // nobody's first few: only counted
	}
	r.tally[p] = t
	return t
}

// roll ends the minute if it is over. The caller holds mu.
func (r *refusals) roll(now time.Time) {
	minute := now.UTC().Truncate(refusalsMinute)
	if minute.Equal(r.minute) {
		return
	}
	for p, t := range r.tally {
		if t.counted == 0 {
			continue
		}
		if len(r.ended) == 2*maxPairs {
			r.lost.Add(t.counted)
			continue
		}
		r.ended = append(r.ended, Event{
			Kind: KindRefusals, Outcome: OutcomeRefused, Client: p.client, Reason: p.reason,
			Counted: &Counted{Count: t.counted, Since: r.minute},
		})
	}
	clear(r.tally)
	r.minute = minute
}

// counted takes the counts of the minutes that are over.
func (r *refusals) counted(now time.Time) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roll(now)
	ended := r.ended
	r.ended = nil
	return ended
}

// stop ends the writer, once it has recorded everything.
func (r *refusals) stop() {
	r.once.Do(func() {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		close(r.quit)
	})
	<-r.stopped
}

// recordRefusals is the one goroutine that writes refusals.
func (l *Log) recordRefusals() {
	r := l.refusals
	defer close(r.stopped)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case e := <-r.waiting:
			l.recordCounted(append([]Event{e}, r.rest()...))
		case <-tick.C:
			if l.room() == nil { // else the counts wait
				l.recordCounted(r.counted(l.now()))
			}
		case <-r.quit:
			l.recordCounted(r.rest())
			// The minute isn't over, but nothing will be counted in it any more.
			l.recordCounted(r.counted(l.now().Add(refusalsMinute)))
			return
		}
	}
}

// rest takes what waits.
func (r *refusals) rest() (events []Event) {
	for {
		select {
		case e := <-r.waiting:
			events = append(events, e)
		default:
			return events
		}
	}
}

// recordCounted writes refusals. What fails is lost, and counted as such.
func (l *Log) recordCounted(events []Event) {
	for i, err := range l.recordAll(events) {
		if err == nil {
			continue
		}
		n := uint64(1)
		if counted := events[i].Counted; counted != nil {
			n = counted.Count
		}
		l.refusals.lost.Add(n)
	}
}

// recordAll writes the events in shared commits, and says of each what became of it.
func (l *Log) recordAll(events []Event) []error {
	errs := make([]error, 0, len(events))
	for batch := range slices.Chunk(events, maxBatch) {
		errs = append(errs, l.recordBatch(batch)...)
	}
	return errs
}

func (l *Log) recordBatch(events []Event) []error {
	calls := make([]*call, len(events))
	for i, e := range events {
		entry, err := l.Prepare(e)
		calls[i] = newCall(func(store.Tx) (Entry, error) { return entry, err })
		l.queue <- calls[i]
	}
	errs := make([]error, len(events))
	for i, c := range calls {
		<-c.done
		errs[i] = c.err
	}
	return errs
}
