package index

import (
	"slices"

	"github.com/whittle-sts/whittle/internal/audit"
)

// page is the newest page, which is in memory until it is full.
type page struct {
	number uint64
	taken  uint64 // of its entries
	terms  map[term][]uint16
}

func newPage(number uint64) *page { return &page{number: number, terms: make(map[term][]uint16)} }

// posting is a term of an entry.
type posting struct {
	term  term
	place uint16
}

// note adds what is asked for of an entry that stands at place. An entry that can't be read has no terms.
func note(out []posting, sketch *audit.Sketch, place uint16, entry []byte) []posting {
	if !sketch.Read(entry) {
		return out
	}
	for _, t := range sketch.Terms {
		out = append(out, posting{termOf(t), place})
	}
	return out
}

// add takes postings of entries up to before taken.
func (p *page) add(postings []posting, taken uint64) {
	for _, n := range postings {
		places := p.terms[n.term]
		if len(places) > 0 && places[len(places)-1] == n.place {
			continue // an entry may name a thing twice
		}
		p.terms[n.term] = append(places, n.place)
	}
	p.taken = taken
}

// records calls fn with what is known of each term, in order.
func (p *page) records(fn func(record) error) error {
	terms := make([]term, 0, len(p.terms))
	for t := range p.terms {
		terms = append(terms, t)
	}
	slices.Sort(terms)
	var block []byte
	for _, t := range terms {
		block = appendBlock(block[:0], p.terms[t])
		if err := fn(record{keyOf(t, 0), block}); err != nil {
			return err
		}
	}
	return nil
}

// find is the places of all the terms, or none.
func (p *page) find(terms []term) (all set, some bool) {
	for i, t := range terms {
		var one set
		places, ok := p.terms[t]
		if !ok {
			return set{}, false
		}
		for _, place := range places {
			one.add(place)
		}
		if i == 0 {
			all = one
		} else {
			all.keep(&one)
		}
	}
	return all, true
}
