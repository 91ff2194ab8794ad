// Package sealed encrypts what is secret in the records of a store before the store sees it: the
// signing keys, the server's own secrets and the keys of people. Each is bound to its place, so
// that a sealed value that was moved to another row doesn't open.
package sealed

import (
	"context"
	"fmt"

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
	aead AEAD
}

// New puts the encryption before a store.
func New(inner store.Store, aead AEAD) *Store { return &Store{inner, aead} }

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.Store.View(ctx, func(r store.Reader) error { return fn(reader{r, s.aead}) })
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	wrapped := make([]func(store.Tx) error, len(fns))
	for i, fn := range fns {
		wrapped[i] = func(tx store.Tx) error { return fn(writer{Tx: tx, reader: reader{tx, s.aead}}) }
	}
	return s.Store.Update(ctx, wrapped...)
}

// place is what a sealed value is bound to: its table, its row and its field.
func place(table, row, field string) []byte {
	return []byte("whittle sealed\x00" + table + "\x00" + row + "\x00" + field)
}

type reader struct {
	store.Reader
	aead AEAD
}

func (r reader) open(value *[]byte, at []byte) error {
	text, err := r.aead.Open(*value, at)
	if err != nil {
		return fmt.Errorf("%w: a sealed value does not open; is this the right key-encryption key?", store.ErrCorrupt)
	}
	*value = text
	return nil
}

func (r reader) seal(value *[]byte, at []byte) error {
	sealed, err := r.aead.Seal(*value, at)
	if err != nil {
		return fmt.Errorf("sealing: %w", err)
	}
	*value = sealed
	return nil
}

func (r reader) Keys() ([]store.Key, error) {
	keys, err := r.Reader.Keys()
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if err := eachSecret(&keys[i], r.open); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func eachSecret(k *store.Key, do func(*[]byte, []byte) error) error {
	if err := do(&k.Private, place("keys", k.ID, "private")); err != nil {
		return err
	}
	return do(&k.Evidence, place("keys", k.ID, "evidence"))
}

func (r reader) Secret(name string) ([]byte, error) {
	value, err := r.Reader.Secret(name)
	if err != nil {
		return nil, err
	}
	err = r.open(&value, place("secrets", name, "value"))
	return value, err
}

func (r reader) Person(lookup [32]byte) (store.Person, error) {
	return r.person(r.Reader.Person(lookup))
}

func (r reader) PersonByID(id [16]byte) (store.Person, error) {
	return r.person(r.Reader.PersonByID(id))
}

func (r reader) person(p store.Person, err error) (store.Person, error) {
	if err != nil {
		return p, err
	}
	err = r.open(&p.Key, placeOf(&p))
	return p, err
}

func placeOf(p *store.Person) []byte {
	return place("people", string(p.Lookup[:])+string(p.ID[:]), "key")
}

type writer struct {
	store.Tx
	reader reader
}

func (w writer) Keys() ([]store.Key, error)                   { return w.reader.Keys() }
func (w writer) Secret(name string) ([]byte, error)           { return w.reader.Secret(name) }
func (w writer) Person(lookup [32]byte) (store.Person, error) { return w.reader.Person(lookup) }
func (w writer) PersonByID(id [16]byte) (store.Person, error) { return w.reader.PersonByID(id) }

func (w writer) PutKey(k store.Key) error {
	if err := eachSecret(&k, w.reader.seal); err != nil {
		return err
	}
	return w.Tx.PutKey(k)
}

func (w writer) PutSecret(name string, value []byte) error {
	if err := w.reader.seal(&value, place("secrets", name, "value")); err != nil {
		return err
	}
	return w.Tx.PutSecret(name, value)
}

func (w writer) PutPerson(p store.Person) error {
	if err := w.reader.seal(&p.Key, placeOf(&p)); err != nil {
		return err
	}
	return w.Tx.PutPerson(p)
}
