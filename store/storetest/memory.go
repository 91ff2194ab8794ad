package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/whittle-sts/whittle/store"
)

// memory is the model: a store in maps, copied whole for each Update.
type memory struct {
	update sync.Mutex
	mu     sync.Mutex // guards what follows
	now    *contents  // never changed
	closed bool
	copies *shelf
}

// shelf is where a model's backups are; what it writes only names them.
type shelf struct {
	mu     sync.Mutex
	copies []*contents
}

type contents struct {
	meta        store.Meta
	policies    []store.Policy
	keys        map[string]store.Key
	secrets     map[string][]byte
	credentials map[[2]string]store.Credential
	opaque      map[[32]byte]store.Opaque
	uses        map[[16]byte]store.Uses
	seen        map[use]store.Uses // only Expires
	revocations map[uint64]store.Revocation
	people      map[[32]byte]store.Person
	entries     [][]byte
	tiles       [][]byte
	checkpoints map[bool]store.Checkpoint // by Witnessed
}

type use struct {
	token [16]byte
	id    string
}

func newMemory() *memory {
	return &memory{copies: new(shelf), now: &contents{
		meta: store.Meta{Schema: 1}, keys: map[string]store.Key{}, secrets: map[string][]byte{},
		credentials: map[[2]string]store.Credential{}, opaque: map[[32]byte]store.Opaque{}, uses: map[[16]byte]store.Uses{},
		seen: map[use]store.Uses{}, revocations: map[uint64]store.Revocation{}, people: map[[32]byte]store.Person{},
		checkpoints: map[bool]store.Checkpoint{},
	}}
}

func (c *contents) clone() *contents {
	return &contents{
		meta: c.meta, policies: slices.Clone(c.policies), keys: maps.Clone(c.keys), secrets: maps.Clone(c.secrets),
		credentials: maps.Clone(c.credentials), opaque: maps.Clone(c.opaque), uses: maps.Clone(c.uses), seen: maps.Clone(c.seen),
		revocations: maps.Clone(c.revocations), people: maps.Clone(c.people), entries: slices.Clone(c.entries),
		tiles: slices.Clone(c.tiles), checkpoints: maps.Clone(c.checkpoints),
	}
}

func (m *memory) current() (*contents, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, store.ErrClosed
	}
	return m.now, nil
}

func (m *memory) View(ctx context.Context, fn func(store.Reader) error) error {
	now, err := m.current()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn(&memoryTx{contents: now})
}

func (m *memory) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	m.update.Lock()
	defer m.update.Unlock()
	now, err := m.current()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	next := now.clone()
	outcomes := make([]error, len(fns))
	for i, fn := range fns {
		tx := &memoryTx{contents: next}
		if outcomes[i] = fn(tx); outcomes[i] != nil && tx.wrote {
			return outcomes, fmt.Errorf("function %d: %w", i, store.ErrDirty)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = next
	return outcomes, nil
}

func (m *memory) Backup(ctx context.Context, w io.Writer) (store.Meta, error) {
	now, err := m.current()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return store.Meta{}, err
	}
	m.copies.mu.Lock()
	m.copies.copies = append(m.copies.copies, now.clone())
	name := len(m.copies.copies)
	m.copies.mu.Unlock()
	for _, digit := range strconv.Itoa(name) {
		if _, err := fmt.Fprintf(w, "%c", digit); err != nil {
			return store.Meta{}, err
		}
	}
	return now.meta, nil
}

// renewed is the backup as a restored model holds it.
func (s *shelf) renewed(text string, generation [16]byte) *contents {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	c := s.copies[name-1].clone()
	c.meta = store.Meta{Schema: c.meta.Schema, Generation: generation, Policy: c.meta.Policy, Rev: c.meta.Rev, Time: c.meta.Time}
	clear(c.keys)
	clear(c.opaque)
	clear(c.uses)
	clear(c.seen)
	clear(c.checkpoints)
	c.entries, c.tiles = nil, nil
	return c
}

// Scrub has nothing to do: what was deleted is in no map.
func (m *memory) Scrub(ctx context.Context) error {
	_, err := m.current()
	return errors.Join(err, ctx.Err())
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
