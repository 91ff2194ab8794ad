package audit

import (
	"bytes"
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
	backStep   = 256     // entries read at a time on the way back
)

// Query is a search from an entry on.
type Query struct {
	Filter   Filter
	From     uint64 // the first index to look at
	Backward bool   // towards the oldest
	Limit    int    // of what is found
}

// Found is an entry that matches, with its people opened.
type Found struct {
	Item
	Event Event
}

// Results is what one search found, in its order. It may be less than the limit though there is more to look at.
type Results struct {
	Found []Found
	Next  uint64 // from where to go on
	More  bool   // there is more to look at; if not, and forward, Next is the end of the log
}

// Search looks for entries. What it found is stable: an entry never changes, and never changes its place.
func (l *Log) Search(ctx context.Context, q Query) (Results, error) {
	var out Results
	err := l.store.View(ctx, func(r store.Reader) error {
		m, err := l.matcher(r, q.Filter)
		if err != nil {
			return err
		}
		s := searcher{ctx: ctx, reader: r, matcher: m, limit: q.Limit}
		if err := s.bound(q.Filter); err != nil {
			return err
		}
		if q.Backward {
			out, err = s.back(q.From)
		} else {
			out, err = s.forth(q.From)
		}
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
	ctx       context.Context
	reader    store.Reader
	matcher   *matcher
	limit     int
	size      uint64
	low, high uint64 // no entry outside of low to before high can match
	found     []Found
	bytes     int
}

// bound finds the part of the log that the filter's times leave. Entries are out of order by less than
// maxDisorder, so before one that is older than that nothing is new enough, and the other way round.
func (s *searcher) bound(f Filter) error {
	meta, err := s.reader.Meta()
	if err != nil {
		return err
	}
	s.size, s.high = meta.Size, meta.Size
	if s.matcher.nobody {
		s.low = s.size
		return nil
	}
	first := func(at time.Time) uint64 {
		times := finder{ctx: s.ctx, reader: s.reader}
		return uint64(sort.Search(int(s.size), func(i int) bool {
			t, e := times.timeOf(uint64(i))
			err = errors.Join(err, e)
			return !t.Before(at)
		}))
	}
	if !f.After.IsZero() {
		s.low = first(f.After.Add(-maxDisorder))
	}
	if !f.Before.IsZero() {
		s.high = first(f.Before.Add(maxDisorder))
	}
	return err
}

func (s *searcher) full() bool { return len(s.found) >= s.limit || s.bytes >= maxFound }

// forth looks towards the newest.
func (s *searcher) forth(from uint64) (Results, error) {
	next := max(from, s.low)
	end := min(s.high, next+maxScanned)
	if next < end {
		err := s.read(next, end, func(f Found) bool {
			s.take(f)
			next = f.Index + 1
			return !s.full()
		})
		if err != nil {
			return Results{}, err
		}
		if !s.full() {
			next = end
		}
	}
	if next < s.high {
		return s.results(next, true)
	}
	return s.results(max(from, s.size), false)
}

// back looks towards the oldest.
func (s *searcher) back(from uint64) (Results, error) {
	end := s.high
	if from < end {
		end = from + 1
	}
	for scanned := uint64(0); end > s.low && scanned < maxScanned; scanned += backStep {
		begin := max(s.low, end-min(end, backStep))
		var step []Found
		err := s.read(begin, end, func(f Found) bool { step = append(step, f); return true })
		if err != nil {
			return Results{}, err
		}
		for _, f := range slices.Backward(step) {
			if s.take(f); s.full() {
				if f.Index > s.low {
					return s.results(f.Index-1, true)
				}
				return s.results(0, false)
			}
		}
		end = begin
	}
	if end > s.low {
		return s.results(end-1, true)
	}
	return s.results(0, false)
}

// read calls fn with what matches from begin to before end.
func (s *searcher) read(begin, end uint64, fn func(Found) bool) error {
	var bad error
	err := s.reader.Entries(begin, func(index uint64, entry []byte) bool {
		if index >= end {
			return false
		}
		if bad = s.ctx.Err(); bad != nil {
			return false
		}
		if !s.matcher.mayMatch(entry) {
			return true
		}
		e, err := Decode(entry)
		if err != nil {
			bad = &EntryError{index, err}
			return false
		}
		if !s.matcher.matches(&e) {
			return true
		}
		return fn(Found{Item{Index: index, Bytes: bytes.Clone(entry), Leaf: tree.LeafHash(entry)}, e})
	})
	return errors.Join(err, bad)
}

func (s *searcher) take(f Found) {
	s.found = append(s.found, f)
	s.bytes += len(f.Bytes)
}

// results opens the people of what was found.
func (s *searcher) results(next uint64, more bool) (Results, error) {
	for i := range s.found {
		if err := openPeople(s.reader, &s.found[i].Event); err != nil {
			return Results{}, &EntryError{s.found[i].Index, err}
		}
	}
	return Results{Found: s.found, Next: next, More: more}, nil
}
