package audit

import (
	"context"
	"errors"
	"slices"
	"sort"
	"time"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// Limits on one search, so that it holds nobody up whatever it looks for, and its answer fits into a message.
const (
	maxScanned = 10_000  // entries looked at
	maxFound   = 1 << 20 // bytes of entries, but always one entry
	scanStep   = 256     // entries read at a time where there is no guide
	guideStep  = 256     // entries that a guide names at a time
	guideCost  = 5_000   // what asking a guide counts for, in entries looked at
)

// Query is a search from an entry on.
type Query struct {
	Filter   Filter
	From     uint64 // the first index to look at
	Backward bool   // towards the oldest
	Limit    int    // of what is found
	Guide    Guide  // nil: each entry is looked at
}

// Guide knows of many entries, without a look at them, that they don't have some terms. It may only err by naming
// too many: what it names is looked at.
type Guide interface {
	// Narrow looks at the entries of the range from its first on, or backward from its last, for those that may have
	// all the terms, of which there is one at least. It names at most limit of them, in that order, and says
	// which part of the range it looked at: an empty one, if it knows nothing of where the range begins.
	Narrow(ctx context.Context, terms []Term, within Range, backward bool, limit int) (named []uint64, looked Range)
}

// Range is the entries from Low to before High.
type Range struct{ Low, High uint64 }

// Empty says whether there is none.
func (r Range) Empty() bool { return r.Low >= r.High }

// Found is an entry that matches, with its people opened. The rest of it isn't decoded: that takes longer than all else
// for a page, and who asks for one gets the bytes.
type Found struct {
	Item
	Decision string
	People   []Person
}

// Results is what one search found, in its order. It may be less than the limit though there is more to look at.
type Results struct {
	Found []Found
	Next  uint64 // from where to go on
	More  bool   // there is more to look at; if not, and forward, Next is the end of the log
}

// Search looks for entries. What it found is stable: an entry never changes, and never changes its place. One whose
// body was dropped is found by its time alone, and with a decision only.
func (l *Log) Search(ctx context.Context, q Query) (Results, error) {
	var out Results
	err := l.store.View(ctx, func(r store.Reader) error {
		m, err := l.matcher(r, q.Filter)
		if err != nil {
			return err
		}
		s := searcher{ctx: ctx, reader: r, matcher: m, guide: q.Guide, backward: q.Backward, limit: q.Limit, budget: maxScanned}
		if err := s.bound(q.Filter); err != nil {
			return err
		}
		out, err = s.search(q.From)
		return err
	})
	return out, err
}

// Entry is the entry at the index, with its people opened, or [ErrNotFound].
func (l *Log) Entry(ctx context.Context, index uint64) (Found, error) {
	if index >= l.Size() {
		return Found{}, ErrNotFound
	}
	out, err := l.Search(ctx, Query{From: index, Limit: 1})
	if err == nil && (len(out.Found) == 0 || out.Found[0].Index != index) {
		err = ErrNotFound
	}
	if err != nil {
		return Found{}, err
	}
	return out.Found[0], nil
}

// searcher is one search of one state of the log.
type searcher struct {
	ctx      context.Context
	reader   store.Reader
	hashes   *tree.Reader
	matcher  *matcher
	guide    Guide
	backward bool
	limit    int
	size     uint64
	bounds   Range // no entry outside of it can match
	budget   int   // entries that may still be looked at
	found    []Found
	bytes    int
}

// bound finds the part of the log that the filter's times leave. Entries are out of order by less than
// maxDisorder, so before one that is older than that nothing is new enough, and the other way round.
func (s *searcher) bound(f Filter) error {
	meta, err := s.reader.Meta()
	if err != nil {
		return err
	}
	s.size, s.bounds, s.hashes = meta.Size, Range{0, meta.Size}, tree.NewReader(s.reader, meta.Treed)
	times := finder{ctx: s.ctx, reader: s.reader}
	first := func(at time.Time) uint64 {
		return uint64(sort.Search(int(s.size), func(i int) bool {
			t, e := times.timeOf(uint64(i))
			err = errors.Join(err, e)
			return !t.Before(at)
		}))
	}
	if s.matcher.nobody {
		s.bounds.Low = s.size
		return nil
	}
	if f.Decision != "" {
		return s.boundTo(f.Decision)
	}
	if !f.After.IsZero() {
		s.bounds.Low = first(f.After.Add(-maxDisorder))
	}
	if !f.Before.IsZero() {
		s.bounds.High = first(f.Before.Add(maxDisorder))
	}
	return err
}

// boundTo leaves the one entry of a decision, or none.
func (s *searcher) boundTo(decision string) error {
	s.bounds.Low = s.size
	at, err := decisionTime(decision)
	if err != nil {
		return nil //nolint:nilerr // no entry has it
	}
	f := finder{ctx: s.ctx, reader: s.reader, decision: decision}
	index, _, err := f.find(at)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if errors.Is(err, ErrDropped) {
		err = nil
	}
	s.bounds = Range{index, index + 1}
	return err
}

// search goes through what the bounds leave, from an entry on.
func (s *searcher) search(from uint64) (Results, error) {
	rest := s.bounds
	if s.backward && from < rest.High {
		rest.High = from + 1
	} else if !s.backward {
		rest.Low = max(rest.Low, from)
	}
	for !rest.Empty() && s.budget > 0 && !s.full() {
		looked, err := s.step(rest)
		if err != nil {
			return Results{}, err
		}
		if s.backward {
			rest.High = looked.Low
		} else {
			rest.Low = looked.High
		}
	}
	next, more := rest.Low, !rest.Empty()
	switch {
	case s.backward && more:
		next = rest.High - 1
	case s.backward:
		next = 0
	case !more:
		next = max(from, s.size)
	}
	return s.results(next, more)
}

// step looks at a part of the range, at its beginning or, backward, at its end, and says which.
func (s *searcher) step(rest Range) (looked Range, err error) {
	if s.guide != nil && len(s.matcher.terms) > 0 {
		named, looked := s.guide.Narrow(s.ctx, s.matcher.terms, rest, s.backward, guideStep)
		if !looked.Empty() {
			s.budget -= guideCost
			return s.look(named, looked)
		}
	}
	looked = rest
	step := uint64(min(scanStep, s.budget))
	if len(s.matcher.terms) == 0 { // nearly all match
		step = min(step, uint64(max(s.limit-len(s.found), 1)))
		s.found = slices.Grow(s.found, int(min(step, rest.High-rest.Low)))
	}
	if s.backward {
		looked.Low = max(rest.Low, rest.High-min(rest.High, step))
	} else {
		looked.High = min(rest.High, rest.Low+step)
	}
	s.budget -= int(looked.High - looked.Low)
	return s.scan(looked)
}

// scan looks at each entry of the range, and says how far it came.
func (s *searcher) scan(in Range) (looked Range, err error) {
	if s.backward {
		return s.scanBack(in)
	}
	looked = in
	err = s.read(in, func(found Found) bool {
		if s.take(found); !s.full() {
			return true
		}
		looked = s.upTo(in, found.Index)
		return false
	})
	return looked, err
}

// scanBack is scan for a store that only reads towards the newest.
func (s *searcher) scanBack(in Range) (looked Range, err error) {
	hits := make([]Found, 0, min(int(in.High-in.Low), s.limit))
	err = s.read(in, func(hit Found) bool {
		hits = append(hits, hit)
		return true
	})
	if err != nil {
		return in, err
	}
	for _, hit := range slices.Backward(hits) {
		if s.take(hit); s.full() {
			return s.upTo(in, hit.Index), nil
		}
	}
	return in, nil
}

// look looks at the entries that were named, and says how far in the range it came.
func (s *searcher) look(named []uint64, in Range) (looked Range, err error) {
	s.found = slices.Grow(s.found, max(0, min(len(named), s.limit-len(s.found)))) // nearly all of them match
	for len(named) > 0 {
		n := s.neighbours(named)
		s.budget -= n
		ends := []uint64{named[0], named[n-1]}
		looked, err := s.scan(Range{slices.Min(ends), slices.Max(ends) + 1})
		if err != nil {
			return in, err
		}
		if s.full() && s.backward {
			return Range{looked.Low, in.High}, nil
		}
		if s.full() {
			return Range{in.Low, looked.High}, nil
		}
		named = named[n:]
	}
	return in, nil
}

// neighbours is how many of the first of the named stand side by side in the log: they are read together, since to look
// for an entry in the store costs as much as to read the next three.
func (s *searcher) neighbours(named []uint64) int {
	step, n := uint64(1), 1
	if s.backward {
		step = ^uint64(0)
	}
	for most := min(len(named), s.limit-len(s.found)); n < most && named[n] == named[n-1]+step; {
		n++
	}
	return n
}

// upTo is the part of the range that was looked at when the entry at index was the last.
func (s *searcher) upTo(in Range, index uint64) Range {
	if s.backward {
		return Range{index, in.High}
	}
	return Range{in.Low, index + 1}
}

func (s *searcher) full() bool { return len(s.found) >= s.limit || s.bytes >= maxFound }

// read calls fn with what matches in the range, until it says no.
func (s *searcher) read(in Range, fn func(Found) bool) error {
	if in.Low >= min(in.High, s.size) {
		return nil
	}
	var bad error
	err := s.reader.Entries(in.Low, func(index uint64, entry []byte) bool {
		if index >= in.High {
			return false
		}
		if bad = s.ctx.Err(); bad != nil {
			return false
		}
		more := true
		if s.matcher.matches(entry) {
			var found Found
			if found, bad = s.see(index, entry); bad != nil {
				return false
			}
			more = fn(found)
		}
		return more && index+1 < in.High
	})
	return errors.Join(err, bad)
}

// see makes of the entry that matches, and that the matcher has just read, what is found.
func (s *searcher) see(index uint64, entry []byte) (found Found, err error) {
	found.Item, err = item(s.hashes, index, entry)
	if rest := found.Dropped; rest.Class != "" {
		found.Decision = rest.Decision
	} else if err == nil {
		found.Decision, found.People, err = s.matcher.who(entry)
	}
	if err != nil {
		return found, &EntryError{index, err}
	}
	return found, nil
}

// take keeps what was found.
func (s *searcher) take(found Found) {
	s.found = append(s.found, found)
	s.bytes += len(found.Bytes)
}

// results opens the people of what was found.
func (s *searcher) results(next uint64, more bool) (Results, error) {
	people := newKeyring(s.reader, len(s.found))
	for i := range s.found {
		found := &s.found[i]
		if err := openPeople(people, found.Decision, found.People); err != nil {
			return Results{}, &EntryError{found.Index, err}
		}
	}
	return Results{Found: s.found, Next: next, More: more}, nil
}
