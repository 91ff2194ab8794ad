package sealed

import (
	"context"

	"github.com/whittle-sts/whittle/store"
)

// AEAD encrypts a text and binds it to associated data.
type AEAD interface {
	Seal(text, associated []byte) ([]byte, error)
	Open(sealed, associated []byte) ([]byte, error)
}

// Store is a store whose secrets are sealed.
type Store struct {
	store.Store
	box box
}

// New puts the encryption before a store.
func New(inner store.Store, aead AEAD) *Store { return &Store{inner, box{aead}} }

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.Store.View(ctx, func(r store.Reader) error { return fn(reader{r, s.box}) })
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	wrapped := make([]func(store.Tx) error, len(fns))
	for i, fn := range fns {
		wrapped[i] = func(tx store.Tx) error { return fn(writer{Tx: tx, reader: reader{tx, s.box}}) }
	}
	return s.Store.Update(ctx, wrapped...)
}
