package bolt

import (
	"path/filepath"
	"testing"

	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/storetest"
)

func TestContract(t *testing.T) {
	restore := func(t testing.TB, file, folder string, generation [16]byte) {
		if _, err := Restore(file, filepath.Join(folder, name), generation); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Run(t, func(t testing.TB, folder string) store.Store { return open(t, folder) }, restore)
}
