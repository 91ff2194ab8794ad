package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// fullPages is how full a page of sequential keys gets before it is split: nothing is ever put
// between them.
const fullPages = 0.95

// writer implements [store.Tx] for one function of an Update.
type writer struct {
	reader
	wrote bool
}

func (w *writer) put(bucket, key []byte, record any) error {
	w.wrote = true
	return put(w.tx, bucket, key, record)
}

func (w *writer) delete(bucket, key []byte) error {
	w.wrote = true
	return w.tx.Bucket(bucket).Delete(key)
}

// expires notes when a record ends; a zero time never does.
func (w *writer) expires(at time.Time, letter byte, key []byte) error {
	if at.IsZero() {
		return nil
	}
	w.wrote = true
	return w.tx.Bucket(bucketExpiry).Put(expiryKey(at, letter, key), []byte{})
}

func (w *writer) PutPolicy(p store.Policy) error {
	if p.Version != w.meta.Policy+1 {
		return fmt.Errorf("policy version %d after %d", p.Version, w.meta.Policy)
	}
	if err := w.put(bucketPolicies, number(p.Version), p); err != nil {
		return err
	}
	w.meta.Policy = p.Version
	return nil
}

func (w *writer) PutKey(k store.Key) error  { return w.put(bucketKeys, []byte(k.ID), k) }
func (w *writer) DeleteKey(id string) error { return w.delete(bucketKeys, []byte(id)) }

func (w *writer) PutSecret(name string, value []byte) error {
	w.wrote = true
	return w.tx.Bucket(bucketSecrets).Put([]byte(name), value)
}

func (w *writer) PutCredential(c store.Credential) error {
	return w.put(bucketCredentials, credentialKey(c.Client, c.ID), c)
}

func (w *writer) DeleteCredential(client, id string) error {
	return w.delete(bucketCredentials, credentialKey(client, id))
}

func (w *writer) PutOpaque(o store.Opaque) error {
	if err := w.put(bucketOpaque, o.Hash[:], o); err != nil {
		return err
	}
	return w.expires(o.Expires, 'o', o.Hash[:])
}

func (w *writer) PutUses(u store.Uses) error {
	if err := w.put(bucketUses, u.Token[:], u); err != nil {
		return err
	}
	return w.expires(u.Expires, 'u', u.Token[:])
}

func (w *writer) PutUseSeen(token [16]byte, useID string, until time.Time) error {
	key := seenKey(token, useID)
	if err := w.put(bucketSeen, key, struct{}{}); err != nil {
		return err
	}
	return w.expires(until, 's', key)
}

func (w *writer) AppendRevocation(r store.Revocation) (uint64, error) {
	r.Seq = w.meta.Rev + 1
	key := number(r.Seq)
	if err := w.put(bucketRevocations, key, r); err != nil {
		return 0, err
	}
	w.meta.Rev = r.Seq
	return r.Seq, w.expires(r.Expires, 'r', key)
}

func (w *writer) DeleteRevocation(seq uint64) error { return w.delete(bucketRevocations, number(seq)) }

func (w *writer) PutPerson(p store.Person) error {
	if err := w.put(bucketPeople, p.Lookup[:], p); err != nil {
		return err
	}
	return w.tx.Bucket(bucketPersonIDs).Put(p.ID[:], p.Lookup[:])
}

func (w *writer) AppendEntry(entry []byte, leaf [32]byte, at time.Time) (uint64, error) {
	w.wrote = true
	index := w.meta.Size
	bucket := w.tx.Bucket(bucketEntries)
	bucket.FillPercent = fullPages
	if err := bucket.Put(number(index), entry); err != nil {
		return 0, fmt.Errorf("entry %d: %w", index, err)
	}
	w.meta.Size, w.meta.Head = index+1, leaf
	if at.After(w.meta.Time) {
		w.meta.Time = at
	}
	return index, nil
}

func (w *writer) SetGeneration(id [16]byte) error {
	w.wrote = true
	w.meta.Generation = id
	return nil
}

func (w *writer) DropExpired(before time.Time, limit int) (int, error) {
	ended := number(uint64(max(before.Unix(), 0)))
	c := w.tx.Bucket(bucketExpiry).Cursor()
	var keys [][]byte
	for key, _ := c.First(); key != nil && len(keys) < limit && bytes.Compare(key[:8], ended) < 0; key, _ = c.Next() {
		keys = append(keys, bytes.Clone(key))
	}
	for _, key := range keys {
		if err := w.drop(key); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

// drop deletes what an expiry key names, unless it was put anew with a later end.
func (w *writer) drop(key []byte) error {
	if err := w.delete(bucketExpiry, key); err != nil {
		return err
	}
	record := key[9:]
	bucket, known := expiring[key[8]]
	if !known {
		return fmt.Errorf("%w: an expiry of an unknown kind", store.ErrCorrupt)
	}
	if w.outlives(key[8], record, binary.BigEndian.Uint64(key)) {
		return nil
	}
	return w.delete(bucket, record)
}

func (w *writer) outlives(letter byte, record []byte, ended uint64) bool {
	var ends time.Time
	switch letter {
	case 'o':
		o, _ := get[store.Opaque](w.tx, bucketOpaque, record)
		ends = o.Expires
	case 'u':
		u, _ := get[store.Uses](w.tx, bucketUses, record)
		ends = u.Expires
	}
	return ends.Unix() > int64(ended)
}
