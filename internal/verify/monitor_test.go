package verify

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
)

// published serves what a store has, as C2SP tlog-tiles says.
func published(t *testing.T, c *copied) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/checkpoint" {
			_, _ = w.Write(c.checkpoints[false].Note)
			return
		}
		if r.URL.Path == "/handovers" {
			handovers, err := handoversIn(r.Context(), c)
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(checkpoint.JoinHandovers(handovers))
			return
		}
		tile, err := tree.ParsePath(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		data, err := tree.NewReader(c, c.meta.Treed).Data(tile)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// remembering is a memory that saw this.
func remembering(t *testing.T, note []byte) File {
	t.Helper()
	f := File(filepath.Join(t.TempDir(), "seen"))
	if note != nil {
		if err := f.Save(note); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// pages reads the entries of a copy, a hundred at a time.
func pages(c *copied) func(context.Context, uint64) ([][]byte, error) {
	return func(_ context.Context, from uint64) ([][]byte, error) {
		return c.entries[min(from, uint64(len(c.entries))):min(from+100, uint64(len(c.entries)))], nil
	}
}

func TestMonitorFollowsALog(t *testing.T) {
	w := newWorld(t)
	seen := remembering(t, nil)
	for _, size := range []int{entries, entries, entries + 1, entries + 300} {
		w.grow(t, size)
		w.sign(t)
		c := w.copy(t)
		m := Monitor{Trust: w.trust, URL: published(t, c), Seen: seen, Entries: pages(c)}
		got, err := m.Step(t.Context())
		if err != nil || got.Size != uint64(size) {
			t.Fatalf("at %d: %+v, %v", size, got, err)
		}
		if note, _ := seen.Load(); !bytes.Equal(note, c.checkpoints[false].Note) {
			t.Error("it isn't remembered")
		}
	}
}

func TestMonitorSeesWhatChanged(t *testing.T) {
	w := newWorld(t)
	resign := func(c *copied) { c.signAgain(w) }
	for name, c := range map[string]struct {
		change      func(*copied)
		seen        int // which of what was seen
		index, last uint64
		err         error
		given       bool // only the entries that are given out are changed, not what is published
	}{
		"a shorter log":                   {also(cut(400), again, resign), 2, 400, 400, ErrTruncated, false},
		"a fork of the same size":         {also(edit(350), again, resign), 2, 0, 599, ErrForked, false},
		"a fork that grew":                {also(edit(50), again, resign), 1, 0, 299, ErrForked, false},
		"an entry that isn't in the tree": {edit(450), 1, 450, 450, ErrChanged, true},
		"entries that aren't given out":   {cut(500), 1, 500, 500, ErrMissing, true},
		"a bit of a tile":                 {func(c *copied) { c.tiles[0][7] ^= 1 }, 1, 0, 599, ErrChanged, false},
		"tiles of another tree":           {also(edit(50), again), 1, 0, 599, ErrChanged, false},
	} {
		t.Run(name, func(t *testing.T) {
			changed, served := w.copy(t), w.copy(t)
			c.change(changed)
			if !c.given {
				served = changed
			}
			seen := remembering(t, w.seen[c.seen])
			m := Monitor{Trust: w.trust, URL: published(t, served), Seen: seen, Entries: pages(changed)}
			_, err := m.Step(t.Context())
			var f *Finding
			if !errors.As(err, &f) || !errors.Is(err, c.err) || f.Index != c.index || f.Last != c.last {
				t.Errorf("got %v, want %v at %d to %d", err, c.err, c.index, c.last)
			}
			if note, _ := seen.Load(); !bytes.Equal(note, w.seen[c.seen]) {
				t.Error("what is wrong is remembered as good")
			}
		})
	}
}

func TestMonitorBelievesOnlySignatures(t *testing.T) {
	w := newWorld(t)
	c := w.copy(t)
	url := published(t, c)
	key, err := checkpoint.NewKey("other.example/log/00", seed)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := checkpoint.NewTrust(key.Verifier(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&Monitor{Trust: stranger, URL: url, Seen: remembering(t, nil)}).Step(t.Context()); !errors.Is(err, ErrUnsigned) {
		t.Errorf("another log: %v", err)
	}
	if _, err := (&Monitor{Trust: w.trust, URL: url, Seen: remembering(t, []byte("garbage"))}).Step(t.Context()); err == nil {
		t.Error("a damaged memory is taken for none")
	}
	for _, answer := range []string{"", "garbage", strings.Repeat("x", checkpoint.MaxNote+1)} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
		if _, err := (&Monitor{Trust: w.trust, URL: s.URL, Seen: remembering(t, nil)}).Step(t.Context()); err == nil {
			t.Errorf("%.20q passes", answer)
		}
		s.Close()
	}
	var f *Finding
	if _, err := (&Monitor{Trust: w.trust, URL: "http://127.0.0.1:1", Seen: remembering(t, nil)}).Step(t.Context()); err == nil || errors.As(err, &f) {
		t.Errorf("a server that doesn't answer is no finding: %v", err)
	}
}

// A receipt shows the entry that it holds, and no other.
func TestReceipt(t *testing.T) {
	w := newWorld(t)
	c := w.copy(t)
	s := c.checkpoints[false]
	for _, index := range []uint64{0, 255, 256, 599} {
		_, hashes, err := w.log.Inclusion(t.Context(), s.Size, index)
		if err != nil {
			t.Fatal(err)
		}
		r := Receipt{Entry: string(c.entries[index]), Proof: checkpoint.Proof{Index: index, Hashes: hashes, Note: s.Note}.Text()}
		if got, e, _, err := r.Verify(w.trust); err != nil || got != index || !strings.HasPrefix(e.Client, "client ") {
			t.Errorf("entry %d: %d, %+v, %v", index, got, e, err)
		}
		for _, other := range []string{string(c.entries[7]), strings.Replace(r.Entry, "client ", "Client ", 1), ""} {
			if _, _, _, err := (Receipt{Entry: other, Proof: r.Proof}).Verify(w.trust); !errors.Is(err, checkpoint.ErrProof) {
				t.Errorf("another entry passes for %d: %v", index, err)
			}
		}
	}
	if _, err := ParseReceipt([]byte(`{"entry":"{}","proof":"","more":1}`)); err == nil {
		t.Error("a member that isn't known is overlooked")
	}
}

func TestMemoryIsWholeOrNone(t *testing.T) {
	f := remembering(t, []byte("one"))
	if err := f.Save([]byte("two")); err != nil {
		t.Fatal(err)
	}
	if note, err := f.Load(); err != nil || string(note) != "two" {
		t.Errorf("%q, %v", note, err)
	}
	left, err := os.ReadDir(filepath.Dir(string(f)))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if err := File(filepath.Join(string(f), "no", "folder")).Save(nil); err == nil {
		t.Error("what can't be written is remembered")
	}
}
