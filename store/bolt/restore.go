package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/whittle-sts/whittle/store"
)

// restoreStep is how many records are taken over in one commit.
const restoreStep = 4096

// Restore makes a new store at path of the backup in the file from, which it only reads: a new generation
// that keeps policies, clients' credentials, people's keys, the server's secrets, and revocations with
// their numbers. Token keys, opaque tokens, uses and the log stay behind, so that no earlier token is
// good in it. It returns what the backup's state was. After an error there may be a part of a file at path.
func Restore(from, path string, generation [16]byte) (old store.Meta, err error) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return old, fmt.Errorf("restore: %s is in the way", path)
	}
	source, err := Open(Config{Path: from, ReadOnly: true})
	if err != nil {
		return old, fmt.Errorf("restore: the backup: %w", err)
	}
	defer source.Close()
	target, err := Open(Config{Path: path})
	if err != nil {
		return old, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	err = source.View(context.Background(), func(r store.Reader) error {
		for _, t := range tables {
			if !t.kept {
				continue
			}
			if err := takeOver(r.(*reader), target, t); err != nil { //nolint:forcetypeassert // this engine's own
				return fmt.Errorf("restore: %w", err)
			}
		}
		if old, err = r.Meta(); err != nil {
			return err
		}
		return target.raw(func(w *writer) error {
			w.wrote = true
			w.batch.meta = store.Meta{Schema: schema, Generation: generation, Policy: old.Policy, Rev: old.Rev, Time: old.Time}
			return nil
		})
	})
	return old, err
}

// takeOver copies the records of one table.
func takeOver(from *reader, to *Store, t table) error {
	type record struct{ key, payload []byte }
	var waiting []record
	flush := func() error {
		err := to.raw(func(w *writer) error {
			for _, r := range waiting {
				if err := w.put(t, r.key, r.payload); err != nil {
					return err
				}
			}
			return nil
		})
		waiting = waiting[:0]
		return err
	}
	err := from.scan(t, nil, func(key, payload []byte) (bool, error) {
		if t.name == tableExpiry.name && (len(key) <= timeSize || !expiring[key[timeSize]].kept) {
			return true, nil
		}
		waiting = append(waiting, record{bytes.Clone(key), bytes.Clone(payload)})
		if len(waiting) < restoreStep {
			return true, nil
		}
		return true, flush()
	})
	return errors.Join(err, flush())
}

// raw is Update below the domain's verbs.
func (s *Store) raw(fn func(*writer) error) error {
	outcomes, err := s.Update(context.Background(), func(tx store.Tx) error {
		return fn(tx.(*writer)) //nolint:forcetypeassert // this engine's own
	})
	return errors.Join(append(outcomes, err)...)
}
