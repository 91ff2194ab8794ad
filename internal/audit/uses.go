package audit

import (
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Uses of tokens are counted in memory, since there are as many as there are introspections, and the counts are
// recorded: one row for each token, resource server, scope, action and minute. Who counts neither waits nor, once a
// row is there, allocates: some 50 ns. What is in memory is bounded, whoever asks whatever; what goes beyond is counted with
// less detail, and first of all written early.
const (
	usesShards   = 16
	maxRows      = 4096 // of one shard: 64 Ki in all, some 20 MB
	maxPurposes  = 16   // scopes × actions told apart of one token at one resource server in one minute
	maxServers   = 1024 // resource servers whose further uses are counted, in one shard
	otherActions = "(others)"
)

// Purpose is what a token was used for, as the resource server says.
type Purpose struct {
	Scope, Action string
	Uncovered     bool // the token doesn't hold the scope there
}

// Bearer is a token as one resource server meets it.
type Bearer struct {
	Token, Task [16]byte
	Client      string // whom it was issued to
	Server      string // the resource server
}

// Tally counts the uses of one token at one resource server. It is safe for concurrent use.
type Tally struct {
	uses   *uses
	bearer Bearer
	last   atomic.Pointer[purposeTally]
}

// Tally is where the uses of that token at that resource server are counted. Two for the same count together.
func (l *Log) Tally(b Bearer) *Tally { return &Tally{uses: l.uses, bearer: b} }

// Count counts a use. Beyond maxPurposes in a minute, scope and action of further ones aren't told apart: they are
// counted as action "(others)". Beyond maxRows, which only a store that doesn't keep up can bring about, the token
// isn't either.
func (t *Tally) Count(at time.Time, p Purpose) {
	minute := at.Unix() / 60
	last := t.last.Load()
	if last != nil && last.minute == minute {
		if last.purpose == p && last.add(1) {
			return
		}
		if other := last.beside.of(p); other != nil && other.add(1) {
			t.last.Store(other)
			return
		}
	}
	if counted := t.uses.count(t.bearer, minute, p, 1); counted != nil {
		t.last.Store(counted)
	}
}

// minuteTally is the uses of one token at one resource server in one minute.
type minuteTally struct {
	bearer Bearer
	minute int64 // since 1970
	list   atomic.Pointer[[]*purposeTally]
}

// of is the count of a purpose, if that is counted here.
func (m *minuteTally) of(p Purpose) *purposeTally {
	for _, t := range *m.list.Load() {
		if t.purpose == p {
			return t
		}
	}
	return nil
}

// purposeTally is one count. Once it was taken to be written it stays below zero, which tells whoever comes late
// to count elsewhere.
type purposeTally struct {
	minute  int64
	purpose Purpose
	count   atomic.Int64
	beside  *minuteTally // that has it
}

// add adds to the count, unless it was taken.
func (t *purposeTally) add(n int64) bool { return t.count.Add(n) > 0 }

const ended = math.MinInt64 / 2

// uses is all that was counted and isn't on the record yet.
type uses struct {
	every   time.Duration // how long a count may be in memory only
	shards  [usesShards]usesShard
	writing atomic.Uint64 // uses that were taken to be written
	lost    atomic.Uint64
	full    chan struct{} // something should be written early
	quit    chan struct{} // closed by stop
	stopped chan struct{} // closed when the writer has ended
	once    sync.Once
}

type usesShard struct {
	sync.Mutex
	tallies map[tallyKey]*minuteTally
	rows    int                   // of all tallies
	others  map[string]*otherUses // by resource server: uses beyond maxRows
	closed  bool
}

type tallyKey struct {
	token  [16]byte
	server string
	minute int64
}

type otherUses struct {
	minute int64 // of the first
	count  uint64
}

func newUses(every time.Duration) *uses {
	return &uses{every: every, full: make(chan struct{}, 1), quit: make(chan struct{}), stopped: make(chan struct{})}
}

// LostUses is how many uses are in no entry, not even counted: after Close, or of more resource servers than are told
// apart while the store fails.
func (l *Log) LostUses() uint64 { return l.uses.lost.Load() }

// WaitingUses is how many uses are counted in memory only: what a crash would lose.
func (l *Log) WaitingUses() uint64 {
	n := l.uses.writing.Load()
	for i := range l.uses.shards {
		s := &l.uses.shards[i]
		s.Lock()
		for _, m := range s.tallies {
			for _, t := range *m.list.Load() {
				n += uint64(t.count.Load())
			}
		}
		for _, o := range s.others {
			n += o.count
		}
		s.Unlock()
	}
	return n
}

// count is the slow way: the tally of the minute, or its count for the purpose, isn't there yet. It returns where to
// count from now on, if that is anywhere.
func (u *uses) count(b Bearer, minute int64, p Purpose, n int64) *purposeTally {
	s := &u.shards[b.Token[0]%usesShards]
	s.Lock()
	defer s.Unlock()
	if s.closed {
		u.lost.Add(uint64(n))
		return nil
	}
	key := tallyKey{b.Token, b.Server, minute}
	m := s.tallies[key]
	if m != nil {
		if t := m.of(p); t != nil && t.add(n) {
			return t
		}
	}
	switch {
	case s.rows >= maxRows, b.Token == [16]byte{}:
		u.lost.Add(s.other(b.Server, minute, uint64(n)))
		return nil
	case m == nil:
		m = &minuteTally{bearer: b, minute: minute}
		m.list.Store(new([]*purposeTally))
		if s.tallies == nil {
			s.tallies = make(map[tallyKey]*minuteTally)
		}
		s.tallies[key] = m
	}
	counted, rows := m.begin(p, n)
	if s.rows += rows; s.rows >= maxRows/2 {
		u.hurry()
	}
	return counted
}

// begin begins the count of a purpose, and says how many rows that adds. The caller holds the shard.
func (m *minuteTally) begin(p Purpose, n int64) (counted *purposeTally, rows int) {
	list := *m.list.Load()
	if len(list) >= maxPurposes {
		p = Purpose{Action: otherActions, Uncovered: p.Uncovered}
		if t := m.of(p); t != nil && t.add(n) {
			return t, 0
		}
	}
	// What a caller said may be a part of its whole request, which isn't kept.
	t := &purposeTally{minute: m.minute, purpose: Purpose{strings.Clone(p.Scope), strings.Clone(p.Action), p.Uncovered}, beside: m}
	t.count.Store(n)
	grown := append(slices.Clone(list), t)
	m.list.Store(&grown)
	return t, 1
}

// other counts uses of which only the resource server is kept, and says how many not even that.
func (s *usesShard) other(server string, minute int64, n uint64) (lost uint64) {
	o, ok := s.others[server]
	if !ok {
		if len(s.others) >= maxServers {
			return n
		}
		if s.others == nil {
			s.others = make(map[string]*otherUses)
		}
		o = &otherUses{minute: minute}
		s.others[server] = o
	}
	o.count += n
	return 0
}

// hurry has what is counted written early, for want of room.
func (u *uses) hurry() {
	select {
	case u.full <- struct{}{}:
	default: // it is on its way
	}
}
