package bolt_test

import (
	"path/filepath"
	"testing"

	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
	"github.com/whittle-sts/whittle/store/storetest"
)

func open(t testing.TB, folder string) store.Store {
	t.Helper()
	s, err := bolt.Open(bolt.Config{Path: filepath.Join(folder, "whittle.db")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) { storetest.Run(t, open) }
