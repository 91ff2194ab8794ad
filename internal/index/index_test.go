package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/audit"
)

// The entries that are made up are entries.
func TestMadeEntriesAreEntries(t *testing.T) {
	for _, i := range []uint64{0, 1, 19_999, 1_234_567} {
		if _, err := audit.Decode(entryOf(i)); err != nil {
			t.Fatalf("%s: %v", entryOf(i), err)
		}
	}
}

func drawTerms(t *rapid.T, size uint64) []audit.Term {
	at := rapid.Uint64Range(0, size-1).Draw(t, "like entry")
	f := factsOf(at)
	if rapid.IntRange(0, 4).Draw(t, "of two entries") == 0 { // which most likely is nothing
		f.person, f.rule = factsOf(at/2).person, factsOf(at/3).rule
	}
	all := []audit.Term{
		{Field: audit.FieldClient, Text: []byte(f.client)}, {Field: audit.FieldTask, Text: []byte(f.task)}, {Field: audit.FieldToken, Text: []byte(f.parent)},
		{Field: audit.FieldScope, Text: []byte(f.scope)}, {Field: audit.FieldResource, Text: []byte(f.resource)}, {Field: audit.FieldKind, Text: []byte(f.kind)},
		{Field: audit.FieldOutcome, Text: []byte(f.outcome)}, {Field: audit.FieldRule, Text: []byte(f.rule)},
		{Field: audit.FieldPolicy, Text: fmt.Append(nil, f.policy)}, {Field: audit.FieldPerson, Text: []byte(person(f.person))},
		{Field: audit.FieldTask, Text: []byte("no such task")},
	}
	return rapid.Permutation(all).Draw(t, "terms")[:rapid.IntRange(1, 3).Draw(t, "how many")]
}

// Whatever is asked for, the index names just what a look at each entry finds: on pages in memory, in small segments and in
// a large one.
func TestNamedIsWhatIsThere(t *testing.T) {
	const size = (2*testSegment+1)*pageWidth + 5000
	m := newMade()
	m.grow(size)
	x := built(t, m.config(t))
	if got := x.file.head.segments; len(got) != 3 || got[0].pages != testSegment || got[2].pages != 1 {
		t.Fatalf("the segments aren't those that were to be tried: %v", got)
	}
	rapid.Check(t, func(rt *rapid.T) {
		terms := drawTerms(rt, size)
		in := audit.Range{Low: rapid.Uint64Range(0, size).Draw(rt, "low")}
		in.High = min(in.Low+rapid.Uint64Range(0, 3*pageWidth).Draw(rt, "width"), size)
		backward := rapid.Bool().Draw(rt, "backward")
		got, unknown := named(rt, x, terms, in, backward, rapid.IntRange(1, 300).Draw(rt, "limit"))
		if want := scanned(terms, in, backward); !unknown.Empty() || !slices.Equal(got, want) {
			rt.Fatalf("%q in %v: %v, unknown %v; want %v", terms, in, got, unknown, want)
		}
	})
	// And over all of it, with a term that is on every page and one that is nearly nowhere.
	for _, backward := range []bool{false, true} {
		for _, terms := range [][]audit.Term{
			{{Field: audit.FieldKind, Text: []byte("exchange")}, {Field: audit.FieldTask, Text: []byte("task-7777")}},
			{{Field: audit.FieldKind, Text: []byte("policy")}, {Field: audit.FieldOutcome, Text: []byte("granted")}},
			{{Field: audit.FieldOutcome, Text: []byte("refused")}, {Field: audit.FieldClient, Text: []byte("client-3")}},
		} {
			all := audit.Range{High: size}
			if got, _ := named(t, x, terms, all, backward, 100); !slices.Equal(got, scanned(terms, all, backward)) {
				t.Errorf("%q: %d named", terms, len(got))
			}
		}
	}
}

// One look is bounded, however little it finds, and says how far it came.
func TestALookIsBounded(t *testing.T) {
	m := newMade()
	c := m.config(t)
	x := opened(t, c)
	even, odd := audit.Term{Field: audit.FieldKind, Text: []byte("even")}, audit.Term{Field: audit.FieldKind, Text: []byte("odd")}
	for range maxLooks { // each page has both, but no entry does
		p := newPage(x.page.number)
		p.terms[termOf(even)], p.terms[termOf(odd)] = []uint16{0, 2}, []uint16{1, 3}
		if err := x.file.append(p, [32]byte{}); err != nil {
			t.Fatal(err)
		}
		x.page = newPage(p.number + 1)
	}
	all := audit.Range{High: x.page.number * pageWidth}
	for _, backward := range []bool{false, true} {
		got, looked := x.Narrow(context.Background(), []audit.Term{even, odd}, all, backward, 10)
		if width := looked.High - looked.Low; len(got) > 0 || width < maxLooks/4*pageWidth || width > maxLooks/2*pageWidth+1 {
			t.Errorf("backward %t: %v, looked at %v", backward, got, looked)
		}
		if got, unknown := named(t, x, []audit.Term{even, odd}, all, backward, 10); len(got) > 0 || !unknown.Empty() {
			t.Errorf("backward %t: %v, unknown %v", backward, got, unknown)
		}
	}
}

