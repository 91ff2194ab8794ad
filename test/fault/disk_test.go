//go:build linux && !race

package fault

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store/anchored"
	"github.com/whittle-sts/whittle/store/bolt"
)

// op is one thing that was asked of the disk.
type op struct {
	file   string // database or anchor
	kind   string // write, sync or grow
	offset int64
	data   []byte
	clears bool // a free page, outside of commits
}

const (
	database = "database"
	anchor   = "anchor"
)

// bbolt's two syncs in a commit, as fail is asked about them. In ops they are both "sync".
const (
	syncOfPages = "sync of pages"
	syncOfMeta  = "sync of meta"
)

// disk sees all that database and anchor ask of the disk, and can make the next of it fail.
type disk struct {
	t    *testing.T
	path string // of the database
	size int64
	ops  []op

	// fail is asked before each write and sync whether it fails, and whether it is done all the same.
	fail func(o op) (fails, done bool)

	mu    sync.Mutex // the anchor also catches up by itself
	db    *bbolt.DB
	real  *os.File
	begun bool // bbolt has written of the commit that runs
}

var errDisk = errors.New("the disk failed")

// hidden is a field of bbolt or ours that has no other way in.
func hidden[T any](of any, names ...string) *T {
	v := reflect.ValueOf(of).Elem()
	for _, name := range names {
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		v = v.FieldByName(name)
	}
	return (*T)(unsafe.Pointer(v.UnsafeAddr()))
}

// watch puts the disk under an open store, until that opens its file anew.
func (d *disk) watch(s *bolt.Store) {
	d.t.Helper()
	d.db = *hidden[*bbolt.DB](s, "file", "db")
	d.real = *hidden[*os.File](d.db, "file")
	info, err := d.real.Stat()
	if err != nil {
		d.t.Fatal(err)
	}
	d.size = info.Size()
	*hidden[func([]byte, int64) (int, error)](d.db, "ops", "writeAt") = d.writeAt
	*hidden[func([]byte, int64) (int, error)](s, "file", "writeAt") = d.clear
	*hidden[func() error](s, "file", "sync") = d.syncClears
	*hidden[func(*bbolt.Tx) error](s, "commit") = func(tx *bbolt.Tx) error {
		d.begun = false
		err := tx.Commit()
		*hidden[*os.File](d.db, "file") = d.real // whatever breakSync or stunt put there
		return err
	}
}

// writeAt is each of bbolt's writes. bbolt syncs before it writes one of the two meta pages, and after it.
func (d *disk) writeAt(b []byte, offset int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if info, err := d.real.Stat(); err == nil && info.Size() > d.size {
		d.size = info.Size()
		d.ops = append(d.ops, op{file: database, kind: "grow", offset: d.size})
	}
	meta := offset < 2*int64(os.Getpagesize())
	if meta {
		d.ops = append(d.ops, op{file: database, kind: "sync"})
	}
	if n, err := d.write(op{file: database, kind: "write", offset: offset, data: bytes.Clone(b)}, d.real); err != nil {
		return n, err
	}
	if meta {
		d.ops = append(d.ops, op{file: database, kind: "sync"})
	}
	if meta || !d.begun {
		d.breakSync(meta)
	}
	d.begun = true
	return len(b), nil
}

// clear is each page that is cleared outside of bbolt's commits, and syncClears the sync after them.
func (d *disk) clear(b []byte, offset int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.write(op{file: database, kind: "write", offset: offset, data: bytes.Clone(b), clears: true}, d.real)
}

func (d *disk) syncClears() error { return d.sync(database, d.real) }

// write asks it of the file. The caller has mu.
func (d *disk) write(o op, to *os.File) (int, error) {
	fails, done := d.failing(o)
	if done {
		if n, err := to.WriteAt(o.data, o.offset); err != nil {
			return n, err
		}
		d.ops = append(d.ops, o)
	}
	if fails {
		return 0, errDisk
	}
	return len(o.data), nil
}

func (d *disk) sync(file string, of *os.File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := op{file: file, kind: "sync"}
	if fails, _ := d.failing(o); fails {
		return errDisk
	}
	d.ops = append(d.ops, o)
	return of.Sync()
}

func (d *disk) failing(o op) (fails, done bool) {
	if d.fail == nil {
		return false, true
	}
	return d.fail(o)
}

