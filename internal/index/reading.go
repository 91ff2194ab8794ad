package index

import (
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/internal/seal"
)

// reading is one look through a segment for some terms, in steps from page to page.
type reading struct {
	key     *seal.Key
	segment segment
	bucket  *bbolt.Bucket
	last    []chunk // where each of the terms was found last, and where its next page is, mostly
}

func (f *file) read(tx *bbolt.Tx, s segment, terms int) (*reading, error) {
	b := tx.Bucket(s.name())
	if b == nil && s.chunks > 0 {
		return nil, fmt.Errorf("%w: segment %d is missing", ErrDamaged, s.number)
	}
	return &reading{f.key, s, b, make([]chunk, terms)}, nil
}

// floor is the chunk where a key is, if it is there.
func (r *reading) floor(want key) (chunk, error) {
	at := r.bucket.Cursor()
	first, value := at.Seek(want.bytes())
	if first == nil {
		_, value = at.Last()
	} else if len(first) == keySize && keyFrom(first) > want {
		_, value = at.Prev()
	}
	c, err := openChunk(r.key, r.segment, value, want)
	if err != nil {
		return chunk{}, fmt.Errorf("%w: segment %d: %w", ErrDamaged, r.segment.number, err)
	}
	return c, nil
}

// find is the block of the i-th term on the first of the segment's pages from one on, or backward on the last up to it.
func (r *reading) find(i int, t term, from uint64, backward bool) (found record, there bool, err error) {
	if r.segment.chunks == 0 {
		return record{}, false, nil
	}
	want := keyOf(t, from-r.segment.first)
	for {
		c := &r.last[i]
		if want < c.first || want >= c.next {
			if *c, err = r.floor(want); err != nil {
				return record{}, false, err
			}
		}
		found, there, err := c.nearest(want, backward)
		switch {
		case err != nil:
			return record{}, false, fmt.Errorf("%w: segment %d: %w", ErrDamaged, r.segment.number, err)
		case there:
			return found, found.key.term() == t, nil
		case backward || c.next.term() != t || c.next == lastKey:
			return record{}, false, nil
		}
		want = c.next // the term goes on in the next chunk
	}
}
