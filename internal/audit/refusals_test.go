package audit

import (
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// ticking starts a log whose clock is the bubble's.
func ticking(t *testing.T, m *memory) *Log {
	t.Helper()
	l, err := Open(Config{Store: m, Now: time.Now, Random: rand.Reader, Issuer: "https://whittle.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func refusal(client, reason string) Event {
	return Event{Kind: KindExchange, Outcome: OutcomeRefused, Client: client, Reason: reason}
}

// tallies sums up what the log says: entries in full, and refusals that were only counted, by client.
func tallies(t *testing.T, m *memory) (full int, counted map[string]uint64) {
	t.Helper()
	counted = map[string]uint64{}
	for _, b := range m.entries() {
		e, err := Decode(b)
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Kind == KindRefusals:
			counted[e.Client] += e.Counted.Count
		default:
			full++
		}
	}
	return full, counted
}

func TestFloodOfRefusalsGrowsTheLogByABoundedAmount(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	const flood, clients = 100_000, 10
	for i := range flood {
		l.Refuse(refusal(fmt.Sprint("client ", i%clients), "invalid_scope"))
	}
	l.Close()
	if n := len(m.state.entries); n > clients*(fullRefusals+1) {
		t.Errorf("the log grew by %d entries", n)
	}
	full, counted := tallies(t, m)
	total := uint64(full) + l.LostRefusals()
	for _, n := range counted {
		total += n
	}
	if total != flood || l.LostRefusals() != 0 {
		t.Errorf("%d in full, %v counted, %d lost: %d of %d", full, counted, l.LostRefusals(), total, flood)
	}
}

func TestClientsBeyondTheBoundAreCountedTogether(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	for i := range maxPairs + 500 {
		l.Refuse(refusal("client", fmt.Sprint("reason ", i)))
		l.Refuse(refusal("client", fmt.Sprint("reason ", i)))
	}
	if n := len(l.refusals.tally); n != maxPairs+1 {
		t.Errorf("%d pairs are kept, want %d", n, maxPairs+1)
	}
	l.Close()
	_, counted := tallies(t, m)
	if counted[otherClients] != 1000 {
		t.Errorf("%d refusals of others, want 1000", counted[otherClients])
	}
}

func TestRefusalsAreCountedWhenTheirMinuteIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := ticking(t, m)
		begin := time.Now().UTC()
		for range fullRefusals + 3 {
			l.Refuse(refusal("agent", "invalid_scope"))
		}
		time.Sleep(refusalsMinute - flushEvery)
		if full, counted := tallies(t, m); full != fullRefusals || len(counted) != 0 {
			t.Fatalf("within the minute: %d in full, %v counted", full, counted)
		}
		time.Sleep(2 * flushEvery)
		synctest.Wait()
		full, counted := tallies(t, m)
		if full != fullRefusals || counted["agent"] != 3 {
			t.Fatalf("after it: %d in full, %v counted", full, counted)
		}
		last, err := Decode(m.entries()[full])
		if err != nil || last.Reason != "invalid_scope" || !last.Counted.Since.Equal(begin.Truncate(time.Minute)) {
			t.Fatalf("%+v, %v", last, err)
		}
		l.Refuse(refusal("agent", "invalid_scope"))
		time.Sleep(linger) // the commit before it was shared
		synctest.Wait()
		if full, _ := tallies(t, m); full != fullRefusals+1 {
			t.Fatal("the next minute's first refusal isn't in full")
		}
	})
}

// A store that hangs doesn't hold up whoever is refused, nor fill the memory.
func TestRefusalsDontWaitForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, l := held(t)
		for i := range 10_000 {
			l.Refuse(refusal(fmt.Sprint("client ", i%1000), "invalid_scope"))
		}
		synctest.Wait()
		if n := len(l.refusals.waiting); n > maxWaiting {
			t.Errorf("%d wait", n)
		}
		_ = m
	})
}

func TestRefusalsThatCantBeWrittenAreCountedAsLost(t *testing.T) {
	m := newMemory()
	f := &faulty{Store: m}
	l := open(t, f)
	f.fault = func() (error, bool) { return errDisk, false }
	for range 100 {
		l.Refuse(refusal("agent", "invalid_scope"))
	}
	l.Close()
	l.Refuse(refusal("agent", "invalid_scope"))
	if n := l.LostRefusals(); n != 101 || len(m.state.entries) != 0 {
		t.Errorf("%d lost, want 101", n)
	}
}

// While there is no room refusals are only counted, and the counts wait for it.
func TestRefusalsWriteNothingWhileThereIsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var full atomic.Bool
		l, err := Open(Config{Store: m, Now: time.Now, Random: rand.Reader, Issuer: "https://whittle.example.com", Room: func() error {
			if full.Load() {
				return errDisk
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		full.Store(true)
		for range 3 {
			for range fullRefusals + 3 {
				l.Refuse(refusal("agent", "disk_full"))
			}
			time.Sleep(refusalsMinute)
			synctest.Wait()
		}
		if n := len(m.entries()); n != 0 {
			t.Fatalf("without room %d entries were written", n)
		}
		full.Store(false)
		time.Sleep(2 * flushEvery)
		synctest.Wait()
		if full, counted := tallies(t, m); full != 0 || counted["agent"] != 3*(fullRefusals+3) {
			t.Errorf("with room again: %d in full, %v counted", full, counted)
		}
	})
}
