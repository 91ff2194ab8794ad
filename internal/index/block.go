package index

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// pageWidth is how many entries of the log a page has. All that is known of one term on one page is a block.
const (
	pageBits  = 13
	pageWidth = 1 << pageBits
	setSize   = pageWidth / 8
)

// set is the entries of one page that have a term.
type set [pageWidth / 64]uint64

func (s *set) add(place uint16) { s[place/64] |= 1 << (place % 64) }

// keep leaves what is in both.
func (s *set) keep(other *set) {
	for i := range s {
		s[i] &= other[i]
	}
}

// within leaves what is from low to before high.
func (s *set) within(low, high uint64) {
	for i := range s {
		first := uint64(i) * 64
		switch {
		case first+64 <= low || first >= high:
			s[i] = 0
			continue
		case first < low:
			s[i] &= ^uint64(0) << (low - first)
		}
		if first+64 > high {
			s[i] &= ^uint64(0) >> (first + 64 - high)
		}
	}
}

// each calls fn with what is in the set, in order or backward, until it says no.
func (s *set) each(backward bool, fn func(place uint64) bool) {
	for i := range s {
		if backward {
			i = len(s) - 1 - i
		}
		for w := s[i]; w != 0; {
			at := bits.TrailingZeros64(w)
			if backward {
				at = 63 - bits.LeadingZeros64(w)
			}
			if !fn(uint64(i*64 + at)) {
				return
			}
			w &^= 1 << at
		}
	}
}

var errBlock = errors.New("not a block")

// appendBlock encodes the places, which are in order: their number of bytes and the steps between them, or, where that is
// shorter, 0 and a bit for each entry of the page.
func appendBlock(b []byte, places []uint16) []byte {
	size, before := 0, uint64(0)
	for _, p := range places {
		if uint64(p)-before < 0x80 {
			size++
		} else {
			size += 2
		}
		before = uint64(p)
	}
	if size >= setSize {
		var s set
		for _, p := range places {
			s.add(p)
		}
		b = append(b, 0)
		for _, w := range s {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		return b
	}
	b = binary.AppendUvarint(b, uint64(size))
	before = 0
	for _, p := range places {
		b = binary.AppendUvarint(b, uint64(p)-before)
		before = uint64(p)
	}
	return b
}

// cutBlock is the block that b begins with, and what follows.
func cutBlock(b []byte) (block, rest []byte, err error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size >= setSize {
		return nil, nil, errBlock
	}
	if size == 0 {
		size = setSize
	}
	end := n + int(size)
	if end > len(b) {
		return nil, nil, errBlock
	}
	return b[:end], b[end:], nil
}

// read adds the block's places to the set.
func (s *set) read(block []byte) error {
	size, n := binary.Uvarint(block)
	if n <= 0 {
		return errBlock
	}
	block = block[n:]
	if size == 0 {
		if len(block) != setSize {
			return errBlock
		}
		for i := range s {
			s[i] |= binary.LittleEndian.Uint64(block[8*i:])
		}
		return nil
	}
	for place := uint64(0); len(block) > 0; {
		step, n := binary.Uvarint(block)
		if place += step; n <= 0 || place >= pageWidth {
			return errBlock
		}
		s.add(uint16(place))
		block = block[n:]
	}
	return nil
}
