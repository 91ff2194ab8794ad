package bolt

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store"
)

// late is a context that has ended by the time its turn has come, whatever select chose.
type late struct {
	context.Context
	asked int
}

func (l *late) Done() <-chan struct{} { return nil }

func (l *late) Err() error {
	if l.asked++; l.asked > 1 {
		return context.Canceled
	}
	return nil
}

func TestContextIsAskedAgainWhenItsTurnHasCome(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	ran := false
	_, err := s.Update(&late{Context: context.Background()}, func(store.Tx) error { ran = true; return nil })
	if ran || !errors.Is(err, context.Canceled) {
		t.Errorf("ran %t, %v", ran, err)
	}
}

// A scan that a damaged page ends too early must not look like the end of the log.
func TestEntriesThatEndTooEarlyAreDamage(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	for range 4 {
		if err := update(s, func(tx store.Tx) error {
			_, err := tx.AppendEntry([]byte("an entry"), time.Unix(1, 0))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	err := s.file.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(tableEntry.name)).Delete(number(3)) })
	if err != nil {
		t.Fatal(err)
	}
	s.durable.Add(1)
	n := 0
	err = s.View(context.Background(), func(r store.Reader) error {
		return r.Entries(0, func(uint64, []byte) bool { n++; return true })
	})
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("%d entries of 4, and %v", n, err)
	}
}
