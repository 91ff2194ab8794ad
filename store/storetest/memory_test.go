package storetest

import (
	"testing"

	"github.com/whittle-sts/whittle/store"
)

// inMemory opens models that are remembered by folder.
func inMemory() Open {
	kept := map[string]*memory{}
	return func(_ testing.TB, folder string) store.Store {
		m := kept[folder]
		if m == nil {
			m = newMemory()
			kept[folder] = m
		}
		m.closed = false
		return m
	}
}

func TestModel(t *testing.T) { Run(t, inMemory()) }
