package storetest

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// memoryTx reads and writes the model.
type memoryTx struct {
	*contents
	wrote bool
}

func found[K comparable, V any](m map[K]V, key K) (V, error) {
	v, ok := m[key]
	if !ok {
		return v, store.ErrNotFound
	}
	return v, nil
}

func (t *memoryTx) Meta() (store.Meta, error) { return t.meta, nil }

func (t *memoryTx) Policy(version uint64) (store.Policy, error) {
	if version == 0 || version > uint64(len(t.policies)) {
		return store.Policy{}, store.ErrNotFound
	}
	return t.policies[version-1], nil
}

func (t *memoryTx) Keys() ([]store.Key, error) { return slices.Collect(maps.Values(t.keys)), nil }

func (t *memoryTx) Secret(name string) ([]byte, error) { return found(t.secrets, name) }

func (t *memoryTx) SecretNames() ([]string, error) { return slices.Collect(maps.Keys(t.secrets)), nil }

func (t *memoryTx) Credentials() ([]store.Credential, error) {
	return slices.Collect(maps.Values(t.credentials)), nil
}

func (t *memoryTx) Opaque(hash [32]byte) (store.Opaque, error) { return found(t.opaque, hash) }

func (t *memoryTx) Uses(token [16]byte) (store.Uses, error) { return found(t.uses, token) }

func (t *memoryTx) UseSeen(token [16]byte, useID string) (bool, error) {
	_, ok := t.seen[use{token, useID}]
	return ok, nil
}

func (t *memoryTx) Revocations(after uint64, fn func(store.Revocation) bool) error {
	for _, seq := range slices.Sorted(maps.Keys(t.revocations)) {
		if seq > after && !fn(t.revocations[seq]) {
			break
		}
	}
	return nil
}

func (t *memoryTx) Person(lookup [32]byte) (store.Person, error) { return found(t.people, lookup) }

func (t *memoryTx) PersonByID(id [16]byte) (store.Person, error) {
	for _, p := range t.people {
		if p.ID == id {
			return p, nil
		}
	}
	return store.Person{}, store.ErrNotFound
}

func (t *memoryTx) People(after [32]byte, fn func(store.Person) bool) error {
	byLookup := func(a, b store.Person) int { return bytes.Compare(a.Lookup[:], b.Lookup[:]) }
	for _, p := range slices.SortedFunc(maps.Values(t.people), byLookup) {
		if bytes.Compare(p.Lookup[:], after[:]) > 0 && !fn(p) {
			break
		}
	}
	return nil
}

func (t *memoryTx) Entries(from uint64, fn func(uint64, []byte) bool) error {
	for i := from; i < uint64(len(t.entries)) && fn(i, t.entries[i]); i++ {
	}
	return nil
}

func (t *memoryTx) PutPolicy(p store.Policy) error {
	if p.Version != t.meta.Policy+1 {
		return errRefused
	}
	p.YAML = bytes.Clone(p.YAML)
	t.policies, t.meta.Policy, t.wrote = append(t.policies, p), p.Version, true
	return nil
}

func put[K comparable, V any](t *memoryTx, m map[K]V, key K, v V) error {
	m[key], t.wrote = v, true
	return nil
}

func remove[K comparable, V any](t *memoryTx, m map[K]V, key K) error {
	if _, ok := m[key]; ok {
		delete(m, key)
		t.wrote = true
	}
	return nil
}

func (t *memoryTx) PutKey(k store.Key) error {
	k.Private, k.Evidence = bytes.Clone(k.Private), bytes.Clone(k.Evidence)
	return put(t, t.keys, k.ID, k)
}

func (t *memoryTx) DeleteKey(id string) error { return remove(t, t.keys, id) }

func (t *memoryTx) PutSecret(name string, value []byte) error {
	return put(t, t.secrets, name, bytes.Clone(value))
}

func (t *memoryTx) PutCredential(c store.Credential) error {
	c.Verifier = bytes.Clone(c.Verifier)
	return put(t, t.credentials, [2]string{c.Client, c.ID}, c)
}

func (t *memoryTx) DeleteCredential(client, id string) error {
	return remove(t, t.credentials, [2]string{client, id})
}

