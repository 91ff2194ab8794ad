package index

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/whittle-sts/whittle/internal/seal"
)

// A segment is records in order of their keys: a term, the page within the segment, and the block. Records are kept
// in chunks that fit two to a page of the file. Each chunk is authenticated, and says which pages it is of, and from where
// and up to where its records go. So it says all that the log has there, in whichever place of the file and of whichever earlier file of
// this log it is found; a branch of the file's tree that leads astray isn't believed.

// key is a term and a page within a segment.
type key uint64

const (
	keySize   = (termBits + 8) / 8
	lastKey   = key(1<<(8*keySize) - 1) // of no record
	chunkSize = 2016
	chunkHead = seal.Overhead + 8 + 8 + 2*keySize
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

var errChunk = errors.New("a chunk isn't the one that was written")

// chunk is records of one segment, from the first key to before the next chunk's.
type chunk struct {
	first, next key
	records     []byte
}

// seal is the chunk as it stands under its first key: a mark, and what that authenticates.
func (c *chunk) seal(by *seal.Key, s segment) []byte {
	b := make([]byte, seal.Overhead, chunkHead+len(c.records))
	b = append(b, s.pagesBytes()...)
	b = append(b, c.first.bytes()...)
	b = append(b, c.next.bytes()...)
	b = append(b, c.records...)
	copy(b, by.Seal(nil, b[seal.Overhead:]))
	return b
}

// openChunk reads what seal made, for who looks for want.
func openChunk(by *seal.Key, s segment, value []byte, want key) (chunk, error) {
	if len(value) < chunkHead {
		return chunk{}, errChunk
	}
	body := value[seal.Overhead:]
	if _, err := by.Open(value[:seal.Overhead], body); err != nil {
		return chunk{}, errChunk
	}
	pages, keys := body[:16], body[16:chunkHead-seal.Overhead]
	c := chunk{first: keyFrom(keys[:keySize]), next: keyFrom(keys[keySize:]), records: value[chunkHead:]}
	if !bytes.Equal(pages, s.pagesBytes()) || want < c.first || want >= c.next {
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
