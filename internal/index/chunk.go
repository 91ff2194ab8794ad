package index

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A segment is records in order of their keys: a term, the page within the segment, and the block. Records are kept
// in chunks that fit two to a page of the file. Each chunk has a checksum, and says of which segment it is and up to where
// its records go, so that a branch of the file's tree that leads astray isn't believed either.

// key is a term and a page within a segment.
type key uint64

const (
	keySize   = (termBits + 8) / 8
	lastKey   = key(1<<(8*keySize) - 1) // of no record
	chunkSize = 2016
	chunkHead = 4 + 8 + keySize
)

func keyOf(t term, page uint64) key { return key(t)<<8 | key(page) }

func (k key) term() term   { return term(k >> 8) }
func (k key) page() uint64 { return uint64(k & 0xff) }

func (k key) bytes() []byte { return binary.BigEndian.AppendUint64(nil, uint64(k))[8-keySize:] }

func keyFrom(b []byte) key {
	var full [8]byte
	copy(full[8-keySize:], b)
	return key(binary.BigEndian.Uint64(full[:]))
}

var (
	errChunk = errors.New("a chunk isn't the one that was written")
	sumTable = crc32.MakeTable(crc32.Castagnoli)
)

// chunk is records of one segment, from the first key to before the next chunk's.
type chunk struct {
	first, next key
	records     []byte
}

// seal is the chunk as it stands under its first key.
func (c *chunk) seal(segment uint64) []byte {
	b := make([]byte, 4, chunkHead+len(c.records))
	b = binary.BigEndian.AppendUint64(b, segment)
	b = append(b, c.next.bytes()...)
	b = append(b, c.records...)
	binary.BigEndian.PutUint32(b, c.sum(b[4:]))
	return b
}

func (c *chunk) sum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(c.first.bytes(), sumTable), sumTable, b)
}

// openChunk reads what seal made, for who looks for want.
func openChunk(segment uint64, first, value []byte, want key) (chunk, error) {
	if len(first) != keySize || len(value) < chunkHead {
		return chunk{}, errChunk
	}
	c := chunk{first: keyFrom(first), next: keyFrom(value[12:chunkHead]), records: value[chunkHead:]}
	if c.sum(value[4:]) != binary.BigEndian.Uint32(value) || binary.BigEndian.Uint64(value[4:]) != segment {
		return chunk{}, errChunk
	}
	if want < c.first || want >= c.next {
		return chunk{}, errChunk
	}
	return c, nil
}

// record is one of a chunk.
type record struct {
	key   key
	block []byte
}

// records goes through a chunk.
type records struct {
	rest []byte
	at   key
}

func (c *chunk) iterate() records { return records{rest: c.records, at: c.first} }

// next is the next record; done if there is none.
func (r *records) next() (rec record, done bool, err error) {
	if len(r.rest) == 0 {
		return rec, true, nil
	}
	step, n := binary.Uvarint(r.rest)
	if n <= 0 {
		return rec, false, errChunk
	}
	r.at += key(step)
	rec.key = r.at
	rec.block, r.rest, err = cutBlock(r.rest[n:])
	return rec, false, err
}

// nearest is the first record from a key on, or backward the last up to it.
func (c *chunk) nearest(want key, backward bool) (found record, there bool, err error) {
	for at := c.iterate(); ; {
		r, done, err := at.next()
		switch {
		case err != nil:
			return record{}, false, err
		case done, backward && r.key > want:
			return found, there, nil
		case backward:
			found, there = r, true
		case r.key >= want:
			return r, true, nil
		}
	}
}

// packer makes chunks of records that come in order.
type packer struct {
	put     func(chunk) error // takes the next chunk, whose records are good until it returns
	current chunk
	last    key // of the newest record
	count   uint64
}

// add takes the next record.
func (p *packer) add(r record) error {
	var step [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(step[:], uint64(r.key-p.last))
	if len(p.current.records) > 0 && len(p.current.records)+n+len(r.block) > chunkSize-chunkHead {
		p.current.next = r.key
		if err := p.put(p.current); err != nil {
			return err
		}
		p.count++
		p.current = chunk{first: r.key, records: p.current.records[:0]}
		p.last = r.key
		n = binary.PutUvarint(step[:], 0)
	}
	p.current.records = append(append(p.current.records, step[:n]...), r.block...)
	p.last = r.key
	return nil
}

// end puts the last chunk. A segment without records has none.
func (p *packer) end() error {
	if len(p.current.records) == 0 {
		return nil
	}
	p.current.next = lastKey
	p.count++
	return p.put(p.current)
}
