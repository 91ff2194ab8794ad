package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// bearer is the token with the number at the resource server.
func bearer(n int, server string) Bearer {
	b := Bearer{Client: "research-agent", Server: server}
	b.Token[0], b.Token[1], b.Token[2], b.Token[15] = byte(n), byte(n>>8), byte(n>>16), 1
	b.Task[15] = 2
	return b
}

// rowKey is what uses are told apart by on the record.
type rowKey struct {
	server, token, scope, action string
	uncovered                    bool
	minute                       time.Time
}

// recordedUses sums up what the log says of uses.
func recordedUses(t testing.TB, m *memory) map[rowKey]uint64 {
	t.Helper()
	out := map[rowKey]uint64{}
	for _, b := range m.entries() {
		e, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if e.Uses == nil {
			continue
		}
		for _, r := range e.Uses.Rows {
			out[rowKey{e.Client, r.Token, r.Scope, r.Action, r.Uncovered, e.Uses.Minute}] += r.Count
		}
	}
	return out
}

func total(rows map[rowKey]uint64) (n uint64) {
	for _, count := range rows {
		n += count
	}
	return n
}

// Whatever is counted by whomever, whenever it is written, and whether that fails meanwhile: the counts on the record
// are the uses that were, each under its own token, scope, action and minute.
func TestPropertyTheCountsAreTheUses(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMemory()
		var failing atomic.Bool
		f := breakable(m, &failing)
		now := noon
		l, err := Open(Config{Store: f, Now: func() time.Time { return noon }, Random: zeros{}, Issuer: "https://whittle.example.com"})
		if err != nil {
			rt.Fatal(err)
		}
		defer l.Close()
		want := map[rowKey]uint64{}
		tallies := map[string]*Tally{}
		rt.Repeat(map[string]func(*rapid.T){
			"use": func(rt *rapid.T) {
				b := bearer(rapid.IntRange(0, 3).Draw(rt, "token"), rapid.SampledFrom([]string{"gateway", "models"}).Draw(rt, "server"))
				p := Purpose{
					Scope: rapid.SampledFrom([]string{"", "a.read", "a.write"}).Draw(rt, "scope"), Action: rapid.SampledFrom([]string{"", "GET"}).Draw(rt, "action"),
					Uncovered: rapid.Bool().Draw(rt, "uncovered"),
				}
				kept := fmt.Sprint(b)
				if tallies[kept] == nil || rapid.Bool().Draw(rt, "forgotten") {
					tallies[kept] = l.Tally(b)
				}
				tallies[kept].Count(now, p)
				want[rowKey{b.Server, toText(b.Token[:]), p.Scope, p.Action, p.Uncovered, now.Truncate(time.Minute)}]++
			},
			"time passes": func(rt *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 50).Draw(rt, "seconds")) * time.Second)
			},
			"the disk breaks or is mended": func(*rapid.T) { failing.Store(!failing.Load()) },
			"write":                        func(rt *rapid.T) { l.writeUses(l.uses.take(now.Unix()/60, rapid.Bool().Draw(rt, "all"))) },
			"": func(rt *rapid.T) {
				if waiting, recorded := l.WaitingUses(), total(recordedUses(t, m)); waiting+recorded != total(want) || l.LostUses() != 0 {
					rt.Fatalf("%d wait, %d are recorded: there were %d", waiting, recorded, total(want))
				}
			},
		})
		failing.Store(false)
		l.Close()
		got := recordedUses(t, m)
		for key, n := range want {
			if got[key] != n {
				rt.Fatalf("%+v: %d uses are recorded, there were %d", key, got[key], n)
			}
		}
		if len(got) != len(want) {
			rt.Fatalf("recorded: %+v\nthere were: %+v", got, want)
		}
	})
}

// breakable is a store whose commits fail while failing is set.
func breakable(m *memory, failing *atomic.Bool) *faulty {
	return &faulty{Store: m, fault: func() (error, bool) {
		if failing.Load() {
			return errDisk, false
		}
		return nil, false
	}}
}

// zeros is randomness for logs whose ids nobody looks at.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestNoUseIsLostBetweenCountingAndWriting(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	const callers, each = 8, 20_000
	shared := l.Tally(bearer(1, "gateway"))
	stop := make(chan struct{})
	var writer, counting sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				l.writeUses(l.uses.take(0, true))
			}
		}
	})
	for range callers {
		counting.Go(func() {
			for i := range each {
				shared.Count(noon, Purpose{Scope: []string{"a.read", "a.write"}[i%2]})
			}
		})
	}
	counting.Wait()
	close(stop)
	writer.Wait()
	l.Close()
	if got := total(recordedUses(t, m)); got != callers*each {
		t.Errorf("%d uses are recorded, there were %d", got, callers*each)
	}
}

func TestUsesAreRecordedWhenTheirMinuteIsOver(t *testing.T) {
	for name, tc := range map[string]struct {
		every, soonest, latest time.Duration
	}{
		"a minute":   {0, 59 * time.Second, 61 * time.Second},
		"10 seconds": {10 * time.Second, 9 * time.Second, 11 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				l, err := Open(Config{Store: m, Now: time.Now, Random: zeros{}, Issuer: "https://whittle.example.com", Uses: tc.every})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(l.Close)
				l.Tally(bearer(1, "gateway")).Count(time.Now(), Purpose{Scope: "a.read"}) // midnight
				time.Sleep(tc.soonest)
				synctest.Wait()
				if n := len(m.entries()); n != 0 || l.WaitingUses() != 1 {
					t.Errorf("%d entries after %s, %d uses wait", n, tc.soonest, l.WaitingUses())
				}
				time.Sleep(tc.latest - tc.soonest + linger)
				synctest.Wait()
				if n := len(m.entries()); n != 1 || l.WaitingUses() != 0 {
					t.Errorf("%d entries after %s, %d uses wait", n, tc.latest, l.WaitingUses())
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if n := len(m.entries()); n != 1 {
					t.Errorf("%d entries though nothing was used", n)
				}
			})
		})
	}
}

