package audit

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// sharing is a store that counts its commits, each of which takes a while.
type sharing struct {
	store.Store
	sizes []int
	takes time.Duration
}

func (s *sharing) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	s.sizes = append(s.sizes, len(fns))
	time.Sleep(s.takes)
	return s.Store.Update(ctx, fns...)
}

// crowded is a log and how many shared each of its commits: first many at once, which a commit before
// theirs held up.
func crowded(t *testing.T, many int) (*Log, *sharing) {
	s := &sharing{Store: newMemory(), takes: time.Millisecond}
	l := open(t, s)
	var group sync.WaitGroup
	for range 1 + many {
		op := good(t, l)
		group.Go(func() { l.Do(t.Context(), op) })
		synctest.Wait() // the first is in its commit, the others wait for its end
	}
	group.Wait()
	s.sizes = nil
	return l, s
}

func TestThoseWhoSharedACommitAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := crowded(t, 4)
		var group sync.WaitGroup
		for i := range 4 {
			op := good(t, l)
			group.Go(func() {
				time.Sleep(time.Duration(i) * linger / 4)
				l.Do(t.Context(), op)
			})
		}
		group.Wait()
		if len(s.sizes) != 1 {
			t.Errorf("callers shortly after one another made commits of %d", s.sizes)
		}
	})
}

func TestNobodyWaitsLongForThoseWhoDontCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := crowded(t, 4)
		for i := range 2 * len(crowd{}.sizes) {
			op, began := good(t, l), time.Now()
			if _, err := l.Do(t.Context(), op); err != nil {
				t.Fatal(err)
			}
			waited := time.Since(began) - s.takes
			if waited > linger {
				t.Errorf("commit %d waited %v", i, waited)
			}
			if i > len(crowd{}.sizes) && waited > 0 {
				t.Errorf("commit %d waited %v for a crowd that left long ago", i, waited)
			}
		}
	})
}

func TestACallerOnItsOwnNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, newMemory())
		began := time.Now()
		for range 20 {
			if _, err := l.Do(t.Context(), good(t, l)); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("20 commits waited %v", waited)
		}
	})
}
