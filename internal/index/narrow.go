package index

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/internal/audit"
)

// maxLooks is how many blocks one Narrow looks for: what bounds it when each term is common and no entry has all.
const maxLooks = 384 // a millisecond's work

// Narrow implements [audit.Guide]. What isn't indexed yet, or can't be read, it knows nothing of: then the log is read.
func (x *Index) Narrow(ctx context.Context, terms []audit.Term, within audit.Range, backward bool, limit int) ([]uint64, audit.Range) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.file == nil || len(terms) == 0 || within.Empty() {
		return nil, audit.Range{}
	}
	known := x.page.number*pageWidth + x.page.taken
	if backward && within.High > known {
		return nil, audit.Range{}
	}
	n := narrowing{file: x.file, page: x.page, within: audit.Range{Low: within.Low, High: min(within.High, known)}, backward: backward, limit: limit}
	for _, t := range terms {
		n.terms = append(n.terms, termOf(t))
	}
	if n.within.Empty() {
		return nil, audit.Range{}
	}
	err := x.file.view(func(tx *bbolt.Tx, h *head) error { return n.run(ctx, tx, h) })
	if errors.Is(err, ErrDamaged) {
		x.condemn(err)
	}
	if err != nil {
		return nil, audit.Range{}
	}
	return n.named, n.looked()
}

// narrowing is one look for entries.
type narrowing struct {
	terms    []term
	file     *file
	page     *page // the newest
	within   audit.Range
	backward bool
	limit    int

	looks   int
	named   []uint64
	reached uint64 // where it stopped, if it stopped early
	early   bool
}

// looked is the part of the range that was looked at.
func (n *narrowing) looked() audit.Range {
	switch {
	case !n.early:
		return n.within
	case n.backward:
		return audit.Range{Low: n.reached, High: n.within.High}
	default:
		return audit.Range{Low: n.within.Low, High: n.reached}
	}
}

func (n *narrowing) stop(reached uint64) {
	n.early, n.reached = true, reached
}

// run goes from segment to segment; the newest page is the last, whether it is in memory or was just written.
func (n *narrowing) run(ctx context.Context, tx *bbolt.Tx, h *head) error {
	segments := slices.Clone(h.segments)
	switch h.pages {
	case n.page.number:
		segments = append(segments, segment{first: n.page.number, pages: 1})
	case n.page.number + 1:
	default:
		return fmt.Errorf("%w: its head isn't the newest", ErrDamaged)
	}
	if n.backward {
		slices.Reverse(segments)
	}
	low, high := n.within.Low/pageWidth, (n.within.High-1)/pageWidth
	for _, s := range segments {
		if n.early || ctx.Err() != nil {
			return ctx.Err()
		}
		if s.end() <= low || s.first > high {
			continue
		}
		if n.looks >= maxLooks {
			n.leave(s)
			break
		}
		if s.first == n.page.number && h.pages <= n.page.number {
			if all, some := n.page.find(n.terms); some {
				n.take(s.first, &all)
			}
			continue
		}
		if err := n.segment(tx, s, max(low, s.first), min(high, s.end()-1)); err != nil {
			return err
		}
	}
	return nil
}

// segment goes through the pages from low up to high on which all terms are.
func (n *narrowing) segment(tx *bbolt.Tx, s segment, low, high uint64) error {
	at := low
	if n.backward {
		at = high
	}
	r, err := n.file.read(tx, s, len(n.terms))
	if err != nil {
		return err
	}
	for !n.early {
		found, page, err := n.meet(r, at)
		if err != nil || page < low || page > high {
			return err
		}
		all, err := common(found)
		if err != nil {
			return err
		}
		n.take(page, &all)
		switch {
		case page == low && n.backward, page == high && !n.backward:
			return nil
		case n.backward:
			at = page - 1
		default:
			at = page + 1
		}
		if n.looks >= maxLooks && !n.early {
			n.leave(segment{first: at, pages: 1})
		}
	}
	return nil
}

// common is the entries of a page that are in all blocks.
func common(blocks []record) (all set, err error) {
	for i, r := range blocks {
		var one set
		if err := one.read(r.block); err != nil {
			return set{}, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if i == 0 {
			all = one
		} else {
			all.keep(&one)
		}
	}
	return all, nil
}

// leave stops before pages that are still to be looked at.
func (n *narrowing) leave(s segment) {
	if n.backward {
		n.stop(min(n.within.High, s.end()*pageWidth))
	} else {
		n.stop(max(n.within.Low, s.first*pageWidth))
	}
}

// nowhere is no page.
const nowhere = ^uint64(0)

// meet is the first page from one on where every term is, with their blocks.
func (n *narrowing) meet(in *reading, at uint64) (found []record, page uint64, err error) {
	found = make([]record, len(n.terms))
	for agreed := false; !agreed; {
		agreed = true
		for i, t := range n.terms {
			n.looks++
			r, ok, err := in.find(i, t, at, n.backward)
			if err != nil || !ok {
				return nil, nowhere, err
			}
			found[i] = r
			if page := in.segment.first + r.key.page(); page != at {
				at, agreed = page, i == 0
			}
			if !agreed { // those before it look there
				break
			}
		}
	}
	return found, at, nil
}

// take names what is in the set and in the range.
func (n *narrowing) take(page uint64, all *set) {
	first := page * pageWidth
	within := func(index uint64) uint64 { return min(max(index, first)-first, pageWidth) }
	all.within(within(n.within.Low), within(n.within.High))
	all.each(n.backward, func(place uint64) bool {
		index := first + place
		if len(n.named) == n.limit {
			last := n.named[len(n.named)-1]
			if n.backward {
				n.stop(last)
			} else {
				n.stop(last + 1)
			}
			return false
		}
		n.named = append(n.named, index)
		return true
	})
}
