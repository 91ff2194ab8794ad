package verify

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

// copied is what an attacker has in hands: all that is in a store, to be changed at will.
type copied struct {
	store.Store
	store.Reader
	meta        store.Meta
	entries     [][]byte
	tiles       [][]byte
	checkpoints map[bool]store.Checkpoint
}

func (c *copied) View(_ context.Context, fn func(store.Reader) error) error { return fn(c) }

func (c *copied) Meta() (store.Meta, error) { return c.meta, nil }

func (c *copied) Tile(index uint64) ([]byte, error) {
	if index >= uint64(len(c.tiles)) {
		return nil, store.ErrNotFound
	}
	return c.tiles[index], nil
}

func (c *copied) Entries(from uint64, fn func(uint64, []byte) bool) error {
	for i := from; i < uint64(len(c.entries)) && fn(i, c.entries[i]); i++ {
	}
	return nil
}

func (c *copied) Checkpoint(witnessed bool) (store.Checkpoint, error) {
	s, ok := c.checkpoints[witnessed]
	if !ok {
		return s, store.ErrNotFound
	}
	return s, nil
}

// again makes tiles and root anew from the entries, as a careful forger does.
func (c *copied) again() {
	c.meta.Size, c.meta.Treed = uint64(len(c.entries)), uint64(len(c.entries))
	c.tiles = nil
	var t tree.Tree
	for _, e := range c.entries {
		c.tiles = append(c.tiles, t.Append(tree.LeafHash(e))...)
	}
	c.meta.Tiles, c.meta.Root = uint64(len(c.tiles)), t.Root()
}

// edge is what the newest checkpoint says of the leaves after the last full tile.
func (c *copied) edge(hashes []byte) {
	newest := c.checkpoints[false]
	newest.Edge = hashes
	c.checkpoints[false] = newest
}

// witnessed is an older checkpoint beside the newest.
func (c *copied) witnessed(l *world, size int) {
	var t tree.Tree
	for _, e := range c.entries[:size] {
		t.Append(tree.LeafHash(e))
	}
	note, err := l.key.Sign(t.Size(), t.Root())
	if err != nil {
		panic(err)
	}
	c.checkpoints[true] = store.Checkpoint{Witnessed: true, Size: t.Size(), Root: t.Root(), Note: note}
}

// signAgain signs what is there, as a forger does who has the log's key too.
func (c *copied) signAgain(l *world) {
	note, err := l.key.Sign(c.meta.Size, c.meta.Root)
	if err != nil {
		panic(err)
	}
	c.checkpoints = map[bool]store.Checkpoint{false: {Size: c.meta.Size, Root: c.meta.Root, Note: note}}
}

// world is a log of 600 entries, of which some were seen at 100, 300 and 600.
type world struct {
	log   *audit.Log
	store store.Store
	trust *checkpoint.Trust
	key   *checkpoint.Key
	seen  [][]byte
}

// seed is what the log's key is made of here, so that a test can forge.
var seed = bytes.Repeat([]byte{7}, checkpoint.SeedSize)

const entries = 600

func newWorld(t testing.TB) *world {
	t.Helper()
	s, err := bolt.Open(bolt.Config{Path: filepath.Join(t.TempDir(), "whittle.db")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Update(t.Context(), func(tx store.Tx) error { return tx.PutSecret("audit.key", seed) })
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(audit.Config{Store: s, Now: time.Now, Random: rand.Reader, Issuer: "https://sts.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); s.Close() })
	w := &world{log: l, store: s}
	if w.trust, err = checkpoint.NewTrust(l.Verifier(), nil, 0); err != nil {
		t.Fatal(err)
	}
	if w.key, err = checkpoint.NewKey(l.Origin(), seed); err != nil || w.key.Verifier() != l.Verifier() {
		t.Fatal("the key isn't the log's", err)
	}
	for _, size := range []int{100, 300, entries} {
		w.grow(t, size)
		w.seen = append(w.seen, w.sign(t).Note)
	}
	return w
}

// grow records entries up to that size.
func (w *world) grow(t testing.TB, size int) {
	t.Helper()
	var group sync.WaitGroup
	for i := int(w.log.Size()); i < size; i++ {
		group.Go(func() {
			entry, err := w.log.Prepare(audit.Event{Kind: audit.KindKey, Outcome: audit.OutcomeDone, Client: fmt.Sprint("client ", i)})
			if err == nil {
				_, err = w.log.Do(context.Background(), func(store.Tx) (audit.Entry, error) { return entry, nil })
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func (w *world) sign(t testing.TB) store.Checkpoint {
	t.Helper()
	c, err := w.log.Sign(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// copy is all that the store has.
func (w *world) copy(t testing.TB) *copied {
	t.Helper()
	c := &copied{checkpoints: map[bool]store.Checkpoint{}}
	err := w.store.View(context.Background(), func(r store.Reader) (err error) {
		if c.meta, err = r.Meta(); err != nil {
			return err
		}
		for i := range c.meta.Tiles {
			tile, err := r.Tile(i)
			if err != nil {
				return err
			}
			c.tiles = append(c.tiles, slices.Clone(tile))
		}
		if c.checkpoints[false], err = r.Checkpoint(false); err != nil {
			return err
		}
		return r.Entries(0, func(_ uint64, entry []byte) bool {
			c.entries = append(c.entries, slices.Clone(entry))
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
