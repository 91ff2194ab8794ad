package bolt

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

func TestReaderIsDeadAfterItsFunction(t *testing.T) {
	s := filled(t, t.TempDir())
	defer s.Close()
	var reader store.Reader
	var writer store.Tx
	_ = s.View(context.Background(), func(r store.Reader) error { reader = r; return nil })
	_ = update(s, func(tx store.Tx) error { writer = tx; return nil })
	if _, err := reader.Meta(); !errors.Is(err, errEnded) {
		t.Errorf("reader: %v", err)
	}
	if _, err := writer.Meta(); !errors.Is(err, errEnded) {
		t.Errorf("writer's meta: %v", err)
	}
	for what, write := range writes {
		if err := write(writer); err == nil {
			t.Errorf("%s still works", what)
		}
	}
}

func TestNamesThatAreNoKeysAreRefusedBeforeTheWrite(t *testing.T) {
	s := filled(t, t.TempDir())
	defer s.Close()
	long := strings.Repeat("x", maxKey+1)
	for what, write := range map[string]func(store.Tx) error{
		"key without id":        func(tx store.Tx) error { return tx.PutKey(store.Key{}) },
		"key with a long id":    func(tx store.Tx) error { return tx.PutKey(store.Key{ID: long}) },
		"secret without name":   func(tx store.Tx) error { return tx.PutSecret("", nil) },
		"credential of nobody":  func(tx store.Tx) error { return tx.PutCredential(store.Credential{ID: "c"}) },
		"credential without id": func(tx store.Tx) error { return tx.PutCredential(store.Credential{Client: "c"}) },
		"use id that is long":   func(tx store.Tx) error { return tx.PutUseSeen([16]byte{}, long, time.Now()) },
		"text that isn't UTF-8": func(tx store.Tx) error { return tx.PutKey(store.Key{ID: "k", Alg: "\xff"}) },
		"another person's id":   func(tx store.Tx) error { return tx.PutPerson(store.Person{Lookup: hash2, ID: token1}) },
		"year of six digits":    func(tx store.Tx) error { return tx.PutKey(store.Key{ID: "k", Created: time.Unix(1<<40, 0)}) },
	} {
		outcomes, err := s.Update(context.Background(), writes["put use seen"], write)
		if err != nil || outcomes[0] != nil || outcomes[1] == nil {
			t.Errorf("%s: %v, %v", what, outcomes, err)
		}
	}
}
