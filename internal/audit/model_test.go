package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

// Every op that was acknowledged is in the log, at its index, and what is there beside them was said
// to be uncertain: whatever fails, panics or is cancelled, whoever is erased on the way, and however the disk behaves.
func TestAcknowledgedEntriesAreTheDurableOnes(t *testing.T) {
	t.Run("memory", func(t *testing.T) { testAcknowledged(t, newMemory()) })
	t.Run("bolt", func(t *testing.T) {
		s := file(t, filepath.Join(t.TempDir(), "whittle.db"))
		defer s.Close()
		testAcknowledged(t, s)
	})
}

func testAcknowledged(t *testing.T, s store.Store) {
	f := &faulty{Store: s}
	l := open(t, f)
	defer l.Close()
	faults := rand.New(rand.NewPCG(1, 2)) // used by the sequencer alone
	f.fault = func() (error, bool) {
		return []error{errDisk, errDisk, nil, nil, nil}[faults.IntN(5)], faults.IntN(2) == 0
	}
	said := said{acknowledged: map[string]uint64{}, uncertain: map[string]bool{}}
	var callers sync.WaitGroup
	for c := range 16 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(c)))
			for n := 0; n < 100 || said.vacuous(); n++ { // faults come as the sequencer gets to commit, on a busy machine seldom
				said.call(t, l, random)
			}
		})
	}
	callers.Wait()
	f.fault = nil
	said.compare(t, l)
}

// said is what callers were told, by decision.
type said struct {
	mu           sync.Mutex
	acknowledged map[string]uint64
	uncertain    map[string]bool
}

// call tries one op that fails and one that is good, perhaps with a context that ends on the way.
func (s *said) call(t *testing.T, l *Log, random *rand.Rand) {
	entry := prepare(t, l, sample(fmt.Sprint("person ", random.IntN(20))))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if random.IntN(8) == 0 {
		go cancel()
	}
	bad := []func(store.Tx) (Entry, error){clean, dirty, panics}[random.IntN(3)]
	if _, err := l.Do(ctx, bad); err == nil {
		t.Error("a failing op was acknowledged")
	}
	op := entry.op()
	if random.IntN(10) == 0 {
		whom := Name{"corp", fmt.Sprint("person ", random.IntN(20))}
		op = func(tx store.Tx) (Entry, error) { return entry, l.Erase(tx, whom) } // even whom the entry names
	}
	index, err := l.Do(ctx, op)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.acknowledged[entry.event.Decision] = index
	case errors.Is(err, ErrUncertain):
		s.uncertain[entry.event.Decision] = true
	}
}

// vacuous says whether there is nothing yet to hold one of the two to.
func (s *said) vacuous() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acknowledged) == 0 || len(s.uncertain) == 0
}

// compare holds what was said to what is there.
func (s *said) compare(t *testing.T, l *Log) {
	if err := Check(t.Context(), l.store); err != nil {
		t.Error(err)
	}
	items, err := l.List(t.Context(), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	durable := 0
	for _, item := range items {
		e, err := Decode(item.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		index, ok := s.acknowledged[e.Decision]
		switch {
		case ok && index == item.Index:
			durable++
		case ok || !s.uncertain[e.Decision]:
			t.Errorf("entry %d, decision %s: acknowledged %v at %d", item.Index, e.Decision, ok, index)
		}
	}
	if durable != len(s.acknowledged) {
		t.Errorf("%d of %d acknowledged entries are in the log", durable, len(s.acknowledged))
	}
}
