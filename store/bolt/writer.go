package bolt

import (
	"errors"
	"fmt"
	"time"

	"github.com/whittle-sts/whittle/store"
)

var (
	errKey     = fmt.Errorf("bolt: a name or id has to have 1 to %d bytes", maxKey)
	errVersion = errors.New("bolt: policy versions are consecutive")
	errPerson  = errors.New("bolt: another person has this id")
)

// writer is the store.Tx of one function. What it writes goes through put and remove.
type writer struct {
	reader
	batch  *batch
	wrote  bool
	broken error // of a write that may have been done in part
}

var _ store.Tx = (*writer)(nil)

// put writes one record. A key that is refused counts as no write.
func (w *writer) put(t table, key []byte, parts ...[]byte) (err error) {
	if len(key) == 0 || len(key) > maxKey {
		return errKey
	}
	b, err := w.bucket(t)
	if err != nil {
		return err
	}
	w.wrote = true
	defer func() { w.note(err) }()
	defer trap(&err)()
	return b.Put(key, frame(t, key, parts...))
}

func (w *writer) remove(t table, key []byte) (err error) {
	b, err := w.bucket(t)
	if err != nil {
		return err
	}
	w.wrote = true
	defer func() { w.note(err) }()
	defer trap(&err)()
	return b.Delete(key)
}

func (w *writer) note(err error) {
	if w.broken == nil {
		w.broken = err
	}
}

// has says whether there is a record under the key.
func (w *writer) has(t table, key []byte) (bool, error) {
	_, err := w.get(t, key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// removeIfThere counts as no write if nothing is there.
func (w *writer) removeIfThere(t table, key []byte) error {
	there, err := w.has(t, key)
	if err != nil || !there {
		return err
	}
	return w.remove(t, key)
}

// save writes one JSON record.
func (w *writer) save(t table, key []byte, record any) error {
	payload, err := encode(t, record)
	if err != nil {
		return err
	}
	return w.put(t, key, payload)
}

func (w *writer) Meta() (store.Meta, error) {
	if w.tx == nil {
		return store.Meta{}, errEnded
	}
	return w.batch.meta, nil
}

func (w *writer) Entries(from uint64, fn func(index uint64, entry []byte) bool) error {
	return w.entries(from, w.Meta, fn)
}

func (w *writer) PutPolicy(p store.Policy) error {
	if p.Version != w.batch.meta.Policy+1 {
		return fmt.Errorf("%w: %d after %d", errVersion, p.Version, w.batch.meta.Policy)
	}
	if err := w.save(tablePolicy, number(p.Version), &p); err != nil {
		return err
	}
	w.batch.meta.Policy = p.Version
	return nil
}

func (w *writer) PutKey(k store.Key) error  { return w.save(tableKey, []byte(k.ID), &k) }
func (w *writer) DeleteKey(id string) error { return w.removeIfThere(tableKey, []byte(id)) }

func (w *writer) PutSecret(name string, value []byte) error {
	return w.put(tableSecret, []byte(name), value)
}

func (w *writer) PutCredential(c store.Credential) error {
	if len(c.Client) == 0 || len(c.Client) > maxKey || c.ID == "" {
		return errKey
	}
	return w.save(tableCredential, credentialKey(c.Client, c.ID), &c)
}

func (w *writer) DeleteCredential(client, id string) error {
	return w.removeIfThere(tableCredential, credentialKey(client, id))
}

// NoteCredentialUse reads the credential within the transaction, so what was done to it meanwhile stands.
func (w *writer) NoteCredentialUse(client, id string, at time.Time) error {
	key := credentialKey(client, id)
	payload, err := w.get(tableCredential, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var c store.Credential
	if err := decode(tableCredential, key, payload, &c); err != nil {
		return err
	}
	if !at.After(c.LastUsed) {
		return nil
	}
	c.LastUsed = at
	return w.save(tableCredential, key, &c)
}

// PutPerson keeps both tables in step.
func (w *writer) PutPerson(p store.Person) error {
	other, err := w.PersonByID(p.ID)
	if err == nil && other.Lookup != p.Lookup {
		return errPerson
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	old, err := w.Person(p.Lookup)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	renamed := err == nil && old.ID != p.ID
	record := encodePerson(&p)
	if err := w.put(tablePerson, p.Lookup[:], record); err != nil {
		return err
	}
	if renamed {
		if err := w.remove(tablePersonByID, old.ID[:]); err != nil {
			return err
		}
	}
	return w.put(tablePersonByID, p.ID[:], record)
}

// DeletePerson deletes from both tables.
func (w *writer) DeletePerson(lookup [32]byte) error {
	p, err := w.Person(lookup)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := w.remove(tablePerson, lookup[:]); err != nil {
		return err
	}
	return w.remove(tablePersonByID, p.ID[:])
}

func (w *writer) AppendEntry(entry []byte, at time.Time) (uint64, error) {
	m := &w.batch.meta
	index := m.Size
	if err := w.put(tableEntry, number(index), entry); err != nil {
		return 0, err
	}
	m.Size = index + 1
	w.reached(at)
	return index, nil
}

// reached raises the newest time.
func (w *writer) reached(at time.Time) {
	if at = at.Round(0); at.After(w.batch.meta.Time) { // by the wall, since that is what is kept
		w.batch.meta.Time = at
	}
}

// DropEntry deletes before it writes, so that bbolt joins the pages that this leaves nearly empty.
func (w *writer) DropEntry(index uint64, rest []byte) error {
	there, err := w.has(tableEntry, number(index))
	if err == nil && !there {
		err = fmt.Errorf("entry %d: %w", index, store.ErrNotFound)
	}
	if err != nil {
		return err
	}
	if err := w.remove(tableEntry, number(index)); err != nil {
		return err
	}
	return w.put(tableEntry, number(index), rest)
}

func (w *writer) AppendTile(tile []byte) (uint64, error) {
	m := &w.batch.meta
	index := m.Tiles
	if err := w.put(tableTile, number(index), tile); err != nil {
		return 0, err
	}
	m.Tiles = index + 1
	return index, nil
}

func (w *writer) SetRoot(root [32]byte) error {
	if w.tx == nil {
		return errEnded
	}
	w.wrote = true
	w.batch.meta.Treed, w.batch.meta.Root = w.batch.meta.Size, root
	return nil
}

func (w *writer) PutCheckpoint(c store.Checkpoint) error {
	return w.save(tableCheckpoint, checkpointKey(c.Witnessed), &c)
}

func (w *writer) SetGeneration(g [16]byte) error {
	if w.tx == nil {
		return errEnded
	}
	w.wrote = true
	w.batch.meta.Generation = g
	return nil
}
