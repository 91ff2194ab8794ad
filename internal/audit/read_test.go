package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/tree"
)

func TestListGivesEntriesByIndex(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	for i := range 5 {
		record(t, l, sample(fmt.Sprint("person ", i)))
	}
	items, err := l.List(t.Context(), 1, 3)
	if err != nil || len(items) != 3 {
		t.Fatal(items, err)
	}
	for i, item := range items {
		if item.Index != uint64(i+1) || !bytes.Equal(item.Bytes, m.state.entries[i+1]) || item.Leaf != tree.LeafHash(item.Bytes) {
			t.Errorf("item %d: %+v", i, item)
		}
	}
	if items, err := l.List(t.Context(), 5, 3); err != nil || len(items) != 0 {
		t.Fatal(items, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.List(ctx, 0, 3); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// An entry is found though entries stand out of order, as far as they can.
func TestDecisionIsFoundWithoutAnIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, err := Open(Config{Store: newMemory(), Now: func() time.Time { return noon }, Random: rand.Reader, Issuer: "https://whittle.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		at := noon // of the newest request so far
		var decisions []string
		for range rapid.IntRange(1, 400).Draw(t, "entries") {
			at = at.Add(time.Duration(rapid.Int64Range(0, 20_000).Draw(t, "later")) * time.Millisecond)
			late := time.Duration(rapid.Int64Range(0, maxDisorder.Milliseconds()).Draw(t, "late")) * time.Millisecond
			e := Event{Kind: KindKey, Outcome: OutcomeDone, Time: at.Add(-late)}
			entry, err := l.Prepare(e)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.Do(context.Background(), entry.op()); err != nil {
				t.Fatal(err)
			}
			decisions = append(decisions, entry.event.Decision)
		}
		i := rapid.IntRange(0, len(decisions)-1).Draw(t, "which")
		index, e, err := l.Find(context.Background(), decisions[i])
		if err != nil || index != uint64(i) || e.Decision != decisions[i] {
			t.Fatalf("decision %d was found at %d: %v", i, index, err)
		}
	})
}

// The search goes as far to both sides as an entry can stand from where its time would have it.
func TestDecisionIsFoundFarFromItsTime(t *testing.T) {
	const step, steps = 50 * time.Millisecond, int(maxDisorder / (50 * time.Millisecond))
	entries := func(l *Log, from time.Time, step time.Duration, n int) {
		for i := range n {
			record(t, l, Event{Kind: KindKey, Outcome: OutcomeDone, Time: from.Add(time.Duration(i) * step)})
		}
	}
	tests := map[string]struct{ before, after func(*Log) }{
		"recorded after those that began long after it": {
			func(l *Log) { entries(l, noon.Add(step), step, steps) },
			func(l *Log) { entries(l, noon.Add(maxDisorder), step, 10) },
		},
		"recorded before those that began long before it": {
			func(l *Log) { entries(l, noon.Add(-3*maxDisorder), step, 3*steps) },
			func(l *Log) { entries(l, noon.Add(-maxDisorder), 0, steps) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := open(t, newMemory())
			entries(l, noon.Add(-time.Hour), step, 10)
			test.before(l)
			want := prepare(t, l, Event{Kind: KindKey, Outcome: OutcomeDone})
			index, err := l.Do(t.Context(), want.op())
			if err != nil {
				t.Fatal(err)
			}
			test.after(l)
			entries(l, noon.Add(time.Hour), step, 10)
			if got, _, err := l.Find(t.Context(), want.event.Decision); err != nil || got != index {
				t.Fatalf("found at %d, want %d: %v", got, index, err)
			}
		})
	}
}

func TestDecisionWithoutAnEntryIsNotFound(t *testing.T) {
	l := open(t, newMemory())
	for _, size := range []int{0, 1, 300} {
		for range size {
			record(t, l, Event{Kind: KindKey, Outcome: OutcomeDone})
		}
		for _, at := range []time.Time{noon, noon.Add(-time.Hour), noon.Add(time.Hour)} {
			id, err := NewDecision(at, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := l.Find(t.Context(), id); !errors.Is(err, ErrNotFound) {
				t.Errorf("%d entries, %v: got %v, want ErrNotFound", size, at, err)
			}
		}
	}
	if _, _, err := l.Find(t.Context(), "no decision"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestFoundDecisionHasItsPeopleOpened(t *testing.T) {
	l := open(t, newMemory())
	entry := prepare(t, l, sample("00u1ana"))
	if _, err := l.Do(t.Context(), entry.op()); err != nil {
		t.Fatal(err)
	}
	if _, e, err := l.Find(t.Context(), entry.event.Decision); err != nil || e.People[0].Subject != "00u1ana" {
		t.Fatalf("%+v, %v", e, err)
	}
}

func TestCheckNamesTheBadEntry(t *testing.T) {
	edit := func(index int, old, new string) func(*testing.T, *memory) {
		return func(t *testing.T, m *memory) {
			b := bytes.Replace(m.state.entries[index], []byte(old), []byte(new), 1)
			if bytes.Equal(b, m.state.entries[index]) {
				t.Fatalf("%q is not in the entry", old)
			}
			m.state.entries[index] = b
		}
	}
	tests := map[string]struct {
		tamper func(*testing.T, *memory)
		index  uint64
	}{
		"a space":                       {edit(1, `,"client"`, `, "client"`), 1},
		"a member that isn't known":     {edit(1, `{"asked"`, `{"admin":true,"asked"`), 1},
		"a member given twice":          {edit(1, `"client":"research-agent"`, `"client":"research-agent","client":"research-agent"`), 1},
		"members out of order":          {edit(1, `"client":"research-agent","credential":"c1"`, `"credential":"c1","client":"research-agent"`), 1},
		"a default written out":         {edit(1, `"decision"`, `"credential":"","decision"`), 1},
		"a number of another form":      {edit(1, `"policy":7`, `"policy":7.0`), 1},
		"a time of another form":        {edit(1, `"time":"2026-09-01T12:00:00.000Z"`, `"time":"2026-09-01T12:00:00Z"`), 1},
		"another format":                {edit(1, `"format":1`, `"format":2`), 1},
		"another time":                  {edit(1, `12:00:00.000Z","wire"`, `12:00:00.001Z","wire"`), 1},
		"a number too large":            {edit(1, `"rev":12`, `"rev":9007199254740993`), 1},
		"a person in another role":      {edit(1, `"role":"subject"`, `"role":"actor"`), 1},
		"a sealed part that was edited": {func(t *testing.T, m *memory) { flipSealed(t, m, 1) }, 1},
		"the newest entry edited":       {edit(2, `"policy":7`, `"policy":8`), 2},
		"the newest entry dropped":      {func(_ *testing.T, m *memory) { m.state.entries = m.state.entries[:2] }, 2},
		"all entries dropped":           {func(_ *testing.T, m *memory) { m.state.entries = nil }, 0},
		"one entry too many":            {func(_ *testing.T, m *memory) { m.state.entries = append(m.state.entries, m.state.entries[0]) }, 3},
		"garbage":                       {func(_ *testing.T, m *memory) { m.state.entries[0] = []byte{0xff} }, 0},
		"an entry too large":            {func(_ *testing.T, m *memory) { m.state.entries[0] = make([]byte, MaxEntry+1) }, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			l := open(t, m)
			for i := range 3 {
				record(t, l, sample(fmt.Sprint("person ", i)))
			}
			if err := Check(t.Context(), l.store); err != nil {
				t.Fatalf("before: %v", err)
			}
			test.tamper(t, m)
			var bad *EntryError
			if err := Check(t.Context(), l.store); !errors.As(err, &bad) || bad.Index != test.index || !errors.Is(err, ErrEntry) {
				t.Fatalf("got %v, want entry %d", err, test.index)
			}
		})
	}
}

// flipSealed changes one bit of what is sealed in an entry, which stays well-formed.
func flipSealed(t *testing.T, m *memory, index int) {
	e, err := Decode(m.state.entries[index])
	if err != nil {
		t.Fatal(err)
	}
	box, err := fromText(e.People[0].Sealed)
	if err != nil {
		t.Fatal(err)
	}
	box[len(box)/2] ^= 1
	e.People[0].Sealed = toText(box)
	if m.state.entries[index], err = encode(&e); err != nil {
		t.Fatal(err)
	}
}

func TestCheckGoesOnWhereItsStepEnds(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	for range checkStep {
		record(t, l, Event{Kind: KindKey, Outcome: OutcomeDone})
	}
	if err := Check(t.Context(), l.store); err != nil {
		t.Fatal(err)
	}
	record(t, l, Event{Kind: KindKey, Outcome: OutcomeDone})
	m.state.entries[checkStep] = nil
	var bad *EntryError
	if err := Check(t.Context(), l.store); !errors.As(err, &bad) || bad.Index != checkStep {
		t.Fatalf("got %v, want entry %d", err, checkStep)
	}
}
