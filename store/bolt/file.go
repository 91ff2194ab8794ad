package bolt

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
)

// file is an open bbolt database with the file that it works on.
type file struct {
	db *bbolt.DB
	os *os.File

	// What scrubbing asks of os. Tests set them.
	writeAt func(b []byte, offset int64) (int, error)
	sync    func() error
}

// openFile opens the file with further flags of os.OpenFile. bbolt's panics become errors, and leave
// neither file nor lock behind.
func openFile(path string, flags int, wait time.Duration) (f *file, err error) {
	f = new(file)
	options := &bbolt.Options{
		Timeout:         wait,
		ReadOnly:        flags&os.O_RDWR == 0,
		InitialMmapSize: mapped(path, flags),
		// Free pages are few, since nearly all that is written stays. Writing their list costs less than
		// reading the whole file at every start, and after every failed commit, to find them.
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
		OpenFile: func(name string, given int, mode os.FileMode) (_ *os.File, err error) {
			f.os, err = os.OpenFile(name, given&^os.O_CREATE|flags, mode)
			return f.os, err
		},
	}
	defer func() {
		if err != nil && f.os != nil {
			_ = unlock(f.os) // all this a second time, unless bbolt panicked
			_ = f.os.Close()
		}
	}()
	defer trap(&err)()
	if f.db, err = bbolt.Open(path, 0o600, options); err == nil {
		f.writeAt, f.sync = f.os.WriteAt, f.os.Sync
	}
	return f, err
}

// mapped is how much of the address space a file gets at once. Growing the map waits for all readers,
// so it begins with a gigabyte to grow into where that costs nothing: Windows makes the file itself that large.
func mapped(path string, flags int) int {
	switch {
	case flags&os.O_RDWR == 0:
		return 0
	case runtime.GOOS == "windows" || strconv.IntSize < 64:
		return 1 << 24
	}
	room := 1 << 30
	if info, err := os.Stat(path); err == nil {
		room += int(info.Size())
	}
	return room
}

func begin(f *file, writable bool) (tx *bbolt.Tx, err error) {
	defer trap(&err)()
	return f.db.Begin(writable)
}

func (f *file) close() (err error) {
	defer func() {
		if err != nil { // bbolt stopped halfway
			_ = unlock(f.os)
			_ = f.os.Close()
		}
	}()
	defer trap(&err)()
	return f.db.Close()
}

// settle makes durable what the file shows now. After a failed fsync the system may show a page that
// isn't on the disk, and no longer try to write it. A commit's last fsync is for one of the two meta
// pages, so these are written once more as they are; all that they point to was on the disk before.
func (f *file) settle() error {
	pages := make([]byte, 2*f.db.Info().PageSize)
	n, err := f.os.ReadAt(pages, 0)
	if err != nil && !(errors.Is(err, io.EOF) && n == len(pages)) {
		return err
	}
	if _, err := f.os.WriteAt(pages, 0); err != nil {
		return err
	}
	return f.os.Sync()
}