// One resource server can't fill the memory, whatever it names.
func TestPurposesBeyondTheBoundAreCountedTogether(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	tally := l.Tally(bearer(1, "gateway"))
	const flood = 10_000
	for i := range flood {
		tally.Count(noon, Purpose{Scope: fmt.Sprint("scope", i), Action: "x", Uncovered: i%2 == 0})
	}
	l.Close()
	rows := recordedUses(t, m)
	if len(rows) != maxPurposes+2 || total(rows) != flood {
		t.Errorf("%d rows of %d uses, want %d of %d", len(rows), total(rows), maxPurposes+2, flood)
	}
	minute := noon.Truncate(time.Minute)
	token := toText(tally.bearer.Token[:])
	for _, uncovered := range []bool{true, false} {
		if n := rows[rowKey{"gateway", token, "", otherActions, uncovered, minute}]; n != (flood-maxPurposes)/2 {
			t.Errorf("uncovered %v: %d uses for others", uncovered, n)
		}
	}
}

// While nothing can be written the memory is bounded, and no use is forgotten.
func TestTokensBeyondTheBoundAreCountedTogether(t *testing.T) {
	synctest.Test(t, tokensBeyondTheBound)
}

func tokensBeyondTheBound(t *testing.T) {
	m := newMemory()
	var failing atomic.Bool
	l := open(t, breakable(m, &failing))
	failing.Store(true)
	const flood = 2 * usesShards * maxRows
	for i := range flood {
		l.Tally(bearer(i, "gateway")).Count(noon, Purpose{Scope: "a.read"})
	}
	synctest.Wait() // until it has seen that it can't write
	held := 0
	for i := range l.uses.shards {
		s := &l.uses.shards[i]
		s.Lock()
		held += len(s.tallies) + len(s.others)
		s.Unlock()
	}
	if held > usesShards*(maxRows+1) {
		t.Errorf("%d rows are held", held)
	}
	if n := l.WaitingUses(); n != flood || l.LostUses() != 0 {
		t.Errorf("%d of %d uses wait, %d are lost", n, flood, l.LostUses())
	}
	failing.Store(false)
	l.Close()
	if rows := recordedUses(t, m); total(rows) != flood {
		t.Errorf("%d of %d uses are recorded", total(rows), flood)
	}
}

func TestUsesAfterTheEndAreLostAndCountedAsSuch(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	tally := l.Tally(bearer(1, "gateway"))
	tally.Count(noon, Purpose{})
	l.Close()
	tally.Count(noon, Purpose{})
	if n := l.LostUses(); n != 1 || total(recordedUses(t, m)) != 1 {
		t.Errorf("%d lost", n)
	}
}

func TestRowsOfAnySizeFitIntoEntries(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	longest := Purpose{Scope: strings.Repeat("\x01", 128), Action: strings.Repeat("\"", 64), Uncovered: true}
	for i := range 500 {
		l.Tally(bearer(i, "gateway")).Count(noon, longest)
	}
	if parts := l.uses.take(0, true); !l.writeUses(parts) || len(parts) < 2 {
		t.Errorf("%d parts", len(parts))
	}
	l.Close()
	if rows := recordedUses(t, m); len(rows) != 500 {
		t.Errorf("%d rows of 500", len(rows))
	}
	if !slices.ContainsFunc(m.entries(), func(b []byte) bool { return len(b) > usesBytes/2 }) {
		t.Error("no entry is filled")
	}
}

// Entries are found by each token, task and scope of their rows.
func TestUsesAreFound(t *testing.T) {
	l := open(t, newMemory())
	for i := range 3 {
		l.Tally(bearer(i, "gateway")).Count(noon, Purpose{Scope: fmt.Sprint("scope", i)})
	}
	if !l.writeUses(l.uses.take(0, true)) {
		t.Fatal("not written")
	}
	last := bearer(2, "")
	for name, tc := range map[string]struct {
		filter Filter
		found  int
	}{
		"token": {Filter{Token: toText(last.Token[:])}, 1}, "task": {Filter{Task: toText(last.Task[:])}, 1},
		"scope": {Filter{Scope: "scope1"}, 1}, "another scope": {Filter{Scope: "scope9"}, 0}, "server": {Filter{Client: "gateway", Kind: KindUses}, 1},
	} {
		found, err := l.Search(t.Context(), Query{Filter: tc.filter, Limit: 10})
		if err != nil || len(found.Found) != tc.found {
			t.Errorf("%s: %d found, %v", name, len(found.Found), err)
		}
	}
}

func TestACountThatNoNumberHoldsIsNoEntry(t *testing.T) {
	l := open(t, newMemory())
	_, err := l.Prepare(Event{Kind: KindUses, Outcome: OutcomeDone, Uses: &Uses{Rows: []Usage{{Count: maxNumber + 1}}}})
	if !errors.Is(err, ErrEvent) {
		t.Error(err)
	}
}

// BenchmarkCount is a use whose row is there.
func BenchmarkCount(b *testing.B) {
	l := open(b, newMemory())
	tally := l.Tally(bearer(1, "gateway"))
	p := Purpose{Scope: "ai.training.read", Action: "GET /data"}
	b.ReportAllocs()
	for b.Loop() {
		tally.Count(noon, p)
	}
}
