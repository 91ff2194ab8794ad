package folder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/anchored"
	"github.com/whittle-sts/whittle/store/bolt"
	"github.com/whittle-sts/whittle/store/sealed"
)

// Place is where one state lives.
type Place struct {
	Data   string      // the data folder
	KEK    seal.Source // where the key-encryption key comes from
	Anchor string      // the file that says how far the state had come
}

// Database is the file of the store.
func (p Place) Database() string { return filepath.Join(p.Data, "db", "whittle.db") }

// Index is the file of the index of the audit log, which can be made anew at any time.
func (p Place) Index() string { return filepath.Join(p.Data, "db", "index.db") }

// archive is where databases go that a restore replaced.
func (p Place) archive() string { return filepath.Join(p.Data, "db", "archive") }

// reader is a database that is open only to be read.
type reader struct {
	raw  *bolt.Store
	open store.Store // with its secrets opened; nil without the key
}

// read opens a database that nobody serves, with the key if there is one.
func (p Place) read(ctx context.Context, path string) (*reader, error) {
	raw, err := bolt.Open(bolt.Config{Path: path, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	r := &reader{raw: raw}
	kek, err := p.KEK.Load(ctx)
	if err != nil {
		return r, fmt.Errorf("%w; without it nothing sealed can be looked at, or restored", err)
	}
	opened, err := sealed.Open(ctx, raw, kek, rand.Reader)
	if err != nil {
		return r, err
	}
	r.open = opened
	return r, nil
}

func (r *reader) close() {
	if r != nil {
		_ = r.raw.Close() // it was only read
	}
}

// served says whether the error is that of a database which a process has open.
func served(err error) bool { return errors.Is(err, store.ErrLocked) }

// exists says whether there is something at the path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// anchorOf is how anchored finds the anchor of a store at the place.
func (p Place) anchorOf(s store.Store) anchored.Config {
	return anchored.Config{Store: s, Path: p.Anchor}
}
