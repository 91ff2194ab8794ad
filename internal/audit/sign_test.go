package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/anchored"
	"github.com/whittle-sts/whittle/store/bolt"
)

// opened is a checkpoint as an outsider reads it.
func opened(t *testing.T, l *Log, c store.Checkpoint) checkpoint.Signed {
	t.Helper()
	trust, err := checkpoint.NewTrust(l.Verifier(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := trust.Open(c.Note)
	if err != nil {
		t.Fatal(err)
	}
	if s.Size != c.Size || s.Root != c.Root || s.Origin != l.Origin() {
		t.Errorf("the note says %+v", s)
	}
	return s
}

func sign(t *testing.T, l *Log) store.Checkpoint {
	t.Helper()
	c, err := l.Sign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Between every two published sizes there is a proof, and every entry is in the newest.
func TestCheckpointsAreConsistent(t *testing.T) {
	l := open(t, newMemory())
	signed := []store.Checkpoint{sign(t, l)}
	if signed[0].Size != 0 || signed[0].Root != new(tree.Tree).Root() {
		t.Errorf("the empty log is signed as %+v", signed[0])
	}
	for n := range 40 {
		for range n {
			record(t, l, sample("00u1ana"))
		}
		signed = append(signed, sign(t, l))
	}
	for i, older := range signed {
		opened(t, l, older)
		for _, newer := range signed[i:] {
			proof, err := l.Consistency(t.Context(), older.Size, newer.Size)
			if err == nil && older.Size > 0 {
				err = tlog.CheckTree(proof, int64(newer.Size), newer.Root, int64(older.Size), older.Root)
			}
			if err != nil {
				t.Fatalf("from %d to %d: %v", older.Size, newer.Size, err)
			}
		}
	}
	newest := signed[len(signed)-1]
	for index := range newest.Size {
		leaf, proof, err := l.Inclusion(t.Context(), newest.Size, index)
		if err == nil {
			err = tlog.CheckRecord(proof, int64(newest.Size), newest.Root, int64(index), leaf)
		}
		if err != nil || leaf != tree.LeafHash(stored(t, l, index)) {
			t.Fatalf("entry %d: %v", index, err)
		}
	}
}

// What isn't signed yet is told to nobody.
func TestNothingBeyondTheCheckpointIsProved(t *testing.T) {
	l := open(t, newMemory())
	record(t, l, sample("00u1ana"))
	c := sign(t, l)
	record(t, l, sample("00u1ana"))
	_, _, errInclusion := l.Inclusion(t.Context(), 2, 1)
	_, errConsistency := l.Consistency(t.Context(), c.Size, 2)
	_, errTile := l.Tile(t.Context(), tree.Tile{Level: 0, N: 0, Width: 2})
	for _, err := range []error{errInclusion, errConsistency, errTile} {
		if !errors.Is(err, ErrNotCovered) {
			t.Errorf("got %v", err)
		}
	}
	if data, err := l.Tile(t.Context(), tree.Tile{Level: 0, N: 0, Width: 1}); err != nil || !bytes.Equal(data, c.Root[:]) {
		t.Errorf("what is covered: %x, %v", data, err)
	}
}

func TestStateIsSignedOnce(t *testing.T) {
	m := newMemory()
	commits := atomic.Int64{}
	f := &faulty{Store: m, fault: func() (error, bool) { commits.Add(1); return nil, false }}
	l := open(t, f)
	record(t, l, sample("00u1ana"))
	first, before := sign(t, l), commits.Load()
	if again := sign(t, l); !bytes.Equal(first.Note, again.Note) || commits.Load() != before {
		t.Error("the same state is signed and written again")
	}
	l.Close()
	l = open(t, f)
	if c, ok := l.Signed(); !ok || !bytes.Equal(c.Note, first.Note) {
		t.Error("after a restart the newest checkpoint is another")
	}
}

// No checkpoint leaves that isn't durable. One whose commit is in doubt is made again for the same state, or for a
// later one that is consistent with it.
func TestCheckpointThatIsNotDurableDoesNotLeave(t *testing.T) {
	for _, persisted := range []bool{false, true} {
		m := newMemory()
		f := &faulty{Store: m}
		l := open(t, f)
		record(t, l, sample("00u1ana"))
		before := sign(t, l)
		record(t, l, sample("00u1ana"))
		f.fault = func() (error, bool) { return errDisk, persisted }
		if _, err := l.Sign(t.Context()); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errDisk) {
			t.Errorf("got %v", err)
		}
		if c, _ := l.Signed(); !bytes.Equal(c.Note, before.Note) {
			t.Error("it left")
		}
		f.fault = nil
		if c := sign(t, l); c.Size != 2 {
			t.Errorf("the next covers %d", c.Size)
		}
		record(t, l, sample("00u1ana"))
		sign(t, l)
		if err := Check(t.Context(), l.store); err != nil {
			t.Error(err)
		}
	}
}

// A crash between an entry and its checkpoint leaves the entry to the next one.
func TestCrashBeforeTheCheckpoint(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	record(t, l, sample("00u1ana"))
	older := sign(t, l)
	record(t, l, sample("00u1ana"))
	l.Close()
	l = open(t, m)
	newer := sign(t, l)
	proof, err := l.Consistency(t.Context(), older.Size, newer.Size)
	if err == nil {
		err = tlog.CheckTree(proof, int64(newer.Size), newer.Root, int64(older.Size), older.Root)
	}
	if err != nil || newer.Size != 2 {
		t.Error(newer.Size, err)
	}
}

// place is a database on disk with its anchor apart from it.
type place string

func (p place) database() string { return filepath.Join(string(p), "whittle.db") }

func (p place) open(t *testing.T) (*anchored.Store, error) {
	t.Helper()
	db, err := bolt.Open(bolt.Config{Path: p.database()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := anchored.Open(t.Context(), anchored.Config{Store: db, Path: filepath.Join(string(p), "anchor"), Random: rand.Reader})
	if err != nil {
		db.Close()
	}
	return s, err
}

// kill copies database and anchor as they are while the store is open, which is what a crash leaves.
func (p place) kill(t *testing.T) place {
	t.Helper()
	next := place(t.TempDir())
	for _, name := range []string{"whittle.db", "anchor"} {
		content, err := os.ReadFile(filepath.Join(string(p), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(string(next), name), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return next
}

// Once a checkpoint has left, a copy of the database from before it isn't served: the anchor has what was signed.
func TestCopiedBackStateSignsNothing(t *testing.T) {
	p := place(t.TempDir())
	s, err := p.open(t)
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, s)
	record(t, l, sample("00u1ana"))
	sign(t, l)
	old, err := os.ReadFile(p.database())
	if err != nil {
		t.Fatal(err)
	}
	record(t, l, sample("00u1ana"))
	sign(t, l)
	crashed := p.kill(t)
	l.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := crashed.open(t)
	if err != nil {
		t.Fatalf("what a crash leaves isn't served: %v", err)
	}
	resumed := open(t, again)
	if c, ok := resumed.Signed(); !ok || c.Size != 2 {
		t.Errorf("after a crash the newest checkpoint is of %d", c.Size)
	}
	resumed.Close()
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(crashed.database(), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := crashed.open(t); !errors.Is(err, anchored.ErrRolledBack) {
		t.Errorf("a copy from before the checkpoint: %v", err)
	}
}

// Even without an anchor, a log that isn't what was signed isn't opened.
func TestForkedLogIsNotOpened(t *testing.T) {
	for name, tamper := range map[string]func(*memory){
		"a shorter log": func(m *memory) {
			m.state.entries = m.state.entries[:1]
			m.state.meta.Size, m.state.meta.Treed, m.state.meta.Root = 1, 1, tree.LeafHash(m.state.entries[0])
		},
		"another entry": func(m *memory) {
			m.state.entries[1] = m.state.entries[0]
			m.state.meta.Root, _ = tree.NewReader(&memoryTx{state: &m.state}, 3).Root(3)
		},
		"another note": func(m *memory) {
			c := m.state.signed[false]
			c.Note = bytes.Replace(c.Note, []byte("\n3\n"), []byte("\n2\n"), 1)
			m.state.signed[false] = c
		},
		"another key":        func(m *memory) { m.state.secrets[keyName] = make([]byte, 32) },
		"another generation": func(m *memory) { m.state.meta.Generation[0]++ },
		"half a key":         func(m *memory) { m.state.secrets[keyName] = make([]byte, 31) },
	} {
		m := newMemory()
		l := open(t, m)
		for range 3 {
			record(t, l, sample("00u1ana"))
		}
		sign(t, l)
		l.Close()
		tamper(m)
		if _, err := Open(Config{Store: m, Now: l.now, Random: l.random, Issuer: "https://whittle.example.com"}); err == nil {
			t.Errorf("%s: it is opened", name)
		}
	}
}

// Who reads that a checkpoint was tampered with reads in what.
func TestTamperedCheckpointSaysWhatIsWrong(t *testing.T) {
	for want, tamper := range map[string]func(*store.Checkpoint){
		"its note is of 2 entries, not of 1":     func(c *store.Checkpoint) { c.Size = 1 },
		"its note of 2 entries has another root": func(c *store.Checkpoint) { c.Root[0]++ },
		"invalid signature for key":              func(c *store.Checkpoint) { c.Note = bytes.Replace(c.Note, []byte("\n2\n"), []byte("\n1\n"), 1) },
	} {
		m := newMemory()
		l := open(t, m)
		record(t, l, sample("00u1ana"))
		record(t, l, sample("00u1ana"))
		c := sign(t, l)
		tamper(&c)
		kept := l.KeepWitnessed(t.Context(), c)
		l.Close()
		m.state.signed[false] = c
		_, opened := Open(Config{Store: m, Now: l.now, Random: l.random, Issuer: "https://whittle.example.com"})
		for is, err := range map[error]error{ErrForked: kept, store.ErrCorrupt: opened} {
			if !errors.Is(err, is) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "%!") {
				t.Errorf("%s: got %v", want, err)
			}
		}
	}
}

// A store that went back while the log was open signs nothing either.
func TestStoreThatWentBackSignsNothing(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	record(t, l, sample("00u1ana"))
	old := m.state
	record(t, l, sample("00u1ana"))
	c := sign(t, l)
	m.state = old
	for range 3 {
		if _, err := l.Do(t.Context(), good(t, l)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		sign(t, l) // what it had
	}
	if now, _ := l.Signed(); now.Size != c.Size || now.Root != c.Root {
		t.Errorf("signed %d after %d", now.Size, c.Size)
	}
}

func TestGenerationsDontShareAnOrigin(t *testing.T) {
	m := newMemory()
	one := open(t, m)
	one.Close()
	m.state.meta.Generation[0]++
	two := open(t, m)
	if one.Origin() == two.Origin() || one.Verifier() == two.Verifier() || !strings.HasPrefix(two.Origin(), "whittle.example.com/log/01") {
		t.Errorf("%s and %s", one.Origin(), two.Origin())
	}
}

// Who restores need not know the issuer: the log before says where it was.
func TestRestoredLogIsNamedAfterTheOneBefore(t *testing.T) {
	m := newMemory()
	old := open(t, m)
	old.Close()
	m.state.meta.Generation = [16]byte{5}
	restored, err := Open(Config{Store: m, Now: old.now, Random: old.random})
	if err != nil {
		t.Fatal(err)
	}
	restored.Close()
	if want := checkpoint.Origin("https://whittle.example.com", [16]byte{5}); restored.Origin() != want {
		t.Errorf("it is %s, want %s", restored.Origin(), want)
	}
	if _, err := Open(Config{Store: newMemory(), Now: old.now, Random: old.random}); err == nil {
		t.Error("a new log without an issuer is opened")
	}
}

// An issuer that gets another name keeps its log, and the log its name.
func TestLogKeepsItsNameForAGeneration(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	record(t, l, sample("00u1ana"))
	sign(t, l)
	l.Close()
	again, err := Open(Config{Store: m, Now: l.now, Random: l.random, Issuer: "https://elsewhere.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Origin() != l.Origin() || again.Verifier() != l.Verifier() {
		t.Errorf("%s, then %s", l.Origin(), again.Origin())
	}
}

// With traffic there is a checkpoint at least every second; without, none.
func TestCheckpointsComeWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		f := &faulty{Store: newMemory(), fault: func() (error, bool) {
			if broken.Load() {
				return errDisk, false
			}
			return nil, false
		}}
		l, err := Open(Config{Store: f, Now: time.Now, Random: rand.Reader, Issuer: "https://whittle.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var failures atomic.Int64
		done := make(chan struct{})
		go func() { defer close(done); l.KeepSigned(ctx, func(error) { failures.Add(1) }) }()
		var made []time.Time
		for i := range 50 {
			record(t, l, Event{Kind: KindKey, Outcome: OutcomeDone})
			made = append(made, time.Now())
			time.Sleep(time.Duration(i*i) * 37 * time.Millisecond % (2 * time.Second))
			synctest.Wait()
			c, _ := l.Signed()
			for index, at := range made {
				if time.Since(at) >= time.Second && uint64(index) >= c.Size {
					t.Errorf("entry %d isn't covered after %s", index, time.Since(at))
				}
			}
		}
		time.Sleep(time.Second)
		if c, _ := l.Signed(); c.Size != 50 {
			t.Errorf("in the end %d entries are covered", c.Size)
		}
		broken.Store(true)
		time.Sleep(time.Hour)
		if failures.Load() != 0 {
			t.Error("it writes though nothing happens")
		}
		broken.Store(false)
		record(t, l, Event{Kind: KindKey, Outcome: OutcomeDone})
		broken.Store(true)
		time.Sleep(3 * time.Second)
		if n := failures.Load(); n < 2 {
			t.Errorf("%d failures are told", n)
		}
		broken.Store(false)
		time.Sleep(time.Second)
		if c, _ := l.Signed(); c.Size != 51 {
			t.Errorf("after the disk came back %d entries are covered", c.Size)
		}
		cancel()
		<-done
	})
}
