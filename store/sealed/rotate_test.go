package sealed

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

// sealedUnder lists the data keys that any sealed value in the store was sealed under.
func sealedUnder(t *testing.T, plain store.Store) map[uint32]bool {
	t.Helper()
	under := make(map[uint32]bool)
	err := plain.View(context.Background(), func(r store.Reader) error {
		keys, err := r.Keys()
		for _, k := range keys {
			under[keyID(k.Private)], under[keyID(k.Evidence)] = true, true
		}
		names, err2 := r.SecretNames()
		for _, name := range names {
			if value, _ := r.Secret(name); name != ringName {
				under[keyID(value)] = true
			}
		}
		return errors.Join(err, err2, r.People([32]byte{}, func(p store.Person) bool {
			under[keyID(p.Key)] = true
			return true
		}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return under
}

// many writes more people than one step of resealing takes.
func many(tx store.Tx) error {
	for n := range 2*resealStep + 7 {
		p := store.Person{Key: []byte(mark)}
		binary.BigEndian.PutUint64(p.Lookup[8:], uint64(n))
		binary.BigEndian.PutUint64(p.ID[:], uint64(n)|1<<40)
		p.Lookup[0] = 3
		if err := tx.PutPerson(p); err != nil {
			return err
		}
	}
	return nil
}

func TestRotatingTheKeyEncryptionKey(t *testing.T) {
	ctx := context.Background()
	plain := inner(t, t.TempDir())
	defer plain.Close()
	s := open(t, plain, kekOf(t, 1))
	update(t, s, fill)
	update(t, s, many)
	if err := s.Rotate(ctx, kekOf(t, 2)); err != nil {
		t.Fatal(err)
	}
	if !s.Resealing() || s.KEK() != kekOf(t, 2).ID() {
		t.Errorf("resealing %t under %s", s.Resealing(), s.KEK())
	}
	expectReads(t, s) // half-way, old and new are read
	update(t, s, func(tx store.Tx) error { return tx.PutSecret("c", []byte("new")) })
	if under := sealedUnder(t, plain); !under[1] || !under[2] || len(under) != 2 {
		t.Errorf("sealed under %v", under)
	}
	if _, err := Open(ctx, plain, kekOf(t, 1), rand.Reader); !errors.Is(err, ErrKEK) {
		t.Errorf("the old key-encryption key: %v", err)
	}

	again := open(t, plain, kekOf(t, 2)) // as after a crash
	if !again.Resealing() {
		t.Error("after a restart, nobody knows that values are left")
	}
	if err := again.Reseal(ctx, kekOf(t, 2)); err != nil {
		t.Fatal(err)
	}
	if under := sealedUnder(t, plain); again.Resealing() || !under[2] || len(under) != 1 {
		t.Errorf("resealing %t, sealed under %v", again.Resealing(), under)
	}
	for _, s := range []*Store{s, again, open(t, plain, kekOf(t, 2))} { // s still has both
		expectReads(t, s)
	}
	if r, _ := read(ctx, plain); bytes.Count(r, []byte(`"id"`)) != 1 {
		t.Errorf("the old data key is still there: %s", r)
	}
}

// A value that was sealed under the old data key and written back later doesn't open any more.
func TestAnOldSealedValueDoesNotComeBack(t *testing.T) {
	ctx := context.Background()
	plain := inner(t, t.TempDir())
	defer plain.Close()
	s := open(t, plain, kekOf(t, 1))
	update(t, s, fill)
	var old []byte
	if err := plain.View(ctx, func(r store.Reader) (err error) { old, err = r.Secret("a"); return err }); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Rotate(ctx, kekOf(t, 2)), s.Reseal(ctx, kekOf(t, 2))); err != nil {
		t.Fatal(err)
	}
	update(t, plain, func(tx store.Tx) error { return tx.PutSecret("a", old) })
	expectReads(t, open(t, plain, kekOf(t, 2)), "secret")
}

func TestASecondRotationBeforeTheFirstIsThrough(t *testing.T) {
	ctx := context.Background()
	plain := inner(t, t.TempDir())
	defer plain.Close()
	s := open(t, plain, kekOf(t, 1))
	update(t, s, fill)
	if err := errors.Join(s.Rotate(ctx, kekOf(t, 2)), s.Rotate(ctx, kekOf(t, 3)), s.Reseal(ctx, kekOf(t, 3))); err != nil {
		t.Fatal(err)
	}
	if under := sealedUnder(t, plain); !under[3] || len(under) != 1 {
		t.Errorf("sealed under %v", under)
	}
	expectReads(t, open(t, plain, kekOf(t, 3)))
}

func TestTheDataKeysAreNobodysToReadOrWrite(t *testing.T) {
	plain := inner(t, t.TempDir())
	defer plain.Close()
	s := open(t, plain, kekOf(t, 1))
	outcomes, err := s.Update(context.Background(), func(tx store.Tx) error { return tx.PutSecret(ringName, nil) })
	if err != nil || outcomes[0] == nil {
		t.Errorf("written: %v, %v", outcomes, err)
	}
	err = s.View(context.Background(), func(r store.Reader) error {
		names, err := r.SecretNames()
		if len(names) > 0 {
			t.Errorf("listed: %q", names)
		}
		_, readable := r.Secret(ringName)
		if !errors.Is(readable, store.ErrNotFound) {
			t.Errorf("read: %v", readable)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
