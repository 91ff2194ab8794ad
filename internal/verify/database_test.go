package verify

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/store"
)

// edit changes one entry, which stays an entry.
func edit(index int) func(*copied) {
	return func(c *copied) {
		c.entries[index] = bytes.Replace(c.entries[index], []byte(`"client":"client`), []byte(`"client":"Client`), 1)
	}
}

func swap(i, j int) func(*copied) {
	return func(c *copied) { c.entries[i], c.entries[j] = c.entries[j], c.entries[i] }
}

func removed(index int) func(*copied) {
	return func(c *copied) { c.entries = slices.Delete(c.entries, index, index+1) }
}

func cut(size int) func(*copied) { return func(c *copied) { c.entries = c.entries[:size] } }

func also(fns ...func(*copied)) func(*copied) {
	return func(c *copied) {
		for _, fn := range fns {
			fn(c)
		}
	}
}

// again makes the tree of what is there.
func again(c *copied) { c.again() }

func TestGoodLog(t *testing.T) {
	w := newWorld(t)
	w.grow(t, entries+5) // not signed yet
	for _, a := range []Against{{}, {Trust: w.trust}, {Trust: w.trust, Seen: w.seen}} {
		got, err := Database(t.Context(), w.store, a)
		if err != nil {
			t.Fatal(err)
		}
		if got.Size != entries+5 || a.Trust != nil && (got.Signed != entries || got.Origin != w.log.Origin()) || a.Trust == nil && got.Signed != 0 {
			t.Errorf("%+v", got)
		}
	}
}

