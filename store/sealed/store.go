package sealed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/store"
)

// Store is a store whose secrets are sealed.
type Store struct {
	store.Store
	random io.Reader

	ring   atomic.Pointer[ring] // loaded anew by each function of an Update, which run one after another
	change sync.Mutex           // held while the ring is replaced
}

// Open puts the encryption before a store, and makes its first data key if it has none. Errors: [ErrKEK],
// store.ErrCorrupt.
func Open(ctx context.Context, inner store.Store, kek seal.KEK, random io.Reader) (*Store, error) {
	s := &Store{Store: inner, random: random}
	record, err := read(ctx, inner)
	var r *ring
	switch {
	case errors.Is(err, store.ErrNotFound):
		if r, err = new(ring).with(random); err != nil {
			return nil, err
		}
		r.kek = kek.ID()
		err = write(ctx, inner, r, kek)
	case err == nil:
		r, err = unwrap(ctx, record, kek)
	}
	if err != nil {
		return nil, err
	}
	s.ring.Store(r)
	return s, nil
}

// IsSealed says whether a store was sealed before: then only the key-encryption key of that time opens it.
func IsSealed(ctx context.Context, inner store.Store) (bool, error) {
	_, err := read(ctx, inner)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func read(ctx context.Context, inner store.Store) (record []byte, err error) {
	err = inner.View(ctx, func(r store.Reader) error {
		record, err = r.Secret(ringName)
		return err
	})
	return record, err
}

func write(ctx context.Context, inner store.Store, r *ring, kek seal.KEK) error {
	record, err := r.wrap(ctx, kek)
	if err != nil {
		return err
	}
	outcomes, err := inner.Update(ctx, func(tx store.Tx) error { return tx.PutSecret(ringName, record) })
	if err := errors.Join(append(outcomes, err)...); err != nil {
		return fmt.Errorf("keep the data keys: %w", err)
	}
	return nil
}

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.Store.View(ctx, func(r store.Reader) error { return fn(reader{r, box{s.ring.Load()}}) })
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	wrapped := make([]func(store.Tx) error, len(fns))
	for i, fn := range fns {
		wrapped[i] = func(tx store.Tx) error { return fn(writer{Tx: tx, reader: reader{tx, box{s.ring.Load()}}}) }
	}
	return s.Store.Update(ctx, wrapped...)
}
