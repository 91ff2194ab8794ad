package audit

import (
	"errors"
	"fmt"
	"testing"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// grownMemory is a store with a log of n entries.
func grownMemory(t *testing.T, n int) (*memory, *Log) {
	t.Helper()
	m := newMemory()
	l := open(t, m)
	for i := range n {
		record(t, l, sample(fmt.Sprint("person ", i%7)))
	}
	return m, l
}

// What is good by itself must also be what the tree holds, at its place.
func TestCheckHoldsEntriesToTheTree(t *testing.T) {
	flip := func(at int) func(*memory) { return func(m *memory) { m.state.tiles[0][at] ^= 1 } }
	for name, test := range map[string]struct {
		tamper func(*memory)
		index  uint64
	}{
		"an entry replaced by another good one": {func(m *memory) { m.state.entries[100] = m.state.entries[7] }, 100},
		"two entries that changed places":       {func(m *memory) { e := m.state.entries; e[100], e[200] = e[200], e[100] }, 100},
		"an entry removed":                      {func(m *memory) { m.state.entries = append(m.state.entries[:50:50], m.state.entries[51:]...) }, 50},
		"a bit of a tile":                       {flip(33 * 32), 33},
		"a tile cut short":                      {func(m *memory) { m.state.tiles[0] = m.state.tiles[0][:32*9] }, 9},
		"an entry of the unfinished tile":       {func(m *memory) { m.state.entries[257] = m.state.entries[7] }, 299},
		"a root that is another":                {func(m *memory) { m.state.meta.Root[3] ^= 1 }, 299},
	} {
		t.Run(name, func(t *testing.T) {
			m, l := grownMemory(t, 300)
			if err := Check(t.Context(), l.store); err != nil {
				t.Fatal(err)
			}
			test.tamper(m)
			var bad *EntryError
			if err := Check(t.Context(), l.store); !errors.As(err, &bad) || bad.Index != test.index || !errors.Is(err, ErrEntry) {
				t.Errorf("got %v, want entry %d", err, test.index)
			}
		})
	}
}

// A log that is opened again goes on with the tree that it had.
func TestTreeGoesOn(t *testing.T) {
	m := newMemory()
	for range 30 {
		l := open(t, m)
		for i := range 20 {
			record(t, l, sample(fmt.Sprint(i)))
		}
		if err := Check(t.Context(), l.store); err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	if m.state.meta.Tiles != tree.FullTiles(600) || m.state.meta.Treed != 600 {
		t.Errorf("%+v", m.state.meta)
	}
}

// Where tree and entries don't fit together, nothing goes on.
func TestTreeThatDoesntFitIsntServed(t *testing.T) {
	for name, tamper := range map[string]func(*memory){
		"an entry changed":     func(m *memory) { m.state.entries[299] = m.state.entries[7] },
		"an entry missing":     func(m *memory) { m.state.entries = m.state.entries[:299] },
		"a tile of other size": func(m *memory) { m.state.tiles[0] = m.state.tiles[0][1:] },
		"a tile too many":      func(m *memory) { m.state.meta.Tiles++ },
		"no tile":              func(m *memory) { m.state.tiles, m.state.meta.Tiles = nil, 0 },
		"another root":         func(m *memory) { m.state.meta.Root[0] ^= 1 },
		"entries without tree": func(m *memory) { m.state.meta.Treed-- },
	} {
		m, l := grownMemory(t, 300)
		l.Close()
		tamper(m)
		if _, err := Open(Config{Store: m, Now: l.now, Random: l.random, Issuer: "https://whittle.example.com"}); err == nil {
			t.Errorf("%s: it is opened", name)
		}
	}
}

// A store that somebody else writes to as well isn't appended to.
func TestForeignEntryHoldsUpTheLog(t *testing.T) {
	m, l := grownMemory(t, 3)
	if _, err := m.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.AppendEntry([]byte("foreign"), noon)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Do(t.Context(), good(t, l)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if len(m.state.entries) != 4 {
		t.Errorf("%d entries", len(m.state.entries))
	}
}
