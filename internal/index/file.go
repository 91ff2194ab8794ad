package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/whittle-sts/whittle/internal/seal"
)

// ErrDamaged says that the file isn't what was written, or that it is no index of this log.
var ErrDamaged = errors.New("not a whole index of this log")

// file is the pages that are full, in a bbolt database. bbolt has no checksums, and neither an accident nor anybody who can
// write the file shall hide entries, so each value is authenticated.
type file struct {
	db   *bbolt.DB
	key  *seal.Key
	head head // as it is durable; the follower's
	wide int  // pages of a large segment
}

// head says what the file holds.
type head struct {
	generation [16]byte
	pages      uint64   // that are full
	newest     [32]byte // leaf hash of their last entry
	segment    uint64   // the number of the next segment
	segments   []segment
}

// segment is pages that follow each other, with the records of a term side by side.
type segment struct {
	number       uint64
	first, pages uint64
	chunks       uint64
}

func (s segment) end() uint64  { return s.first + s.pages }
func (s segment) name() []byte { return binary.BigEndian.AppendUint64([]byte("segment "), s.number) }

func (s segment) pagesBytes() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, s.first), s.pages)
}

const (
	form     = 2 // of the file; another is built anew
	headSize = 4 + 16 + 8 + 32 + 8
)

var (
	headBucket = []byte("head")
	headKey    = []byte("head")
)

// associated is what the head's mark stands for. No chunk begins so: it would be of page 2^62.
func (h *head) associated(b []byte) []byte { return append([]byte("head"), b...) }

func (h *head) encode(by *seal.Key) []byte {
	b := binary.BigEndian.AppendUint32(nil, form)
	b = append(b, h.generation[:]...)
	b = binary.BigEndian.AppendUint64(b, h.pages)
	b = append(b, h.newest[:]...)
	b = binary.BigEndian.AppendUint64(b, h.segment)
	for _, s := range h.segments {
		for _, n := range []uint64{s.number, s.first, s.pages, s.chunks} {
			b = binary.BigEndian.AppendUint64(b, n)
		}
	}
	return append(b, by.Seal(nil, h.associated(b))...)
}

func (h *head) decode(b []byte, by *seal.Key) error {
	if len(b) < 4 || binary.BigEndian.Uint32(b) != form {
		return fmt.Errorf("%w: it is of another form", ErrDamaged)
	}
	end := len(b) - seal.Overhead
	if end < headSize || (end-headSize)%32 != 0 {
		return fmt.Errorf("%w: its head", ErrDamaged)
	}
	if _, err := by.Open(b[end:], h.associated(b[:end])); err != nil {
		return fmt.Errorf("%w: its head: %w", ErrDamaged, err)
	}
	b = b[4:end]
	h.generation, b = [16]byte(b[:16]), b[16:]
	h.pages, b = binary.BigEndian.Uint64(b), b[8:]
	h.newest, b = [32]byte(b[:32]), b[32:]
	h.segment, b = binary.BigEndian.Uint64(b), b[8:]
	h.segments = make([]segment, 0, len(b)/32)
	for ; len(b) > 0; b = b[32:] {
		s := segment{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[24:])}
		h.segments = append(h.segments, s)
	}
	return h.whole()
}

// whole says whether each page that is full is in one segment.
func (h *head) whole() error {
	var next uint64
	for _, s := range h.segments {
		if s.first != next || s.pages == 0 || s.pages > h.pages-next {
			return fmt.Errorf("%w: pages from %d on are in no segment, or in two", ErrDamaged, next)
		}
		next = s.end()
	}
	if next != h.pages {
		return fmt.Errorf("%w: pages from %d on are in no segment", ErrDamaged, next)
	}
	return nil
}

// openFile opens the file, or makes one for the generation.
func openFile(path string, generation [16]byte, by *seal.Key) (f *file, err error) {
	defer trap(&err)()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: time.Second, FreelistType: bbolt.FreelistMapType, NoStatistics: true, InitialMmapSize: mapped,
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout), errors.As(err, new(*fs.PathError)):
		return nil, err // another process or the system keeps it: making it anew wouldn't help
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	f = &file{db: db, key: by, head: head{generation: generation}, wide: segmentPages}
	if err := f.begin(); err != nil {
		_ = f.close()
		return nil, err
	}
	return f, nil
}

// mapped is how much of the address space the file gets at once: a map that grows waits for all readers.
const mapped = 1 << min(30, strconv.IntSize-8)

// begin reads the head, or writes the first, and drops what a crash left of a merge.
func (f *file) begin() error {
	return f.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(headBucket)
		if b == nil {
			if name, _ := tx.Cursor().First(); name != nil {
				return fmt.Errorf("%w: it is something else", ErrDamaged)
			}
			return f.putHead(tx, &f.head)
		}
		var h head
		if err := h.decode(b.Get(headKey), f.key); err != nil {
			return err
		}
		if h.generation != f.head.generation {
			return fmt.Errorf("%w: it is of another generation", ErrDamaged)
		}
		f.head = h
		return f.dropOthers(tx)
	})
}

func (f *file) dropOthers(tx *bbolt.Tx) error {
	known := map[string]bool{string(headBucket): true}
	for _, s := range f.head.segments {
		known[string(s.name())] = true
	}
	var others [][]byte
	err := tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		if !known[string(name)] {
			others = append(others, append([]byte(nil), name...))
		}
		return nil
	})
	for _, name := range others {
		err = errors.Join(err, tx.DeleteBucket(name))
	}
	return err
}

func (f *file) putHead(tx *bbolt.Tx, h *head) error {
	b, err := tx.CreateBucketIfNotExists(headBucket)
	if err != nil {
		return err
	}
	return b.Put(headKey, h.encode(f.key))
}

func (f *file) update(fn func(*bbolt.Tx) error) (err error) {
	defer trap(&err)()
	return f.db.Update(fn)
}

// view calls fn with one state of the file and its head.
func (f *file) view(fn func(*bbolt.Tx, *head) error) (err error) {
	defer trap(&err)()
	return f.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(headBucket)
		if b == nil {
			return fmt.Errorf("%w: it has no head", ErrDamaged)
		}
		var h head
		if err := h.decode(b.Get(headKey), f.key); err != nil {
			return err
		}
		return fn(tx, &h)
	})
}

func (f *file) close() (err error) {
	defer trap(&err)()
	return f.db.Close()
}

// trap turns a panic in bbolt into ErrDamaged: it trusts its file, and a page that is gone is a fault on mapped memory.
func trap(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if r := recover(); r != nil {
			*err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}
}

// append writes a full page as a segment of its own. newest is the leaf hash of its last entry.
func (f *file) append(p *page, newest [32]byte) error {
	h := f.head
	s := segment{number: h.segment, first: p.number, pages: 1}
	err := f.update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(s.name())
		if err != nil {
			return err
		}
		b.FillPercent = 1
		out := packer{put: func(c chunk) error { return b.Put(c.first.bytes(), c.seal(f.key, s)) }}
		if err := errors.Join(p.records(out.add), out.end()); err != nil {
			return err
		}
		s.chunks = out.count
		h.pages, h.newest, h.segment = p.number+1, newest, h.segment+1
		h.segments = append(h.segments[:len(h.segments):len(h.segments)], s)
		return f.putHead(tx, &h)
	})
	if err == nil {
		f.head = h
	}
	return err
}
