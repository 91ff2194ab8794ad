//go:build linux && !race

package fault

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/anchored"
	"github.com/whittle-sts/whittle/store/bolt"
	"github.com/whittle-sts/whittle/store/sealed"
)

var kek = func() seal.KEK {
	k, err := seal.NewLocalKEK(make([]byte, seal.KeySize))
	if err != nil {
		panic(err)
	}
	return k
}()

const kekText = "0000000000000000000000000000000000000000000000000000000000000000\n"

// place makes a folder with the key, as a server has it.
func place(t testing.TB, root string) folder.Place {
	t.Helper()
	keys := filepath.Join(root, "keys")
	file := filepath.Join(keys, "kek")
	if err := errors.Join(os.MkdirAll(keys, 0o700), os.MkdirAll(filepath.Join(root, "db"), 0o700), os.WriteFile(file, []byte(kekText), 0o600)); err != nil {
		t.Fatal(err)
	}
	source, err := seal.ParseSource(file)
	if err != nil {
		t.Fatal(err)
	}
	return folder.Place{Data: root, KEK: source, Anchor: filepath.Join(keys, "anchor")}
}

// put puts a database and its anchor at a place.
func put(t testing.TB, p folder.Place, db, an image) {
	t.Helper()
	for path, text := range map[string]image{p.Database(): db, p.Anchor: an} {
		if err := errors.Join(os.WriteFile(path, text.written(), 0o600), os.Truncate(path, int64(len(text)))); err != nil {
			t.Fatal(err)
		}
	}
}

// state is all that a server writes through: the log over the anchored, sealed database.
type state struct {
	db    *bolt.Store
	kept  *anchored.Store
	log   *audit.Log
	now   time.Time
	after func() // each commit, if it is set
}

// told is the store of a log that says when a commit was answered.
type told struct {
	store.Store
	s *state
}

func (t told) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	outcomes, err := t.Store.Update(ctx, fns...)
	if t.s.after != nil {
		t.s.after()
	}
	return outcomes, err
}

// open opens the state of a place as a server does.
func open(p folder.Place, openFile func(string) (anchored.File, error)) (*state, error) {
	ctx := context.Background()
	db, err := bolt.Open(bolt.Config{Path: p.Database()})
	if err != nil {
		return nil, err
	}
	vault, err := sealed.Open(ctx, db, kek, rand.Reader)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	kept, err := anchored.Open(ctx, anchored.Config{Store: vault, Path: p.Anchor, Random: rand.Reader, OpenFile: openFile})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &state{db: db, kept: kept, now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)}
	s.log, err = audit.Open(audit.Config{Store: told{kept, s}, Now: func() time.Time { return s.now }, Random: rand.Reader, Issuer: "https://whittle.example.com"})
	if err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	return s, nil
}

// close ends the state in good order.
func (s *state) close() error {
	s.log.Close()
	return s.kept.Close()
}

// do writes one change with its entry.
func (s *state) do(change func(store.Tx) error, event audit.Event) error {
	_, err := s.log.Do(context.Background(), func(tx store.Tx) (audit.Entry, error) {
		entry, err := s.log.Prepare(event)
		if err != nil {
			return audit.Entry{}, err
		}
		return entry, change(tx)
	})
	return err
}
