package sealed

import (
	"errors"
	"fmt"
	"slices"

	"github.com/whittle-sts/whittle/store"
)

// box seals and opens single values.
type box struct{ ring *ring }

// place is what a sealed value is bound to. No table or field holds a zero byte, so that no two places
// are written alike.
type place struct{ table, row, field string }

func (p place) associated() []byte {
	return []byte("whittle sealed\x00" + p.table + "\x00" + p.row + "\x00" + p.field)
}

func (b box) open(value *[]byte, at place) error {
	text, err := b.ring.open(*value, at.associated())
	if err != nil {
		return fmt.Errorf("%w: a sealed %s in %s does not open (%w); is this the right key-encryption key?", store.ErrCorrupt, at.field, at.table, err)
	}
	*value = text
	return nil
}

// seal has an error, which is nil, since key takes either of the two.
func (b box) seal(value *[]byte, at place) error {
	*value = b.ring.seal(*value, at.associated())
	return nil
}

// key does the same to both secrets of a signing key.
func key(k *store.Key, do func(*[]byte, place) error) error {
	if err := do(&k.Private, place{"keys", k.ID, "private"}); err != nil {
		return err
	}
	return do(&k.Evidence, place{"keys", k.ID, "evidence"})
}

func secret(name string) place { return place{"secrets", name, "value"} }

func person(p *store.Person) place {
	return place{"people", string(p.Lookup[:]) + string(p.ID[:]), "key"}
}

type reader struct {
	store.Reader
	box
}

func (r reader) Keys() ([]store.Key, error) {
	keys, err := r.Reader.Keys()
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if err := key(&keys[i], r.open); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// SecretNames leaves out the seal's own.
func (r reader) SecretNames() ([]string, error) {
	names, err := r.Reader.SecretNames()
	return slices.DeleteFunc(names, func(name string) bool { return name == ringName }), err
}

func (r reader) Secret(name string) ([]byte, error) {
	if name == ringName {
		return nil, fmt.Errorf("%s: %w", name, store.ErrNotFound)
	}
	value, err := r.Reader.Secret(name)
	if err != nil {
		return nil, err
	}
	if err := r.open(&value, secret(name)); err != nil {
		return nil, err
	}
	return value, nil
}

func (r reader) Person(lookup [32]byte) (store.Person, error) {
	p, err := r.Reader.Person(lookup)
	if err != nil {
		return store.Person{}, err
	}
	return r.person(p, p.Lookup == lookup)
}

func (r reader) PersonByID(id [16]byte) (store.Person, error) {
	p, err := r.Reader.PersonByID(id)
	if err != nil {
		return store.Person{}, err
	}
	return r.person(p, p.ID == id)
}

func (r reader) People(after [32]byte, fn func(store.Person) bool) error {
	var bad error
	err := r.Reader.People(after, func(p store.Person) bool {
		opened, err := r.person(p, true)
		if err != nil {
			bad = err
			return false
		}
		return fn(opened)
	})
	return errors.Join(bad, err)
}

// person opens the record, which is bound to what it says of itself: asked says whether that is also
// what was asked for.
func (r reader) person(p store.Person, asked bool) (store.Person, error) {
	if !asked {
		return store.Person{}, fmt.Errorf("%w: a person's record stands in another's place", store.ErrCorrupt)
	}
	if err := r.open(&p.Key, person(&p)); err != nil {
		return store.Person{}, err
	}
	return p, nil
}