// breakSync makes the sync fail that comes next, if that is asked for: bbolt syncs the file that it finds in
// its own field, and a pipe can't be.
func (d *disk) breakSync(meta bool) {
	which := syncOfPages
	if meta {
		which = syncOfMeta
	}
	if fails, _ := d.failing(op{file: database, kind: which}); !fails {
		return
	}
	pipe, other, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { pipe.Close(); other.Close() })
	*hidden[*os.File](d.db, "file") = pipe
}

// stunt makes the next commit fail that needs a longer file, which is each that needs a new page, since the file is
// cut down to its pages first. bbolt lengthens and syncs what it finds in its own field: there it finds as long a file
// that is only open to be read. Persisted, the real one is lengthened all the same, which is also what is seen
// after the sync failed.
func (d *disk) stunt(persisted bool) {
	d.t.Helper()
	var size int64
	if err := d.db.View(func(tx *bbolt.Tx) error { size = tx.Size(); return nil }); err != nil {
		d.t.Fatal(err)
	}
	path := filepath.Join(d.t.TempDir(), "as long")
	if err := errors.Join(d.real.Truncate(size), os.WriteFile(path, nil, 0o600), os.Truncate(path, size)); err != nil {
		d.t.Fatal(err)
	}
	other, err := os.Open(path)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { other.Close() })
	*hidden[*os.File](d.db, "file") = other
	if persisted {
		if err := d.real.Truncate(size + 1<<24); err != nil {
			d.t.Fatal(err)
		}
	}
}

// anchorFile is the anchor's file under the disk.
type anchorFile struct {
	*os.File
	d *disk
}

func (d *disk) openAnchor(path string) (anchored.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	return anchorFile{f, d}, err
}

func (f anchorFile) WriteAt(b []byte, offset int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.d.write(op{file: anchor, kind: "write", offset: offset, data: bytes.Clone(b)}, f.File)
}

func (f anchorFile) Sync() error {
	return f.d.sync(anchor, f.File)
}

// image is a file as the disk may hold it.
type image []byte

// written is the image without what was never written: most of a database's file is a hole.
func (m image) written() []byte {
	hole := make([]byte, os.Getpagesize())
	for len(m) > len(hole) && bytes.Equal(m[len(m)-len(hole):], hole) {
		m = m[:len(m)-len(hole)]
	}
	return m
}

func (m image) holds(text string) bool { return bytes.Contains(m.written(), []byte(text)) }

func (m image) apply(o op, upTo int) image {
	end := o.offset + int64(upTo)
	if o.kind == "grow" {
		end = o.offset
	}
	if int64(len(m)) < end {
		m = append(m, make([]byte, end-int64(len(m)))...)
	}
	copy(m[o.offset:], o.data[:min(upTo, len(o.data))])
	return m
}

// after is what the file holds for sure when the machine stops after so many ops, and what it may hold.
func after(start image, ops []op, file string, count int) (sure func() image, maybe []op) {
	var durable []op
	for _, o := range ops[:count] {
		switch {
		case o.file != file:
		case o.kind == "write":
			maybe = append(maybe, o)
		case o.kind == "grow": // which bbolt syncs by itself
			durable = append(durable, o)
		default:
			durable, maybe = append(durable, maybe...), nil
		}
	}
	return func() image {
		m := slices.Clone(start)
		for _, o := range durable {
			m = m.apply(o, len(o.data))
		}
		return m
	}, maybe
}

// outcomes are the ways in which what wasn't synced may have reached the disk: nothing, all, each one alone,
// all but each one, and each one torn at a sector, alone and with all others.
func outcomes(sure func() image, maybe []op) (out []func() image) {
	build := func(upTo func(i int) int) {
		out = append(out, func() image {
			m := sure()
			for i, w := range maybe {
				if n := upTo(i); n > 0 {
					m = m.apply(w, n)
				}
			}
			return m
		})
	}
	whole := func(i int) int { return len(maybe[i].data) }
	build(func(int) int { return 0 })
	if len(maybe) == 0 {
		return out
	}
	build(whole)
	for one := range maybe {
		for _, share := range []int{0, 512, whole(one) / 2 &^ 511, whole(one)} {
			build(func(i int) int { // alone
				if i == one {
					return share
				}
				return 0
			})
			build(func(i int) int { // with all others
				if i == one {
					return share
				}
				return whole(i)
			})
		}
	}
	return out
}
