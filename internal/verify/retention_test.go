package verify

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

// aged is a log of 700 entries, of which every third was granted, every third refused, and every third a change; one
// comes each minute, so that the first 512 stand under full tiles.
type aged struct {
	log   *audit.Log
	store store.Store
	path  string
	trust *checkpoint.Trust
	now   time.Time
	mu    sync.Mutex
}

const agedEntries = 700

func newAged(t *testing.T) *aged {
	t.Helper()
	w := &aged{path: filepath.Join(t.TempDir(), "whittle.db"), now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	var err error
	if w.store, err = bolt.Open(bolt.Config{Path: w.path}); err != nil {
		t.Fatal(err)
	}
	w.open(t)
	t.Cleanup(func() { w.log.Close(); w.store.Close() })
	for i := range agedEntries {
		w.pass(time.Minute)
		w.record(t, []audit.Event{
			{Kind: audit.KindExchange, Outcome: audit.OutcomeGranted, Client: "agent", People: []audit.Person{{Role: audit.RoleSubject, Personal: audit.Personal{Issuer: "corp", Subject: "ana"}}}},
			{Kind: audit.KindExchange, Outcome: audit.OutcomeRefused, Client: "agent", Detail: "a secret of yesteryear"},
			{Kind: audit.KindKey, Outcome: audit.OutcomeDone, Client: "ops"},
		}[i%3])
	}
	w.sign(t)
	return w
}

func (w *aged) open(t *testing.T) {
	t.Helper()
	var err error
	if w.log, err = audit.Open(audit.Config{Store: w.store, Now: w.time, Random: rand.Reader, Issuer: "https://sts.example.com"}); err != nil {
		t.Fatal(err)
	}
	if w.trust, err = checkpoint.NewTrust(w.log.Verifier(), nil, 0); err != nil {
		t.Fatal(err)
	}
}

func (w *aged) time() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *aged) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *aged) record(t *testing.T, e audit.Event) {
	t.Helper()
	entry, err := w.log.Prepare(e)
	if err == nil {
		_, err = w.log.Do(context.Background(), func(store.Tx) (audit.Entry, error) { return entry, nil })
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *aged) sign(t *testing.T) {
	t.Helper()
	if _, err := w.log.Sign(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// drop drops all of the class that is older.
func (w *aged) drop(t *testing.T, class audit.Class, before time.Time) (dropped int) {
	t.Helper()
	r := audit.NewRetention(w.log)
	for more := true; more; {
		n, again, err := r.Step(context.Background(), class, before)
		if err != nil {
			t.Fatal(err)
		}
		dropped, more = dropped+n, again
	}
	return dropped
}

// stretch holds the log to its newest checkpoint as a report does, which gets no rests.
func (w *aged) stretch(t *testing.T) error {
	t.Helper()
	newest, _ := w.log.Signed()
	signed, err := w.trust.Open(newest.Note)
	if err != nil {
		return err
	}
	s := must(NewStretch(0, nil))
	for _, i := range must(w.log.List(context.Background(), 0, 2000)) {
		if i.Dropped.Class != "" {
			err = errors.Join(err, s.TakeHash(i.Index, i.Leaf))
		} else if _, bad := s.Take(i.Index, i.Bytes); bad != nil {
			err = errors.Join(err, bad)
		}
	}
	return errors.Join(err, s.End(signed, nil))
}

// whole says whether everything verifies, offline and in an export.
func (w *aged) whole(t *testing.T) error {
	t.Helper()
	ctx := context.Background()
	if err := errors.Join(audit.Check(ctx, w.store), w.stretch(t)); err != nil {
		return err
	}
	each := func(index uint64, entry []byte) error {
		if audit.Gone(entry) {
			t.Errorf("entry %d has no body", index)
		}
		return nil
	}
	if _, err := Database(ctx, w.store, Against{Trust: w.trust, Each: each}); err != nil {
		return err
	}
	for _, from := range []uint64{0, 100} {
		var out bytes.Buffer
		if err := Export(ctx, w.store, from, &out); err != nil {
			return err
		}
		if _, err := ReadExport(ctx, &out, Against{Trust: w.trust, Each: each}); err != nil {
			return err
		}
	}
	return nil
}

func TestRetentionDropsWhatIsOverAndNothingElse(t *testing.T) {
	w := newAged(t)
	ctx := context.Background()
	before, err := w.log.List(ctx, 0, agedEntries)
	if err != nil {
		t.Fatal(err)
	}
	start := w.time().Add(-agedEntries * time.Minute)
	if n := w.drop(t, audit.ClassRefused, start.Add(200*time.Minute+time.Second)); n != 67 {
		t.Errorf("%d refusals of the first 200 minutes were dropped, of 67", n)
	}
	if n := w.drop(t, audit.ClassIssued, w.time().Add(time.Hour)); n != 171 {
		t.Errorf("%d grants were dropped, of the 171 under full tiles", n)
	}
	if n := w.drop(t, audit.ClassIssued, w.time().Add(time.Hour)); n != 0 {
		t.Errorf("%d were dropped twice", n)
	}
	w.sign(t)
	w.log.Close()
	w.open(t) // a start reads what it needs
	if err := w.whole(t); err != nil {
		t.Fatal(err)
	}
	after, err := w.log.List(ctx, 0, agedEntries)
	if err != nil {
		t.Fatal(err)
	}
	for i, was := range before {
		now := after[i]
		class := now.Dropped.Class
		refused, issued := i%3 == 1 && i < 200, i%3 == 0 && i < 512
		if now.Leaf != was.Leaf || (class == audit.ClassRefused) != refused || (class == audit.ClassIssued) != issued || (class == "") != bytes.Equal(now.Bytes, was.Bytes) {
			t.Errorf("entry %d of class %q: %.40q", i, class, now.Bytes)
		}
		e, err := audit.Decode(was.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		index, _, err := w.log.Find(ctx, e.Decision)
		if class == "" && (err != nil || index != uint64(i)) || class != "" && !errors.Is(err, audit.ErrDropped) {
			t.Errorf("the decision of entry %d: %d, %v", i, index, err)
		}
		leaf, proof, err := w.log.Inclusion(ctx, 0+w.log.Size(), uint64(i))
		if err != nil || leaf != tree.Hash(was.Leaf) || len(proof) == 0 {
			t.Errorf("its proof: %v", err)
		}
	}
	found, err := w.log.Search(ctx, audit.Query{Limit: 1000, Filter: audit.Filter{Client: "agent"}})
	if err != nil || len(found.Found) != 467-67-171 {
		t.Errorf("%d entries of the agent are found, %v", len(found.Found), err)
	}
	one, err := w.log.Entry(ctx, 3)
	if err != nil || one.Dropped.Class != audit.ClassIssued || !one.Dropped.Time().Equal(start.Add(4*time.Minute)) || one.Leaf != before[3].Leaf {
		t.Errorf("entry 3 is %+v, %v", one, err)
	}
	if err := w.store.Scrub(ctx); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(must(os.ReadFile(w.path)), []byte("a secret of yesteryear")); n != 233-67 {
		t.Errorf("the file holds %d refusals, of %d that are kept", n, 233-67)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// otherTile is a store whose tiles have another hash of entry 3, of whose body only that is left.
type otherTile struct {
	store.Store
	store.Reader
}

func (o otherTile) View(ctx context.Context, fn func(store.Reader) error) error {
	return o.Store.View(ctx, func(r store.Reader) error { return fn(otherTile{nil, r}) })
}

func (o otherTile) Tile(index uint64) ([]byte, error) {
	tile, err := o.Reader.Tile(index)
	if index == 0 && err == nil {
		tile[3*32] ^= 1
	}
	return tile, err
}

func TestWhatIsGoneWithoutAWordIsFound(t *testing.T) {
	w := newAged(t)
	w.drop(t, audit.ClassIssued, w.time())
	w.sign(t)
	if err := w.whole(t); err != nil {
		t.Fatal(err)
	}
	if err := audit.Check(context.Background(), otherTile{w.store, nil}); err == nil || !strings.Contains(err.Error(), "or a tile not the one of a body that was dropped") {
		t.Errorf("another hash of what was dropped: %v", err)
	}
	for name, c := range map[string]struct {
		index uint64
		rest  string
	}{
		"as if it had been dropped": {4, "\x0006h17rfe61692sh5xjvs26005gissued"},
		"a change":                  {5, "\x0006h17rfe61692sh5xjvs26005grefused"},
		"nothing":                   {4, ""},
		"after the full tiles":      {697, "\x0006h17rfe61692sh5xjvs26005gissued"},
	} {
		copy := (&world{store: w.store}).copy(t)
		copy.entries[c.index] = []byte(c.rest)
		_, err := Database(context.Background(), copy, Against{Trust: w.trust})
		finding, ok := errors.AsType[*Finding](err)
		if !ok || finding.Index > c.index || finding.Last < c.index {
			t.Errorf("%s: %v", name, err)
		}
		var out bytes.Buffer
		if err := Export(context.Background(), copy, 0, &out); err == nil {
			if _, err = ReadExport(context.Background(), &out, Against{Trust: w.trust}); err == nil {
				t.Errorf("%s: an export verifies", name)
			}
		}
	}
	if _, err := w.store.Update(context.Background(), func(tx store.Tx) error { return tx.DropEntry(4, []byte("\x0006h17rfe61692sh5xjvs26005gissued")) }); err != nil {
		t.Fatal(err)
	}
	if bad, ok := errors.AsType[*audit.EntryError](audit.Check(context.Background(), w.store)); !ok || bad.Index != 4 {
		t.Errorf("the log's own check: %v", bad)
	}
	if err := w.stretch(t); !errors.Is(err, ErrMissing) {
		t.Errorf("a report takes it for dropped: %v", err)
	}
	monitored(t, w)
}

// monitored: a monitor takes what was dropped for what it is, and nothing else. Entry 4 is gone without a word.
func monitored(t *testing.T, w *aged) {
	t.Helper()
	for missing, want := range map[bool]bool{true: false, false: true} {
		var absent audit.Absences
		for _, i := range must(w.log.List(context.Background(), 0, 2000)) {
			if i.Index == 4 && !missing {
				continue
			}
			if err := glance(&absent, i.Index, i.Bytes); err != nil {
				t.Fatal(err)
			}
		}
		if err := explained(&absent); (err == nil) != want {
			t.Errorf("with entry 4 missing %v: %v", missing, err)
		}
	}
}
