package bolt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store"
)

// Schema is the layout that this version writes. A file with a higher one is left untouched.
const Schema = 1

const lockTimeout = time.Second

// Config says where the file is.
type Config struct {
	Path string // its folder must exist
	// LockTimeout is how long to wait for another process to let go of the file; zero: one second.
	LockTimeout time.Duration
}

// Open opens the store, making an empty one where there is no file. Errors: [store.ErrLocked],
// [store.ErrCorrupt], [store.ErrNewer].
func Open(c Config) (*Store, error) {
	if c.LockTimeout == 0 {
		c.LockTimeout = lockTimeout
	}
	if err := os.MkdirAll(filepath.Dir(c.Path), 0o700); err != nil {
		return nil, fmt.Errorf("store folder: %w", err)
	}
	s := &Store{config: c}
	db, err := s.open()
	if err != nil {
		return nil, err
	}
	s.db = db
	return s, nil
}

func (s *Store) open() (*bbolt.DB, error) {
	db, err := openFile(s.config)
	if err != nil {
		return nil, err
	}
	if err := prepare(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openFile opens the file. A damaged one makes bbolt panic, or touch memory that the file no longer
// backs; both become errors here.
func openFile(c Config) (db *bbolt.DB, err error) {
	defer recovered(&err)
	if err := checkLength(c.Path); err != nil {
		return nil, err
	}
	db, err = bbolt.Open(c.Path, 0o600, &bbolt.Options{
		Timeout: c.LockTimeout,
		// The list of free pages is worked out at start instead of being written at every commit.
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
	})
	switch {
	case errors.Is(err, bbolt.ErrTimeout):
		return nil, fmt.Errorf("%w: another process has %s open; stop it first", store.ErrLocked, c.Path)
	case err != nil && !errors.As(err, new(*os.PathError)):
		return nil, fmt.Errorf("%w: %s: %w", store.ErrCorrupt, c.Path, err)
	case err != nil:
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	return db, nil
}

// recovered turns a panic of bbolt, or a fault in the memory-mapped file, into ErrCorrupt.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: reading it failed: %v", store.ErrCorrupt, r)
	}
}

// prepare checks what is in the file before anything is written to it, and lays an empty one out.
func prepare(db *bbolt.DB) error {
	empty, err := inspect(db)
	if err != nil || !empty {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return writeMeta(tx, store.Meta{Schema: Schema})
	})
}

func inspect(db *bbolt.DB) (empty bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recovered(&err)
	return empty, db.View(func(tx *bbolt.Tx) error {
		info, err := os.Stat(db.Path())
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return fmt.Errorf("%w: %s has %d bytes of %d; it was cut short: restore a backup",
				store.ErrCorrupt, db.Path(), info.Size(), tx.Size())
		}
		if tx.Bucket(bucketMeta) == nil {
			empty = true
			if first, _ := tx.Cursor().First(); first != nil {
				return fmt.Errorf("%w: %s is not a Whittle store", store.ErrCorrupt, db.Path())
			}
			return nil
		}
		meta, err := readMeta(tx)
		if err != nil {
			return err
		}
		if meta.Schema > Schema {
			return fmt.Errorf("%w: schema %d, this version knows up to %d", store.ErrNewer, meta.Schema, Schema)
		}
		return checkBuckets(tx)
	})
}

func checkBuckets(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: the part %q is missing", store.ErrCorrupt, name)
		}
	}
	return nil
}

// checkLength refuses a file too short for bbolt's two meta pages: mapping it would fault.
func checkLength(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	if size := info.Size(); size > 0 && size < int64(4*os.Getpagesize()) {
		return fmt.Errorf("%w: %s has only %d bytes; it was cut short: restore a backup", store.ErrCorrupt, path, size)
	}
	return nil
}