// What a follower made entry by entry, with a stop anywhere, is what a rebuild makes at once.
func TestRebuiltIsWhatWasFollowed(t *testing.T) {
	m := newMade()
	c := m.config(t)
	whole := newMade()
	whole.grow(pageWidth*2 + 100)
	want := dump(t, built(t, whole.config(t)))
	for grown := uint64(0); grown < whole.Size(); {
		n := min(uint64(rand.New(rand.NewSource(int64(grown))).Intn(3000)), whole.Size()-grown)
		m.grow(n)
		grown += n
		x := built(t, c) // from where the file says, since what was in memory is gone with the process
		if grown == whole.Size() {
			if got := dump(t, x); !slices.Equal(got, want) {
				t.Error("another index")
			}
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// dump is all that an index knows.
func dump(t *testing.T, x *Index) (out []string) {
	t.Helper()
	for _, s := range x.file.head.segments {
		out = append(out, fmt.Sprint(s))
		in := &source{file: x.file, segment: s}
		err := x.file.view(func(tx *bbolt.Tx, _ *head) error {
			for {
				more, err := in.advance(tx)
				if err != nil || !more {
					return err
				}
				out = append(out, fmt.Sprintf("%x %x", in.record.key, in.record.block))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := x.page.records(func(r record) error {
		out = append(out, fmt.Sprintf("%d %x %x", x.page.number, r.key, r.block))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A process that ends between a page and the next, or within a merge, leaves a file that goes on.
func TestAKilledMergeIsForgotten(t *testing.T) {
	m := newMade()
	m.grow(testSegment * pageWidth)
	c := m.config(t)
	x := built(t, c)
	want := dump(t, x)
	_ = x.Close()
	if err := os.Remove(c.Path); err != nil {
		t.Fatal(err)
	}
	x = opened(t, c)
	f := follower{index: x}
	x.file.wide = testSegment + 1
	if err := x.Build(context.Background()); err != nil {
		t.Fatal(err)
	}
	x.file.wide = testSegment
	f.merge = x.file.due()
	err := x.file.update(func(tx *bbolt.Tx) error { // what a step leaves that isn't the last
		b, err := tx.CreateBucketIfNotExists(f.merge.to.name())
		if err != nil {
			return err
		}
		return b.Put([]byte{1}, []byte("half"))
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = x.Close()
	x = opened(t, c)
	if got := x.file.head.segments; len(got) != testSegment || x.Built() != 0 {
		t.Fatalf("%d segments", len(got))
	}
	if err := x.Build(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, x); !slices.Equal(got, want) || x.Built() != 0 {
		t.Errorf("another index, made anew %d times: %d lines, want %d: %s, want %s", x.Built(), len(got), len(want), got[0], want[0])
	}
}

// Whatever byte of the file is another, or however short it is, what the index names is right, or it says that it knows nothing
// and is made anew.
func TestADamagedFileIsNotBelieved(t *testing.T) {
	const size = pageWidth + 50
	m := newMade()
	m.grow(size)
	c := m.config(t)
	_ = built(t, c).Close()
	whole, err := os.ReadFile(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	searches := make([][]audit.Term, 40)
	for i := range searches {
		f := factsOf(uint64(i) * 199)
		searches[i] = []audit.Term{{Field: audit.FieldClient, Text: []byte(f.client)}, {Field: audit.FieldPerson, Text: []byte(person(f.person))}}
	}
	all := audit.Range{High: size}
	want := make([][]uint64, len(searches))
	for i, terms := range searches {
		want[i] = scanned(terms, all, false)
	}
	noticed := 0
	try := func(what string, damaged []byte) {
		if err := os.WriteFile(c.Path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := Open(context.Background(), c)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		defer x.Close()
		anew := x.Built() > 0
		for i, terms := range searches {
			got, unknown := named(t, x, terms, all, false, 1000)
			want := want[i]
			if !unknown.Empty() {
				known, _ := slices.BinarySearch(want, unknown.Low)
				want = want[:known]
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %q: %v, want %v", what, terms, got, want)
			}
		}
		anew = anew || x.doomed.Load() != nil
		if !anew {
			return
		}
		noticed++
		if err := x.Build(context.Background()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for i, terms := range searches {
			if got, unknown := named(t, x, terms, all, false, 1000); !unknown.Empty() || !slices.Equal(got, want[i]) {
				t.Fatalf("%s, made anew: %q: %v", what, terms, got)
			}
		}
	}
	r := rand.New(rand.NewSource(1))
	used := len(bytes.TrimRight(whole, "\x00"))
	for range 40 {
		at := r.Intn(used)
		damaged := slices.Clone(whole)
		damaged[at] ^= 1 << r.Intn(8)
		try(fmt.Sprintf("bit of byte %d", at), damaged)
	}
	for _, size := range []int{0, 100, 4096, 8192, used / 2, used - 4096} {
		try(fmt.Sprintf("cut to %d", size), whole[:size])
	}
	try("something else", slices.Repeat([]byte("something else\n"), 10_000))
	if noticed < 6 {
		t.Errorf("only %d of the damages were noticed: the test looks past them", noticed)
	}
}

// An index of another generation, or of a log that went another way, is of no use.
func TestAnIndexOfAnotherLogIsMadeAnew(t *testing.T) {
	m := newMade()
	m.grow(pageWidth)
	c := m.config(t)
	_ = built(t, c).Close()
	if x := opened(t, c); x.Built() != 0 || x.Next() != pageWidth {
		t.Fatalf("the same log: %d, made anew %d times", x.Next(), x.Built())
	} else {
		_ = x.Close()
	}
	for name, change := range map[string]func(){
		"another generation": func() { m.generation[0]++ },
		"a shorter log":      func() { m.tree, m.tiles = newMade().tree, nil; m.grow(10) },
		"another log":        func() { m.tiles[0] = slices.Repeat([]byte{1}, len(m.tiles[0])); m.tiles[31] = m.tiles[0] },
	} {
		restore := newMade()
		restore.grow(pageWidth)
		m.generation, m.tree, m.tiles = restore.generation, restore.tree, restore.tiles
		_ = os.Remove(c.Path)
		_ = built(t, c).Close()
		change()
		if x := opened(t, c); x.Built() != 1 || x.Next() != 0 {
			t.Errorf("%s: %d known, made anew %d times", name, x.Next(), x.Built())
		} else {
			_ = x.Close()
		}
	}
}

// The follower hears of what comes, gets over a store that can't be read, and makes anew what is found damaged.
func TestTheFollowerGoesOn(t *testing.T) {
	m := newMade()
	m.grow(pageWidth + 10)
	x := opened(t, m.config(t))
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var told sync.Map
	group.Go(func() { x.Run(ctx, m, func(err error) { told.Store(fmt.Sprint(err), true) }) })
	defer group.Wait()
	defer stop()
	reaches := func(what string, size uint64) {
		t.Helper()
		for end := time.Now().Add(time.Minute); x.Next() != size; {
			if time.Now().After(end) {
				t.Fatalf("%s: at %d of %d", what, x.Next(), size)
			}
			time.Sleep(time.Millisecond)
		}
	}
	reaches("what was there", m.Size())
	m.grow(7)
	reaches("what came", m.Size())
	m.mu.Lock()
	m.fails = errors.New("the disk hums")
	m.mu.Unlock()
	m.grow(1)
	for end := time.Now().Add(time.Minute); ; {
		if _, ok := told.Load("the disk hums"); ok {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing was told")
		}
		time.Sleep(time.Millisecond)
	}
	m.mu.Lock()
	m.fails = nil
	m.mu.Unlock()
	reaches("after a failure", m.Size())
	x.condemn(ErrDamaged)
	for end := time.Now().Add(time.Minute); x.Built() == 0; {
		if time.Now().After(end) {
			t.Fatal("not made anew")
		}
		time.Sleep(time.Millisecond)
	}
	reaches("made anew", m.Size())
}

// What stays wrong is told once, and that it is over.
func TestAFullDiskIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMade()
		m.grow(pageWidth)
		c := m.config(t)
		full := errors.New("the disk is full")
		var room atomic.Pointer[error]
		room.Store(&full)
		var tries atomic.Int32
		c.Room = func() error {
			if why := room.Load(); why != nil {
				tries.Add(1)
				return *why
			}
			return nil
		}
		x := opened(t, c)
		ctx, stop := context.WithCancel(context.Background())
		var told []error
		var group sync.WaitGroup
		group.Go(func() { x.Run(ctx, m, func(err error) { told = append(told, err) }) })
		time.Sleep(10 * retry)
		room.Store(nil)
		time.Sleep(10 * retry)
		stop()
		group.Wait()
		if !slices.Equal(told, []error{full, nil}) || tries.Load() < 9 {
			t.Errorf("told %v in %d tries", told, tries.Load())
		}
		if len(x.file.head.segments) != 1 {
			t.Error("the page was not written once there was room")
		}
	})
}

// Entries whose bodies are gone, and such as nobody can read, have no terms, and hold nothing up.
func TestWhatCantBeReadIsPassedOver(t *testing.T) {
	m := newMade()
	m.grow(pageWidth + 100)
	m.gone = pageWidth + 50
	x := built(t, m.config(t))
	terms := []audit.Term{{Field: audit.FieldKind, Text: []byte("exchange")}}
	got, unknown := named(t, x, terms, audit.Range{High: m.Size()}, false, 1000)
	if want := scanned(terms, audit.Range{Low: m.gone, High: m.Size()}, false); !unknown.Empty() || !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
