package index

import (
	"bytes"
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

const (
	segmentPages = 64   // of a large segment
	mergeStep    = 1000 // chunks that one step of a merge writes
)

// merge makes one large segment of small ones, step by step, so that the follower isn't held up. Until the last
// step the small ones are what is searched.
type merge struct {
	file  *file
	from  []segment
	to    segment
	heads sources
	out   packer
}

// source is how far one of the small segments was read.
type source struct {
	file    *file
	segment segment
	records records
	next    key // of the chunk that comes then; lastKey: none
	record  record
}

// sources are the segments by their next records.
type sources []*source

// due is the merge that is due, or nil.
func (f *file) due() *merge {
	s := f.head.segments
	first := slices.IndexFunc(s, func(s segment) bool { return s.pages == 1 })
	if first < 0 || len(s)-first < f.wide {
		return nil
	}
	from := slices.Clone(s[first : first+f.wide])
	m := &merge{file: f, from: from, to: segment{number: f.head.segment, first: from[0].first, pages: uint64(f.wide)}}
	f.head.segment++ // also if it comes to nothing
	return m
}

// step does a part, and says whether it was the last.
func (m *merge) step() (done bool, err error) {
	err = m.file.update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(m.to.name())
		if err != nil {
			return err
		}
		b.FillPercent = 1
		m.out.put = func(c chunk) error { return b.Put(c.first.bytes(), c.seal(m.file.key, m.to)) }
		if m.heads == nil {
			if err := m.begin(tx); err != nil {
				return err
			}
		}
		for limit := m.out.count + mergeStep; len(m.heads) > 0 && m.out.count < limit; {
			if err := m.take(tx); err != nil {
				return err
			}
		}
		if done = len(m.heads) == 0; !done {
			return nil
		}
		return m.finish(tx)
	})
	return done && err == nil, err
}

func (m *merge) begin(tx *bbolt.Tx) error {
	m.heads = make(sources, 0, len(m.from))
	for _, s := range m.from {
		if s.chunks == 0 {
			continue
		}
		from := &source{file: m.file, segment: s}
		if more, err := from.advance(tx); err != nil {
			return err
		} else if more {
			m.heads = append(m.heads, from)
		}
	}
	heap.Init(&m.heads)
	return nil
}

// take moves the next record.
func (m *merge) take(tx *bbolt.Tx) error {
	from := m.heads[0]
	page := from.segment.first - m.to.first
	if err := m.out.add(record{keyOf(from.record.key.term(), page), from.record.block}); err != nil {
		return err
	}
	more, err := from.advance(tx)
	if err != nil {
		return err
	}
	if more {
		heap.Fix(&m.heads, 0)
	} else {
		heap.Pop(&m.heads)
	}
	return nil
}

// advance reads the next record, also of the next chunk.
func (s *source) advance(tx *bbolt.Tx) (more bool, err error) {
	for {
		r, done, err := s.records.next()
		if err != nil {
			return false, fmt.Errorf("%w: segment %d: %w", ErrDamaged, s.segment.number, err)
		}
		if !done {
			s.record = r
			return true, nil
		}
		if s.next == lastKey {
			return false, nil
		}
		in, err := s.file.read(tx, s.segment, 0)
		if err != nil {
			return false, err
		}
		c, err := in.floor(s.next)
		if err != nil {
			return false, err
		}
		s.records = records{rest: bytes.Clone(c.records), at: c.first} // which outlives the transaction
		s.next = c.next
	}
}

// finish puts the large segment in the place of the small ones.
func (m *merge) finish(tx *bbolt.Tx) error {
	if err := m.out.end(); err != nil {
		return err
	}
	m.to.chunks = m.out.count
	h := m.file.head
	first := slices.IndexFunc(h.segments, func(s segment) bool { return s.number == m.from[0].number })
	h.segments = slices.Replace(slices.Clone(h.segments), first, first+len(m.from), m.to)
	err := m.file.putHead(tx, &h)
	for _, s := range m.from {
		err = errors.Join(err, tx.DeleteBucket(s.name()))
	}
	tx.OnCommit(func() { m.file.head = h })
	return err
}

// Implements [heap.Interface].

func (s sources) Len() int      { return len(s) }
func (s sources) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s sources) Less(i, j int) bool {
	a, b := s[i], s[j]
	return cmp.Or(cmp.Compare(a.record.key, b.record.key), cmp.Compare(a.segment.first, b.segment.first)) < 0
}

// Push implements [heap.Interface]; sources are never added.
func (s *sources) Push(any) {}

// Pop implements [heap.Interface].
func (s *sources) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}
