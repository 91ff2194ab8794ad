package audit

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// memory is a store for these tests: what the log uses, kept in memory.
type memory struct {
	store.Store // what nobody here asks of it

	mu    sync.RWMutex
	state state
	// hold, if set, is received from before each Update.
	hold chan struct{}
}

type state struct {
	meta    store.Meta
	secrets map[string][]byte
	people  map[[32]byte]store.Person
	lookups map[[16]byte][32]byte // by ID; may lead to a record that came later
	entries [][]byte
	tiles   [][]byte
	signed  map[bool]store.Checkpoint
	revoked []store.Revocation
}

func newMemory() *memory {
	return &memory{state: state{secrets: map[string][]byte{}, people: map[[32]byte]store.Person{}, lookups: map[[16]byte][32]byte{}, signed: map[bool]store.Checkpoint{}}}
}

func (m *memory) View(_ context.Context, fn func(store.Reader) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return fn(&memoryTx{state: &m.state})
}

func (m *memory) Update(_ context.Context, fns ...func(store.Tx) error) ([]error, error) {
	if m.hold != nil {
		<-m.hold
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	next := m.state
	next.secrets, next.people, next.lookups = maps.Clone(next.secrets), maps.Clone(next.people), maps.Clone(next.lookups)
	next.signed = maps.Clone(next.signed)
	next.tiles = next.tiles[:len(next.tiles):len(next.tiles)]
	next.entries, next.revoked = next.entries[:len(next.entries):len(next.entries)], next.revoked[:len(next.revoked):len(next.revoked)]
	outcomes := make([]error, len(fns))
	for i, fn := range fns {
		tx := &memoryTx{state: &next}
		if outcomes[i] = fn(tx); outcomes[i] != nil && tx.wrote {
			return outcomes, errors.Join(store.ErrDirty, outcomes[i])
		}
	}
	m.state = next
	return outcomes, nil
}

func (m *memory) Close() error { return nil }

// faulty is a store whose commits fail to order.
type faulty struct {
	store.Store
	// fault decides what becomes of a commit: a nil error lets it pass. Nil: all pass.
	fault func() (err error, persisted bool)
}

func (f *faulty) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	var fails error
	if f.fault != nil {
		err, persisted := f.fault()
		if fails = err; err != nil && !persisted {
			fns = append(fns, undo)
		}
	}
	outcomes, err := f.Store.Update(ctx, fns...)
	if fails != nil && (err == nil || len(outcomes) == len(fns) && errors.Is(outcomes[len(fns)-1], errUndo)) {
		return nil, fails
	}
	return outcomes, err
}

var errUndo = errors.New("undo")

// undo fails after writing, which undoes the commit.
func undo(tx store.Tx) error { return errors.Join(errUndo, tx.PutSecret("undo", nil)) }

// entries is all that were committed.
func (m *memory) entries() [][]byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.state.entries
}

// memoryTx panics on what the log doesn't use.
type memoryTx struct {
	store.Tx
	state *state
	wrote bool
}

func (t *memoryTx) Meta() (store.Meta, error) { return t.state.meta, nil }

func (t *memoryTx) Secret(name string) ([]byte, error) {
	s, ok := t.state.secrets[name]
	if !ok {
		return nil, store.ErrNotFound
	}
	return s, nil
}

func (t *memoryTx) PutSecret(name string, value []byte) error {
	t.wrote = true
	t.state.secrets[name] = bytes.Clone(value)
	return nil
}

func (t *memoryTx) Person(lookup [32]byte) (store.Person, error) {
	p, ok := t.state.people[lookup]
	if !ok {
		return store.Person{}, store.ErrNotFound
	}
	return p, nil
}

func (t *memoryTx) PersonByID(id [16]byte) (store.Person, error) {
	return t.Person(t.state.lookups[id])
}

func (t *memoryTx) PutPerson(p store.Person) error {
	t.wrote = true
	t.state.people[p.Lookup], t.state.lookups[p.ID] = p, p.Lookup
	return nil
}

func (t *memoryTx) DeletePerson(lookup [32]byte) error {
	t.wrote = true
	if p, there := t.state.people[lookup]; there {
		delete(t.state.people, lookup)
		delete(t.state.lookups, p.ID)
	}
	return nil
}

func (t *memoryTx) Entries(from uint64, fn func(uint64, []byte) bool) error {
	for i := from; i < uint64(len(t.state.entries)); i++ {
		if !fn(i, t.state.entries[i]) {
			break
		}
	}
	return nil
}

func (t *memoryTx) Tile(index uint64) ([]byte, error) {
	if index >= uint64(len(t.state.tiles)) {
		return nil, store.ErrNotFound
	}
	return t.state.tiles[index], nil
}

func (t *memoryTx) Checkpoint(witnessed bool) (store.Checkpoint, error) {
	c, ok := t.state.signed[witnessed]
	if !ok {
		return c, store.ErrNotFound
	}
	return c, nil
}

func (t *memoryTx) PutCheckpoint(c store.Checkpoint) error {
	t.wrote = true
	t.state.signed[c.Witnessed] = c
	return nil
}

func (t *memoryTx) AppendTile(tile []byte) (uint64, error) {
	t.wrote = true
	t.state.tiles = append(t.state.tiles, bytes.Clone(tile))
	t.state.meta.Tiles++
	return t.state.meta.Tiles - 1, nil
}

func (t *memoryTx) SetRoot(root [32]byte) error {
	t.wrote = true
	t.state.meta.Treed, t.state.meta.Root = t.state.meta.Size, root
	return nil
}

func (t *memoryTx) AppendRevocation(r store.Revocation) (uint64, error) {
	t.wrote = true
	t.state.meta.Rev++
	r.Seq = t.state.meta.Rev
	t.state.revoked = append(t.state.revoked, r)
	return r.Seq, nil
}

func (t *memoryTx) AppendEntry(entry []byte, at time.Time) (uint64, error) {
	t.wrote = true
	index := t.state.meta.Size
	t.state.entries = append(t.state.entries, bytes.Clone(entry))
	t.state.meta.Size = index + 1
	if at.After(t.state.meta.Time) {
		t.state.meta.Time = at
	}
	return index, nil
}

// fill appends copies of an entry past the log, which doesn't hear of them.
func (m *memory) fill(entry []byte, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		m.state.entries = append(m.state.entries, entry)
	}
	m.state.meta.Size += uint64(n)
}

// Scrub has nothing to do: what was deleted is in no map.
func (m *memory) Scrub(context.Context) error { return nil }