// Each way to change a log, by who does it: the entries alone; the tree with them; and the checkpoint too, with the log's own key.
func TestChangedLog(t *testing.T) {
	w := newWorld(t)
	resign := func(c *copied) { c.signAgain(w) }
	witnessed := func(size int) func(*copied) { return func(c *copied) { c.witnessed(w, size) } }
	counted := func(c *copied) { c.meta.Size = uint64(len(c.entries)) }
	for name, c := range map[string]struct {
		change      func(*copied)
		index, last uint64
		err         error
		seen        bool // only who remembers a checkpoint sees it
	}{
		"an entry edited":                          {edit(77), 77, 77, ErrChanged, false},
		"an entry after the last full tile edited": {edit(555), 555, 555, ErrChanged, false},
		"the last entry edited":                    {edit(599), 599, 599, ErrChanged, false},
		"and nothing kept that tells which":        {also(edit(555), func(c *copied) { c.edge(nil) }), 0, 599, ErrChanged, false},
		"and something else kept":                  {also(edit(555), func(c *copied) { c.edge(make([]byte, 88*32)) }), 0, 599, ErrChanged, false},
		"before one we know":                       {edit(280), 280, 280, ErrForked, true},
		"before an older checkpoint":               {also(witnessed(580), edit(555)), 555, 555, ErrChanged, false},
		"after an older checkpoint":                {also(witnessed(540), edit(555)), 555, 555, ErrChanged, false},
		"an entry that is none":                    {func(c *copied) { c.entries[555] = []byte(`{"format":1}`) }, 555, 555, ErrChanged, false},
		"two entries in the other order":           {swap(77, 78), 77, 77, ErrChanged, false},
		"an entry removed":                         {removed(77), 77, 77, ErrChanged, false},
		"the last entry removed":                   {cut(599), 599, 599, ErrTruncated, false},
		"many entries removed at the end":          {cut(90), 90, 90, ErrTruncated, false},
		"all entries removed":                      {cut(0), 0, 0, ErrTruncated, false},
		"a bit of a tile":                          {func(c *copied) { c.tiles[1][40] ^= 1 }, 257, 257, ErrChanged, false},
		"a tile removed":                           {func(c *copied) { c.tiles = c.tiles[:1] }, 256, 511, ErrMissing, false},
		"an entry added":                           {func(c *copied) { c.entries = append(c.entries, c.entries[0]) }, 0, 0, nil, false},

		"edited with its tree":     {also(edit(77), again), 0, 599, ErrChanged, false},
		"truncated with its count": {also(cut(590), counted), 590, 590, ErrTruncated, false},
		"truncated with its tree":  {also(cut(400), again), 400, 400, ErrTruncated, false},
		"removed with its tree":    {also(removed(77), again), 599, 599, ErrTruncated, false},
		"another root":             {func(c *copied) { c.meta.Root[5] ^= 1 }, 0, 599, ErrChanged, false},
		"edited after one we know": {also(edit(350), again, resign), 300, 599, ErrForked, true},

		"edited and signed again":    {also(edit(77), again, resign), 0, 99, ErrForked, true},
		"truncated and signed again": {also(cut(400), again, resign), 400, 400, ErrTruncated, true},
		"cut and grown another way":  {also(cut(599), func(c *copied) { c.entries = append(c.entries, c.entries[3]) }, again, resign), 300, 599, ErrForked, true},
	} {
		t.Run(name, func(t *testing.T) {
			changed := w.copy(t)
			c.change(changed)
			_, err := Database(t.Context(), changed, Against{Trust: w.trust})
			if c.seen {
				if err != nil && name != "before one we know" {
					t.Errorf("without memory: %v", err)
				}
				_, err = Database(t.Context(), changed, Against{Trust: w.trust, Seen: w.seen})
			}
			if c.err == nil {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			var f *Finding
			if !errors.As(err, &f) || !errors.Is(err, c.err) || f.Index > c.last || f.Last < c.index || f.Last-f.Index > c.last-c.index {
				t.Errorf("got %v, want %v at %d to %d", err, c.err, c.index, c.last)
			}
		})
	}
}

func TestSignaturesAreAskedFor(t *testing.T) {
	w := newWorld(t)
	other, err := checkpoint.NewKey(w.log.Origin(), make([]byte, checkpoint.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := checkpoint.NewTrust(other.Verifier(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Database(t.Context(), w.store, Against{Trust: stranger}); !errors.Is(err, ErrUnsigned) {
		t.Errorf("another key: %v", err)
	}
	unsigned := w.copy(t)
	clear(unsigned.checkpoints)
	if _, err := Database(t.Context(), unsigned, Against{Trust: w.trust}); !errors.Is(err, ErrUnsigned) {
		t.Errorf("no checkpoint: %v", err)
	}
	forged := w.copy(t)
	c := forged.checkpoints[false]
	c.Size--
	forged.checkpoints[false] = c
	if _, err := Database(t.Context(), forged, Against{Trust: w.trust}); !errors.Is(err, ErrUnsigned) {
		t.Errorf("a record that says something else: %v", err)
	}
	if _, err := Database(t.Context(), w.store, Against{Seen: w.seen}); err == nil {
		t.Error("what was seen is believed without a key")
	}
	if _, err := Database(t.Context(), w.store, Against{Trust: w.trust, Seen: [][]byte{[]byte("garbage")}}); !errors.Is(err, ErrUnsigned) {
		t.Errorf("garbage that was seen: %v", err)
	}
}

func TestExport(t *testing.T) {
	w := newWorld(t)
	for _, from := range []uint64{0, 590} {
		var out bytes.Buffer
		if err := Export(t.Context(), w.store, from, &out); err != nil {
			t.Fatal(err)
		}
		got, err := ReadExport(t.Context(), bytes.NewReader(out.Bytes()), Against{Trust: w.trust})
		if err != nil || got.From != from || got.Size != entries || got.Signed != entries {
			t.Errorf("from %d: %+v, %v", from, got, err)
		}
		lines := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
		at := int(595 - from) // a line of an entry: 594
		for name, c := range map[string]struct {
			lines []string
			index uint64
			err   error
		}{
			"an entry edited":        {replaced(lines, at, strings.Replace(lines[at], "client ", "Client ", 1)), 594, ErrChanged},
			"an entry removed":       {slices.Delete(slices.Clone(lines), at, at+1), 594, ErrMissing},
			"an entry twice":         {slices.Insert(slices.Clone(lines), at, lines[at]), 595, ErrChanged},
			"two changed places":     {replaced(replaced(lines, at, lines[at+1]), at+1, lines[at]), 594, ErrMissing},
			"the last removed":       {lines[:len(lines)-1], 599, ErrTruncated},
			"an index changed":       {replaced(lines, at, strings.Replace(lines[at], `"index":594`, `"index":593`, 1)), 594, ErrChanged},
			"a proof of another":     {replaced(lines, at, lines[at][:strings.Index(lines[at], `"proof"`)]+lines[at+1][strings.Index(lines[at+1], `"proof"`):]), 594, ErrChanged},
			"a line that isn't JSON": {replaced(lines, at, "{\n"), 594, ErrChanged},
			"another checkpoint":     {replaced(lines, 0, strings.Replace(lines[0], `\n600\n`, `\n601\n`, 1)), 0, ErrUnsigned},
			"no checkpoint":          {lines[1:], 0, ErrExport},
			"nothing":                {nil, 0, ErrExport},
		} {
			_, err := ReadExport(t.Context(), strings.NewReader(strings.Join(c.lines, "")), Against{Trust: w.trust})
			var f *Finding
			if !errors.Is(err, c.err) || errors.As(err, &f) && f.Index != c.index || f == nil && c.index != 0 {
				t.Errorf("from %d, %s: got %v, want %v at %d", from, name, err, c.err, c.index)
			}
		}
	}
	var out bytes.Buffer
	if err := Export(t.Context(), w.store, 0, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadExport(t.Context(), &out, Against{Trust: w.trust, Seen: w.seen}); err != nil {
		t.Errorf("with what was seen: %v", err)
	}
	forged := w.copy(t)
	also(edit(77), again)(forged)
	forged.signAgain(w)
	out.Reset()
	if err := Export(t.Context(), forged, 0, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadExport(t.Context(), &out, Against{Trust: w.trust, Seen: w.seen}); !errors.Is(err, ErrForked) {
		t.Errorf("a forged log: %v", err)
	}
}

func replaced(lines []string, at int, line string) []string {
	out := slices.Clone(lines)
	out[at] = line
	return out
}

func FuzzReadExport(f *testing.F) {
	f.Add([]byte(`{"format":1,"checkpoint":"a\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n","from":0}` + "\n" + `{"index":0,"entry":"{}","proof":[]}` + "\n"))
	key, err := checkpoint.NewKey("a", seed)
	if err != nil {
		f.Fatal(err)
	}
	trust, err := checkpoint.NewTrust(key.Verifier(), nil, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, err := ReadExport(t.Context(), bytes.NewReader(text), Against{Trust: trust}); err == nil {
			t.Errorf("%q passes for an export: %+v", text, got)
		}
	})
}

// damaged is a store of which one entry can't be read.
type damaged struct {
	*copied

	at uint64
}

func (d *damaged) View(_ context.Context, fn func(store.Reader) error) error { return fn(d) }

func (d *damaged) Entries(from uint64, fn func(uint64, []byte) bool) error {
	for i := from; i < uint64(len(d.entries)); i++ {
		if i == d.at {
			return store.ErrCorrupt
		}
		if !fn(i, d.entries[i]) {
			return nil
		}
	}
	return nil
}

// An entry whose bytes the store itself knows to be damaged is named, with the log's key at hand and without.
func TestAnEntryThatCantBeReadIsNamed(t *testing.T) {
	w := newWorld(t)
	for _, trust := range []*checkpoint.Trust{nil, w.trust} {
		for _, index := range []uint64{0, 77, 555} {
			_, err := Database(t.Context(), &damaged{w.copy(t), index}, Against{Trust: trust})
			var f *Finding
			if !errors.As(err, &f) || f.Index != index || f.Last != index || !errors.Is(err, ErrChanged) {
				t.Errorf("got %v, want entry %d", err, index)
			}
		}
	}
}
