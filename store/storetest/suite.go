package storetest

import (
	"context"
	"slices"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

// Open opens the engine's store in the folder, making an empty one in an empty folder. It fails the
// test if it can't. The suite closes what it opens.
type Open func(t testing.TB, folder string) store.Store

// Restore makes the store in an empty folder of the backup in the file: a new generation. It fails the
// test if it can't.
type Restore func(t testing.TB, file, folder string, generation [16]byte)

// Skip leaves out one category.
type Skip struct{ Category, Reason string }

// Run runs the suite.
func Run(t *testing.T, open Open, restore Restore, skips ...Skip) {
	categories := []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"records", testRecords},
		{"transactions", testTransactions},
		{"snapshots", testSnapshots},
		{"durability", testDurability},
		{"contention", testContention},
		{"entries", testEntries},
		{"tree", testTree},
		{"policies", testPolicies},
		{"revocations", testRevocations},
		{"expiry", testExpiry},
		{"scrubbing", testScrubbing},
		{"backups", func(t *testing.T, open Open) { testBackups(t, open, restore) }},
		{"model", testModel},
	}
	left := slices.Clone(skips)
	for _, c := range categories {
		left = slices.DeleteFunc(left, func(s Skip) bool { return s.Category == c.name })
		t.Run(c.name, func(t *testing.T) {
			if i := slices.IndexFunc(skips, func(s Skip) bool { return s.Category == c.name }); i >= 0 {
				t.Skip(skips[i].Reason)
			}
			c.run(t, open)
		})
	}
	for _, s := range left {
		t.Errorf("there is no category %q to leave out", s.Category)
	}
}

// fresh opens an empty store for one test.
func fresh(t *testing.T, open Open) store.Store {
	t.Helper()
	s := open(t, t.TempDir())
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return s
}

// update expects all functions to succeed and the commit too.
func update(t testing.TB, s store.Store, fns ...func(store.Tx) error) {
	t.Helper()
	outcomes, err := s.Update(context.Background(), fns...)
	if err != nil {
		t.Fatal("update:", err)
	}
	if len(outcomes) != len(fns) {
		t.Fatalf("%d outcomes for %d functions", len(outcomes), len(fns))
	}
	for i, err := range outcomes {
		if err != nil {
			t.Fatalf("function %d: %v", i, err)
		}
	}
}

func view(t testing.TB, s store.Store, fn func(store.Reader) error) {
	t.Helper()
	if err := s.View(context.Background(), fn); err != nil {
		t.Fatal("view:", err)
	}
}

func meta(t testing.TB, s store.Store) (m store.Meta) {
	t.Helper()
	view(t, s, func(r store.Reader) (err error) {
		m, err = r.Meta()
		return err
	})
	return m
}
