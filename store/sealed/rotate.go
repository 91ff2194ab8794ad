package sealed

import (
	"bytes"
	"context"
	"errors"

	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/store"
)

// resealStep is how many people's records are sealed anew in one commit, so that none keeps callers waiting.
const resealStep = 256

// KEK is the ID of the key-encryption key that wraps the data keys.
func (s *Store) KEK() string { return s.ring.Load().kek }

// Resealing says whether values are left that an older data key sealed: until [Store.Reseal] has ended.
func (s *Store) Resealing() bool { return s.ring.Load().aging }

// Rotate begins a new data key, and wraps it and the ones that are left under kek. When it returns, kek opens
// the store and the key-encryption key before it no longer does; what is written from then on is sealed under
// the new data key, and [Store.Reseal] does the rest.
func (s *Store) Rotate(ctx context.Context, kek seal.KEK) error {
	s.change.Lock()
	defer s.change.Unlock()
	next, err := s.ring.Load().with(s.random)
	if err != nil {
		return err
	}
	next.kek = kek.ID()
	if err := write(ctx, s.Store, next, kek); err != nil {
		return err // the store may hold the new ring all the same: whoever asks again writes another
	}
	s.ring.Store(next)
	return nil
}

// Reseal seals anew, while the store is in use, what older data keys sealed, and then drops these: a
// key-encryption key that was given up opens no copy of the database that is made later. kek has to be the one that
// [Store.KEK] names. An interrupted run is simply begun again.
func (s *Store) Reseal(ctx context.Context, kek seal.KEK) error {
	if !s.Resealing() {
		return nil
	}
	sealed := s.ring.Load().current
	if err := s.update(ctx, resealFew); err != nil {
		return err
	}
	for after, done := [32]byte{}, false; !done; {
		err := s.update(ctx, func(tx store.Tx, r *ring) (err error) {
			after, done, err = resealPeople(tx, r, after)
			return err
		})
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
	s.change.Lock()
	defer s.change.Unlock()
	if s.ring.Load().current != sealed {
		return nil // rotated again meanwhile: the next run drops them
	}
	settled := s.ring.Load().settled()
	if err := write(ctx, s.Store, settled, kek); err != nil {
		return err
	}
	s.ring.Store(settled)
	return nil
}

func (s *Store) update(ctx context.Context, fn func(store.Tx, *ring) error) error {
	outcomes, err := s.Store.Update(ctx, func(tx store.Tx) error { return fn(tx, s.ring.Load()) })
	return errors.Join(append(outcomes, err)...)
}

// resealFew seals anew what there are few of: the signing keys and the server's own secrets.
func resealFew(tx store.Tx, r *ring) error {
	w := writer{Tx: tx, reader: reader{tx, box{r}}}
	keys, err := w.Keys()
	if err != nil {
		return err
	}
	names, err := w.SecretNames()
	if err != nil {
		return err
	}
	values := make([][]byte, len(names))
	for i, name := range names { // all reads come before the first write
		if values[i], err = w.Secret(name); err != nil {
			return err
		}
	}
	for _, k := range keys {
		if err := w.PutKey(k); err != nil {
			return err
		}
	}
	for i, name := range names {
		if err := w.PutSecret(name, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// resealPeople does the same for the next people, and says how far it came.
func resealPeople(tx store.Tx, r *ring, after [32]byte) (last [32]byte, done bool, err error) {
	var aged []store.Person
	seen := 0
	err = tx.People(after, func(p store.Person) bool {
		p.Key = bytes.Clone(p.Key)
		if r.aged(p.Key) {
			aged = append(aged, p)
		}
		last = p.Lookup
		seen++
		return seen < resealStep
	})
	if err != nil {
		return last, false, err
	}
	box := box{r}
	for i := range aged {
		p := &aged[i]
		if err := errors.Join(box.open(&p.Key, person(p)), box.seal(&p.Key, person(p))); err != nil {
			return last, false, err
		}
	}
	for _, p := range aged {
		if err := tx.PutPerson(p); err != nil {
			return last, false, err
		}
	}
	return last, seen < resealStep, nil
}
