package live

import (
	"sync"
	"sync/atomic"
	"time"
)

// share is what one client's own revocations take of the memory: those of single tokens, which any
// client may make of its own. What an administrator revokes isn't bounded by it.
type share struct {
	live atomic.Int64
	next atomic.Int64 // Unix seconds when the first of them ends, as of the last Forget; 0: not known
}

// shares are every client's, by numbers from 1. A mark holds a number and no pointer, since the garbage collector would follow a
// million pointers each time: 24 ms.
type shares struct {
	numbering sync.Mutex
	numbers   map[string]uint32 // by client
	byNumber  atomic.Pointer[[]*share]
}

// init makes it empty: no share has the number 0.
func (s *shares) init() {
	s.numbers = make(map[string]uint32)
	s.byNumber.Store(&[]*share{nil})
}

// of is the number of the client's share.
func (s *shares) of(client string) uint32 {
	s.numbering.Lock()
	defer s.numbering.Unlock()
	if n, known := s.numbers[client]; known {
		return n
	}
	all := *s.byNumber.Load()
	n := uint32(len(all))
	all = append(all, new(share)) // beyond the end of all lists that were given out
	s.byNumber.Store(&all)
	s.numbers[client] = n
	return n
}

// at is the share of a number that of gave.
func (s *shares) at(n uint32) *share { return (*s.byNumber.Load())[n] }

// AnnounceOwn is Announce for a token that the client revokes as its own, of which it may have so many
// alive. It is false, and nothing happened, if it has them already; then is when the first of them ends.
func (r *Revocations) AnnounceOwn(s Selector, client string, most int, at time.Time) (then time.Time, ok bool) {
	if _, known := r.find(s); known {
		return time.Time{}, true
	}
	number := r.shares.of(client)
	own := r.shares.at(number)
	if own.live.Add(1) > int64(most) {
		own.live.Add(-1)
		return time.Unix(own.next.Load(), 0), false
	}
	r.put(s, mark{seq: pending, at: at.Unix(), owner: number}, at)
	own.live.Add(-1) // put counted it
	return time.Time{}, true
}

// claim counts a mark for its owner; one of a client's share stays so.
func (s *shares) claim(m *mark, old mark) {
	switch {
	case old.owner != 0:
		m.owner = old.owner
	case m.owner != 0:
		s.at(m.owner).live.Add(1)
	}
}

// ends remembers when the first mark of each share ends, by its number.
type ends map[uint32]int64

func (e ends) note(m mark) {
	if m.owner == 0 || m.expires == 0 {
		return
	}
	if first, seen := e[m.owner]; !seen || m.expires < first {
		e[m.owner] = m.expires
	}
}
