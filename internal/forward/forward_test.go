package forward

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/tree"
)

// log is a log in memory.
type log struct {
	mu    sync.Mutex
	items []audit.Item
	grown chan struct{}
	asked int // the most that was asked for at a time
}

func newLog(n int) *log {
	l := &log{grown: make(chan struct{})}
	l.grow(n)
	return l
}

func (l *log) grow(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		i := uint64(len(l.items))
		entry := fmt.Appendf(nil, `{"client":"agent","decision":"%d"}`, i)
		l.items = append(l.items, audit.Item{Index: i, Bytes: entry, Leaf: tree.LeafHash(entry)})
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *log) Size() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.items))
}

// TimeOf is a minute after noon for each entry.
func (l *log) TimeOf(_ context.Context, index uint64) (time.Time, error) {
	return noon.Add(time.Duration(index) * time.Minute), nil
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func (l *log) Grown(index uint64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if index < uint64(len(l.items)) {
		now := make(chan struct{})
		close(now)
		return now
	}
	return l.grown
}

func (l *log) List(_ context.Context, from uint64, limit int) ([]audit.Item, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = max(l.asked, limit)
	from = min(from, uint64(len(l.items)))
	return slices.Clone(l.items[from:min(from+uint64(limit), uint64(len(l.items)))]), nil
}

// receiver takes what it is sent, as long as may says so.
type receiver struct {
	mu  sync.Mutex
	may func(try int) error
	try int
	got []uint64
}

func (r *receiver) Send(_ context.Context, entries []audit.Item) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.try++
	if r.may != nil {
		if err := r.may(r.try); err != nil {
			return err
		}
	}
	for _, e := range entries {
		r.got = append(r.got, e.Index)
	}
	return nil
}

// waits is a clock that only remembers.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) wait(ctx context.Context, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d != gather {
		w.all = append(w.all, d)
	}
}

// until runs a forwarder until all of the log is confirmed.
func until(t *testing.T, c Config, size uint64) *Forwarder {
	t.Helper()
	f, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { f.Run(ctx, func(error) {}) })
	defer group.Wait()
	defer stop()
	for end := time.Now().Add(time.Minute); f.Next() != size; {
		if time.Now().After(end) {
			t.Fatalf("at %d of %d", f.Next(), size)
		}
		time.Sleep(time.Millisecond)
	}
	return f
}

func upTo(n uint64) (out []uint64) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

// A receiver that is down for long gets all of it in the end, once each and in order; until then it is asked ever less
// often, and no more is held than one hand-over.
func TestDownAndBack(t *testing.T) {
	l, w := newLog(1000), new(waits)
	r := &receiver{may: func(try int) error {
		if try > 3 && try <= 30 {
			return errors.New("down")
		}
		return nil
	}}
	f := until(t, Config{Log: l, To: r, Cursor: filepath.Join(t.TempDir(), "forward", "cursor"), Random: rand.Reader, Wait: w.wait}, 1000)
	if !slices.Equal(r.got, upTo(1000)) {
		t.Errorf("got %d: %v", len(r.got), r.got)
	}
	if f.Failures() != 27 || l.asked > maxEntries {
		t.Errorf("%d failures, %d at a time", f.Failures(), l.asked)
	}
	for i, d := range w.all {
		if most := min(firstWait<<min(i, 20), longest); d > most || d < most/2 {
			t.Errorf("wait %d is %v", i, d)
		}
	}
	if len(w.all) != 27 || slices.Max(w.all) < longest/2 {
		t.Errorf("waits: %v", w.all)
	}
}

