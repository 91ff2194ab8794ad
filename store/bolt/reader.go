package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store"
)

// reader implements [store.Reader] on one transaction.
type reader struct {
	tx *bbolt.Tx
	// meta is what a write transaction has made of the meta record; nil in a view.
	meta *store.Meta
}

func (r reader) Meta() (store.Meta, error) {
	if r.meta != nil {
		return *r.meta, nil
	}
	return readMeta(r.tx)
}

func (r reader) Policy(version uint64) (store.Policy, error) {
	return get[store.Policy](r.tx, bucketPolicies, number(version))
}

func (r reader) Keys() ([]store.Key, error) { return all[store.Key](r.tx, bucketKeys) }

func (r reader) Secret(name string) ([]byte, error) {
	value := r.tx.Bucket(bucketSecrets).Get([]byte(name))
	if value == nil {
		return nil, fmt.Errorf("secret %s: %w", name, store.ErrNotFound)
	}
	return bytes.Clone(value), nil
}

func (r reader) Credentials() ([]store.Credential, error) {
	return all[store.Credential](r.tx, bucketCredentials)
}

func (r reader) Opaque(hash [32]byte) (store.Opaque, error) {
	return get[store.Opaque](r.tx, bucketOpaque, hash[:])
}

func (r reader) Uses(token [16]byte) (store.Uses, error) {
	return get[store.Uses](r.tx, bucketUses, token[:])
}

func (r reader) UseSeen(token [16]byte, useID string) (bool, error) {
	return r.tx.Bucket(bucketSeen).Get(seenKey(token, useID)) != nil, nil
}

func (r reader) Revocations(after uint64, fn func(store.Revocation) bool) error {
	c := r.tx.Bucket(bucketRevocations).Cursor()
	for key, value := c.Seek(number(after + 1)); key != nil; key, value = c.Next() {
		var record store.Revocation
		if err := decode(value, &record); err != nil {
			return fmt.Errorf("revocation: %w", err)
		}
		if !fn(record) {
			return nil
		}
	}
	return nil
}

func (r reader) Person(lookup [32]byte) (store.Person, error) {
	return get[store.Person](r.tx, bucketPeople, lookup[:])
}

func (r reader) PersonByID(id [16]byte) (store.Person, error) {
	lookup := r.tx.Bucket(bucketPersonIDs).Get(id[:])
	if lookup == nil {
		return store.Person{}, fmt.Errorf("person: %w", store.ErrNotFound)
	}
	return get[store.Person](r.tx, bucketPeople, lookup)
}

func (r reader) Entries(from uint64, fn func(index uint64, entry []byte) bool) error {
	c := r.tx.Bucket(bucketEntries).Cursor()
	for key, value := c.Seek(number(from)); key != nil; key, value = c.Next() {
		if !fn(binary.BigEndian.Uint64(key), value) {
			return nil
		}
	}
	return nil
}
