package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/whittle-sts/whittle/internal/durable"
	"github.com/whittle-sts/whittle/store"
)

var errNewest = errors.New("the newest record isn't the one that the store counts")

// open opens the file and sets s.file. The caller has mu, or nobody else has s.
func (s *Store) open() error {
	if s.config.ReadOnly {
		return s.take(os.O_RDONLY)
	}
	_, err := os.Stat(s.config.Path)
	isNew := errors.Is(err, fs.ErrNotExist)
	switch {
	case isNew && s.durable.Load() > 0:
		return fmt.Errorf("%w: %s is gone", store.ErrCorrupt, s.config.Path)
	case isNew:
		if err := s.make(); err != nil {
			return s.explain(err)
		}
	case err != nil:
		return s.explain(err)
	}
	return s.take(os.O_RDWR)
}

// take opens a file that is there, once it was found to be whole.
func (s *Store) take(flag int) error {
	if err := s.inspect(); err != nil {
		return err
	}
	f, err := openFile(s.config.Path, flag, s.config.LockTimeout)
	if err != nil {
		return s.explain(err)
	}
	if err := s.ready(f); err != nil {
		_ = f.close()
		return s.explain(err)
	}
	s.file = f
	return nil
}

// make makes the file of a new store, which holds nothing yet. If another process was faster, it has the store.
func (s *Store) make() error {
	if err := makeFolder(filepath.Dir(s.config.Path)); err != nil {
		return err
	}
	err := durable.Make(s.config.Path, func(path string) error {
		f, err := openFile(path, os.O_RDWR, s.config.LockTimeout)
		if err != nil {
			return err
		}
		return f.close()
	})
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// inspect looks at a file without changing a byte of it: is it whole, and may this version open it?
func (s *Store) inspect() (err error) {
	f, err := openFile(s.config.Path, os.O_RDONLY, s.config.LockTimeout)
	if err != nil {
		return s.explainDamage(err)
	}
	defer f.close()
	defer trap(&err)()
	tx, err := f.db.Begin(false)
	if err != nil {
		return s.explain(err)
	}
	defer rollback(tx)
	info, err := f.os.Stat()
	if err != nil {
		return s.explain(err)
	}
	// bbolt maps the file and looks no further; what isn't there would be a fault on first use.
	if info.Size() < tx.Size() {
		return fmt.Errorf("%w: %s was cut short: it has %d bytes of %d; put a backup in its place",
			store.ErrCorrupt, s.config.Path, info.Size(), tx.Size())
	}
	_, err = s.readSchema(tx)
	return err
}

// explainDamage is explain for a file that bbolt can't open at all.
func (s *Store) explainDamage(err error) error {
	info, statErr := os.Stat(s.config.Path)
	if statErr == nil && info.Size() == 0 {
		return fmt.Errorf("%w: %s is empty; put a backup in its place, or remove it if it never was a store", store.ErrCorrupt, s.config.Path)
	}
	if errors.Is(err, berrors.ErrTimeout) || errors.As(err, new(*fs.PathError)) {
		return s.explain(err)
	}
	return fmt.Errorf("%w: %s: %w; put a backup in its place", store.ErrCorrupt, s.config.Path, err)
}

// readSchema says whether the file is laid out; store.ErrNewer if by a later version.
func (s *Store) readSchema(tx *bbolt.Tx) (laidOut bool, err error) {
	b := tx.Bucket([]byte(tableMeta.name))
	if b == nil {
		if first, _ := tx.Cursor().First(); first != nil {
			return false, fmt.Errorf("%w: %s is a bbolt file, but not a store", store.ErrCorrupt, s.config.Path)
		}
		return false, nil
	}
	value := b.Get(keySchema)
	if len(value) != 4 {
		return false, fmt.Errorf("%w: %s doesn't say its schema", store.ErrCorrupt, s.config.Path)
	}
	if found := binary.BigEndian.Uint32(value); found != schema {
		return false, fmt.Errorf("%w: %s has schema %d, this version knows %d; start the newer version, nothing was changed",
			store.ErrNewer, s.config.Path, found, schema)
	}
	return true, nil
}

// ready lays out a new file, makes what is in an old one durable, and checks it.
func (s *Store) ready(f *file) (err error) {
	defer trap(&err)()
	if err := s.prepare(f); err != nil {
		return err
	}
	tx, err := f.db.Begin(false)
	if err != nil {
		return err
	}
	defer rollback(tx)
	if err := check(&reader{tx: tx}, !s.config.Unchecked); err != nil {
		return err
	}
	s.durable.Store(uint64(tx.ID()))
	return nil
}

// prepare makes sure that there is a layout, and that all that can be seen is on the disk. Nothing may
// be written to an old file before: bbolt would use pages again that the state on the disk still needs.
func (s *Store) prepare(f *file) error {
	var laidOut bool
	var id uint64
	err := f.db.View(func(tx *bbolt.Tx) (err error) {
		id = uint64(tx.ID())
		laidOut, err = s.readSchema(tx)
		return err
	})
	switch known := s.durable.Load(); {
	case err != nil:
		return err
	case s.config.ReadOnly && !laidOut:
		return fmt.Errorf("%w: %s holds nothing yet", store.ErrCorrupt, s.config.Path)
	case s.config.ReadOnly:
		return nil
	case id < known:
		return fmt.Errorf("%w: %s has lost commits that were durable", store.ErrCorrupt, s.config.Path)
	case laidOut && id > known:
		// The file's name too: whoever made the file may have been stopped before that.
		return errors.Join(f.settle(), durable.SyncFolder(filepath.Dir(s.config.Path)))
	case laidOut:
		return nil
	}
	if err := f.db.Update(layOut); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(s.config.Path))
}

func layOut(tx *bbolt.Tx) error {
	for _, t := range tables {
		if _, err := tx.CreateBucket([]byte(t.name)); err != nil {
			return err
		}
	}
	if err := tx.Bucket([]byte(tableMeta.name)).Put(keySchema, binary.BigEndian.AppendUint32(nil, schema)); err != nil {
		return err
	}
	return (&batch{tx: tx, meta: store.Meta{Schema: schema}}).flush()
}

// check holds what Meta says against the newest records.
func check(r *reader, entries bool) error {
	meta, err := r.Meta()
	if err != nil {
		return err
	}
	for _, t := range tables {
		if _, err := r.bucket(t); err != nil {
			return err
		}
	}
	if entries {
		if err := checkNewest(r.tx, tableEntry, meta.Size, meta.Size-1); err != nil {
			return err
		}
	}
	if err := checkNewest(r.tx, tableTile, meta.Tiles, meta.Tiles-1); err != nil {
		return err
	}
	return checkNewest(r.tx, tablePolicy, meta.Policy, meta.Policy)
}

// checkNewest says whether the last of count records has the right number.
func checkNewest(tx *bbolt.Tx, t table, count, newest uint64) error {
	key, _ := tx.Bucket([]byte(t.name)).Cursor().Last()
	if key == nil && count == 0 || count > 0 && bytes.Equal(key, number(newest)) {
		return nil
	}
	return corrupt(t, key, errNewest)
}

// makeFolder makes a folder and those above it, each durable in the one that holds it.
func makeFolder(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(path)
	if err := makeFolder(above); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncFolder(above)
}