// A receiver that is down for a day, over which the log grows and the server starts anew now and then, gets all of it once
// and in order. It is asked some hundred times meanwhile, not some ten thousand.
func TestAReceiverThatIsDownForADay(t *testing.T) {
	l, r := newLog(10), &receiver{}
	cursor := filepath.Join(t.TempDir(), "cursor")
	until(t, Config{Log: l, To: r, Cursor: cursor, Random: rand.Reader, Wait: new(waits).wait}, 10)
	r.may = func(int) error { return errors.New("down") }
	var down time.Duration // on the clock of those who wait
	for down < 24*time.Hour {
		l.grow(1)
		f, err := New(t.Context(), Config{Log: l, To: r, Cursor: cursor, Random: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		ctx, restart := context.WithCancel(context.Background())
		started := down
		f.config.Wait = func(_ context.Context, d time.Duration) {
			l.grow(5)
			if down += d; down-started > 6*time.Hour {
				restart()
			}
		}
		f.Run(ctx, func(error) {})
	}
	if r.try < 200 || r.try > 1000 {
		t.Errorf("in a day it was asked %d times", r.try)
	}
	r.may = nil
	until(t, Config{Log: l, To: r, Cursor: cursor, Random: rand.Reader, Wait: new(waits).wait}, l.Size())
	if !slices.Equal(r.got, upTo(l.Size())) {
		t.Errorf("it got %d of %d entries", len(r.got), l.Size())
	}
}

func TestAReceiverMayAskForTime(t *testing.T) {
	w := new(waits)
	r := &receiver{may: func(try int) error {
		switch try {
		case 1:
			return &Later{After: 20 * time.Minute, Err: errors.New("busy")}
		case 2:
			return &Later{After: 1000 * time.Hour, Err: errors.New("busy")}
		}
		return nil
	}}
	until(t, Config{Log: newLog(3), To: r, Cursor: filepath.Join(t.TempDir(), "c"), Random: rand.Reader, Wait: w.wait}, 3)
	if len(w.all) != 2 || w.all[0] < 10*time.Minute || w.all[0] > 20*time.Minute || w.all[1] > time.Hour {
		t.Errorf("%v", w.all)
	}
}

// What wasn't confirmed when the process ended comes again, and what was doesn't.
func TestItGoesOnWhereItWasConfirmed(t *testing.T) {
	l, cursorFile := newLog(300), filepath.Join(t.TempDir(), "cursor")
	first := new(receiver)
	until(t, Config{Log: l, To: first, Cursor: cursorFile, Random: rand.Reader}, 300)
	before, err := os.ReadFile(cursorFile)
	if err != nil {
		t.Fatal(err)
	}
	l.grow(50)
	second := new(receiver)
	until(t, Config{Log: l, To: second, Cursor: cursorFile, Random: rand.Reader}, 350)
	if !slices.Equal(second.got, upTo(350)[300:]) {
		t.Errorf("%v", second.got)
	}
	// Killed between the confirmation and the cursor.
	if err := os.WriteFile(cursorFile, before, 0o600); err != nil {
		t.Fatal(err)
	}
	third := new(receiver)
	until(t, Config{Log: l, To: third, Cursor: cursorFile, Random: rand.Reader}, 350)
	if !slices.Equal(third.got, upTo(350)[300:]) {
		t.Errorf("%v", third.got)
	}
}

// A log that went another way, a shorter one and a damaged cursor all begin anew: rather twice than never.
func TestAnotherLogBeginsAnew(t *testing.T) {
	for name, change := range map[string]func(l *log, file string){
		"another": func(l *log, _ string) {
			l.items[99].Bytes = []byte(`{"client":"other"}`)
			l.items[99].Leaf = tree.LeafHash(l.items[99].Bytes)
		},
		"a shorter one":    func(l *log, _ string) { l.items = l.items[:60] },
		"a damaged cursor": func(_ *log, file string) { _ = os.WriteFile(file, []byte(`{"next":1`), 0o600) },
	} {
		l, cursorFile := newLog(100), filepath.Join(t.TempDir(), "cursor")
		until(t, Config{Log: l, To: new(receiver), Cursor: cursorFile, Random: rand.Reader}, 100)
		change(l, cursorFile)
		r := new(receiver)
		f, err := New(t.Context(), Config{Log: l, To: r, Cursor: cursorFile, Random: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		var group sync.WaitGroup
		group.Go(func() { f.Run(ctx, func(error) {}) })
		for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			r.mu.Lock()
			got := len(r.got)
			r.mu.Unlock()
			if uint64(got) == l.Size() {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %d came", name, got)
			}
		}
		stop()
		group.Wait()
		if !slices.Equal(r.got, upTo(l.Size())) {
			t.Errorf("%s: %v", name, r.got)
		}
	}
}

// The lag is of what wasn't confirmed, before anything is sent and after a restart; of another log than the cursor's, it is
// that of its first entry.
func TestTheLagOutlivesARestart(t *testing.T) {
	l, cursorFile := newLog(10), filepath.Join(t.TempDir(), "c")
	c := Config{Log: l, To: &receiver{}, Cursor: cursorFile, Random: rand.Reader}
	since := func(want time.Time) {
		t.Helper()
		f, err := New(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Since(t.Context()); err != nil || !got.Equal(want) {
			t.Errorf("it lags since %v, %v; not %v", got, err, want)
		}
	}
	since(noon)
	until(t, c, 10)
	since(time.Time{})
	l.grow(5)
	since(noon.Add(10 * time.Minute))
	l.items[9].Leaf = tree.Hash{}
	since(noon)
}

// One hand-over holds no more than so many bytes, but always an entry.
func TestAHandOverIsBounded(t *testing.T) {
	l := newLog(0)
	for i := range uint64(40) {
		entry := bytes.Repeat([]byte("x"), 65_000)
		l.items = append(l.items, audit.Item{Index: i, Bytes: entry})
	}
	f := &Forwarder{config: Config{Log: l}}
	got, err := f.batch(context.Background(), 0)
	if err != nil || len(got) != maxBytes/65_000 {
		t.Errorf("%d entries, %v", len(got), err)
	}
	l.items[0].Bytes = make([]byte, 2*maxBytes)
	if got, err = f.batch(context.Background(), 0); err != nil || len(got) != 1 {
		t.Errorf("%d entries, %v", len(got), err)
	}
}
