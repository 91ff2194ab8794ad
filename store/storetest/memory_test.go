package storetest

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

// inMemory opens models that are remembered by folder.
func inMemory() (Open, Restore) {
	kept, copies := map[string]*memory{}, new(shelf)
	open := func(_ testing.TB, folder string) store.Store {
		m := kept[folder]
		if m == nil {
			m = newMemory()
			m.copies = copies
			kept[folder] = m
		}
		m.closed = false
		return m
	}
	restore := func(t testing.TB, file, folder string, generation [16]byte) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kept[folder] = &memory{now: copies.renewed(string(text), generation), copies: copies}
	}
	return open, restore
}

func TestModel(t *testing.T) {
	open, restore := inMemory()
	Run(t, open, restore)
}

// excluding lets views and updates wait for each other, as the contract allows.
type excluding struct {
	*memory
	turn *sync.RWMutex
}

func (e excluding) View(ctx context.Context, fn func(store.Reader) error) error {
	e.turn.RLock()
	defer e.turn.RUnlock()
	return e.memory.View(ctx, fn)
}

func (e excluding) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	e.turn.Lock()
	defer e.turn.Unlock()
	return e.memory.Update(ctx, fns...)
}

func TestViewsAndUpdatesMayExcludeEachOther(t *testing.T) {
	remembered, restore := inMemory()
	Run(t, func(t testing.TB, folder string) store.Store {
		return excluding{remembered(t, folder).(*memory), new(sync.RWMutex)}
	}, restore)
}