func (t *memoryTx) NoteCredentialUse(client, id string, at time.Time) error {
	key := [2]string{client, id}
	c, ok := t.credentials[key]
	if !ok || !at.After(c.LastUsed) {
		return nil
	}
	c.LastUsed = at
	return put(t, t.credentials, key, c)
}

func (t *memoryTx) PutOpaque(o store.Opaque) error {
	o.Claims = bytes.Clone(o.Claims)
	return put(t, t.opaque, o.Hash, o)
}

func (t *memoryTx) PutUses(u store.Uses) error { return put(t, t.uses, u.Token, u) }

func (t *memoryTx) PutUseSeen(token [16]byte, useID string, until time.Time) error {
	return put(t, t.seen, use{token, useID}, store.Uses{Expires: until})
}

func (t *memoryTx) AppendRevocation(r store.Revocation) (uint64, error) {
	t.meta.Rev++
	r.Seq = t.meta.Rev
	return r.Seq, put(t, t.revocations, r.Seq, r)
}

func (t *memoryTx) DeleteRevocation(seq uint64) error { return remove(t, t.revocations, seq) }

func (t *memoryTx) PutPerson(p store.Person) error {
	if other, err := t.PersonByID(p.ID); err == nil && other.Lookup != p.Lookup {
		return errRefused
	}
	p.Key = bytes.Clone(p.Key)
	return put(t, t.people, p.Lookup, p)
}

func (t *memoryTx) DeletePerson(lookup [32]byte) error { return remove(t, t.people, lookup) }

func (t *memoryTx) AppendEntry(entry []byte, at time.Time) (uint64, error) {
	t.entries, t.wrote = append(t.entries, bytes.Clone(entry)), true
	t.meta.Size++
	t.reached(at)
	return t.meta.Size - 1, nil
}

// reached raises the newest time.
func (t *memoryTx) reached(at time.Time) {
	if at.After(t.meta.Time) {
		t.meta.Time = at
	}
}

func (t *memoryTx) DropEntry(index uint64, rest []byte) error {
	if index >= t.meta.Size {
		return store.ErrNotFound
	}
	t.entries[index], t.wrote = bytes.Clone(rest), true
	return nil
}

func (t *memoryTx) Tile(index uint64) ([]byte, error) {
	if index >= t.meta.Tiles {
		return nil, store.ErrNotFound
	}
	return t.tiles[index], nil
}

func (t *memoryTx) AppendTile(tile []byte) (uint64, error) {
	t.tiles, t.wrote = append(t.tiles, bytes.Clone(tile)), true
	t.meta.Tiles++
	return t.meta.Tiles - 1, nil
}

func (t *memoryTx) SetRoot(root [32]byte) error {
	t.meta.Treed, t.meta.Root, t.wrote = t.meta.Size, root, true
	return nil
}

func (t *memoryTx) Checkpoint(witnessed bool) (store.Checkpoint, error) {
	return found(t.checkpoints, witnessed)
}

func (t *memoryTx) PutCheckpoint(c store.Checkpoint) error {
	c.Note = bytes.Clone(c.Note)
	return put(t, t.checkpoints, c.Witnessed, c)
}

func (t *memoryTx) SetGeneration(g [16]byte) error {
	t.meta.Generation, t.wrote = g, true
	return nil
}

func (t *memoryTx) DropExpired(before time.Time, limit int) (n int, err error) {
	n += dropFrom(t.opaque, limit-n, before, func(o store.Opaque) time.Time { return o.Expires })
	n += dropFrom(t.uses, limit-n, before, func(u store.Uses) time.Time { return u.Expires })
	n += dropFrom(t.seen, limit-n, before, func(u store.Uses) time.Time { return u.Expires })
	n += dropFrom(t.revocations, limit-n, before, func(r store.Revocation) time.Time { return r.Expires })
	if n > 0 {
		t.wrote = true
		t.reached(before)
	}
	return n, nil
}

func dropFrom[K comparable, V any](m map[K]V, limit int, before time.Time, end func(V) time.Time) (n int) {
	for key, v := range m {
		if e := end(v); n < limit && !e.IsZero() && e.Before(before) {
			delete(m, key)
			n++
		}
	}
	return n
}
