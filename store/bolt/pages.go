package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"

	"github.com/whittle-sts/whittle/store"
)

// bbolt believes its pages. Its own check follows a damaged number out of the map, which no goroutine but
// the check's own could survive, and overlooks records that a page no longer counts. So pages are held to
// exactly the form in which bbolt writes them first: elements and data packed, and zeros after them.

const (
	pageHeader  = 16
	pageElement = 16
	metaSize    = 64 // without its checksum
	boltMagic   = 0xED0CDAED

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of an element
	noFreelist   = 1<<64 - 1
)

var (
	errPage = errors.New("it isn't as it was written")
	errTwo  = errors.New("two pages lead to it")
)

// pages is one walk over the pages of a file.
type pages struct {
	file   io.ReaderAt
	size   int
	high   uint64 // the first page that isn't used
	seen   map[uint64]bool
	report func(error)
	bad    bool
}

// boltMeta is what a walk needs of a meta page. All numbers of bbolt's are the machine's, which are
// little-endian wherever Whittle is built.
type boltMeta struct{ root, freelist, high, tx uint64 }

// walkPages walks all pages that the newer meta page leads to, and says whether all is well.
func walkPages(file io.ReaderAt, pageSize int, report func(error)) bool {
	p := &pages{file: file, size: pageSize, seen: map[uint64]bool{0: true, 1: true}, report: report}
	var newest boltMeta
	whole := 0
	for i := range uint64(2) {
		m, ok := p.meta(i)
		if !ok {
			continue
		}
		if whole == 0 || m.tx > newest.tx {
			newest = m
		}
		whole++
	}
	switch whole {
	case 0:
		report(fmt.Errorf("%w: neither of the two meta pages is one", store.ErrCorrupt))
		return false
	case 1:
		report(fmt.Errorf("%w: one of the two meta pages is damaged, or was being written when the machine stopped; what was committed last may be missing",
			store.ErrCorrupt))
	}
	p.high = newest.high
	p.page(newest.root, true, 0)
	if newest.freelist != noFreelist {
		p.freelist(newest.freelist)
	}
	return !p.bad
}

func (p *pages) meta(id uint64) (m boltMeta, ok bool) {
	b := make([]byte, pageHeader+metaSize)
	if _, err := p.file.ReadAt(b, int64(id)*int64(p.size)); err != nil {
		return m, false
	}
	sum := fnv.New64a()
	_, _ = sum.Write(b[pageHeader : pageHeader+metaSize-8])
	at := func(offset int) uint64 { return binary.LittleEndian.Uint64(b[pageHeader+offset:]) }
	ok = binary.LittleEndian.Uint32(b[pageHeader:]) == boltMagic && at(56) == sum.Sum64()
	return boltMeta{root: at(16), freelist: at(32), high: at(40), tx: at(48)}, ok
}

func (p *pages) wrong(id uint64, cause error) {
	p.bad = true
	p.report(fmt.Errorf("%w: page %d: %w", store.ErrCorrupt, id, cause))
}

// read is the page with its overflow.
func (p *pages) read(id uint64) ([]byte, bool) {
	if id < 2 || id >= p.high {
		p.wrong(id, errors.New("there is no such page"))
		return nil, false
	}
	header := make([]byte, pageHeader)
	if _, err := p.file.ReadAt(header, int64(id)*int64(p.size)); err != nil {
		p.wrong(id, err)
		return nil, false
	}
	overflow := uint64(binary.LittleEndian.Uint32(header[12:]))
	if binary.LittleEndian.Uint64(header) != id || overflow >= p.high-id {
		p.wrong(id, errPage)
		return nil, false
	}
	for i := id; i <= id+overflow; i++ {
		if p.seen[i] {
			p.wrong(i, errTwo)
			return nil, false
		}
		p.seen[i] = true
	}
	b := make([]byte, int(overflow+1)*p.size)
	if _, err := p.file.ReadAt(b, int64(id)*int64(p.size)); err != nil {
		p.wrong(id, err)
		return nil, false
	}
	return b, true
}

// maxDepth is deeper than any tree that fits on a disk, buckets in buckets included.
const maxDepth = 64

// page walks a page of a tree. The root of a bucket may hold nothing.
func (p *pages) page(id uint64, root bool, depth int) {
	b, ok := p.read(id)
	if !ok {
		return
	}
	if end, ok := p.node(b, id, depth); !ok || depth > maxDepth || !zero(b[end:]) || !root && binary.LittleEndian.Uint16(b[10:]) == 0 {
		p.wrong(id, errPage)
	}
}

// node walks the elements of a page, which may be one that stands in a record, and says where they end.
func (p *pages) node(b []byte, id uint64, depth int) (end int, ok bool) {
	if len(b) < pageHeader {
		return 0, false
	}
	flags, count := binary.LittleEndian.Uint16(b[8:]), int(binary.LittleEndian.Uint16(b[10:]))
	if flags != flagBranch && flags != flagLeaf {
		return 0, false
	}
	if end = pageHeader + count*pageElement; end > len(b) {
		return 0, false
	}
	for i := range count {
		at := pageHeader + i*pageElement
		word := func(n int) int { return int(binary.LittleEndian.Uint32(b[at+4*n:])) }
		if flags == flagBranch {
			if at+word(0) != end || word(1) == 0 || word(1) > len(b)-end {
				return 0, false
			}
			p.page(binary.LittleEndian.Uint64(b[at+8:]), false, depth+1)
			end += word(1)
			continue
		}
		kind, keySize, valueSize := word(0), word(2), word(3)
		if at+word(1) != end || kind > flagBucket || keySize == 0 || keySize > len(b)-end || valueSize > len(b)-end-keySize {
			return 0, false
		}
		end += keySize + valueSize
		if kind == flagBucket && !p.bucket(b[end-valueSize:end], id, depth) {
			return 0, false
		}
	}
	return end, true
}

// bucket walks a bucket, which is a page of its own or stands in its record.
func (p *pages) bucket(value []byte, id uint64, depth int) bool {
	if len(value) < pageHeader {
		return false
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		p.page(root, true, depth+1)
		return len(value) == pageHeader
	}
	end, ok := p.node(value[pageHeader:], id, depth+1)
	return ok && end == len(value)-pageHeader
}

func (p *pages) freelist(id uint64) {
	b, ok := p.read(id)
	if !ok {
		return
	}
	count, from := uint64(binary.LittleEndian.Uint16(b[10:])), pageHeader
	if count == 0xFFFF {
		count, from = binary.LittleEndian.Uint64(b[pageHeader:]), pageHeader+8
	}
	if binary.LittleEndian.Uint16(b[8:]) != flagFreelist || count > uint64(len(b)-from)/8 {
		p.wrong(id, errPage)
		return
	}
	for i := range int(count) {
		if free := binary.LittleEndian.Uint64(b[from+8*i:]); free < 2 || free >= p.high {
			p.wrong(id, errPage)
			return
		}
	}
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
