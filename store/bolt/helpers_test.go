package bolt

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

const name = "whittle.db"

func open(t testing.TB, folder string) *Store {
	t.Helper()
	s, err := Open(Config{Path: filepath.Join(folder, name)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// filled makes a store with one record of each kind.
func filled(t testing.TB, folder string) *Store {
	t.Helper()
	s := open(t, folder)
	if err := update(s, fill); err != nil {
		t.Fatal(err)
	}
	return s
}

func update(s *Store, fn func(store.Tx) error) error {
	outcomes, err := s.Update(context.Background(), fn)
	if err == nil {
		err = outcomes[0]
	}
	return err
}
