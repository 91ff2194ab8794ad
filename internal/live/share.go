package live

import (
	"sync/atomic"
	"time"
)

// share is what one client's own revocations take of the memory: those of single tokens, which any
// client may make of its own. What an administrator revokes isn't bounded by it.
type share struct {
	live atomic.Int64
	next atomic.Int64 // Unix seconds when the first of them ends, as of the last Forget; 0: not known
}

// shareOf is the share of the client.
func (r *Revocations) shareOf(client string) *share {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	own := r.shares[client]
	if own == nil {
		own = new(share)
		r.shares[client] = own
	}
	return own
}

// AnnounceOwn is Announce for a token that the client revokes as its own, of which it may have so many
// alive. It is false, and nothing happened, if it has them already; then is when the first of them ends.
func (r *Revocations) AnnounceOwn(s Selector, client string, most int, at time.Time) (then time.Time, ok bool) {
	if _, known := r.find(s); known {
		return time.Time{}, true
	}
	own := r.shareOf(client)
	if own.live.Add(1) > int64(most) {
		own.live.Add(-1)
		return time.Unix(own.next.Load(), 0), false
	}
	r.put(s, mark{seq: pending, at: at.Unix(), owner: own}, at)
	own.live.Add(-1) // put counted it
	return time.Time{}, true
}

// claim counts a mark for its owner; one of a client's share stays so.
func (m *mark) claim(old mark) {
	switch {
	case old.owner != nil:
		m.owner = old.owner
	case m.owner != nil:
		m.owner.live.Add(1)
	}
}

// ends remembers when the first mark of each share ends.
type ends map[*share]int64

func (e ends) note(m mark) {
	if m.owner == nil || m.expires == 0 {
		return
	}
	if first, seen := e[m.owner]; !seen || m.expires < first {
		e[m.owner] = m.expires
	}
}
