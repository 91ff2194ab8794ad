package index

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/seal"
)

// edit changes the file of an index that nobody has open.
func edit(t *testing.T, path string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// answers is a search's result, by the index as far as it knows, and by the log beyond, as the search does it.
func answers(t *testing.T, x *Index, terms []audit.Term, all audit.Range) []uint64 {
	t.Helper()
	got, unknown := named(t, x, terms, all, false, 10_000)
	return append(got, scanned(terms, unknown, false)...)
}

// Whoever can write the file, but hasn't the key, hides no entry: neither by what they make up, nor by what they take away,
// move, or put back from an earlier file of this log.
func TestAnEditedFileHidesNothing(t *testing.T) {
	m := newMade()
	m.grow(3*pageWidth + 100)
	earlier := m.config(t)
	_ = built(t, earlier).Close()
	m.grow(2 * pageWidth)
	c := m.config(t)
	x := built(t, c)
	stranger, err := seal.NewKey(bytes.Repeat([]byte{9}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	h, ours := x.file.head, x.file.key
	if len(h.segments) != 3 {
		t.Fatalf("the segments aren't those that were to be tried: %v", h.segments)
	}
	large, small := h.segments[0], h.segments[2]
	_ = x.Close()
	without := func(s ...segment) []byte { e := h; e.segments = s; return e.encode(stranger) }
	putHead := func(b []byte) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error { return tx.Bucket(headBucket).Put(headKey, b) }
	}
	taken := func(path string, bucket, key []byte) (out []byte) {
		edit(t, path, func(tx *bbolt.Tx) error { out = bytes.Clone(tx.Bucket(bucket).Get(key)); return nil })
		return out
	}
	middle := func(b *bbolt.Bucket) (key, value []byte) { // the chunk in the middle
		var keys [][]byte
		_ = b.ForEach(func(k, _ []byte) error { keys = append(keys, bytes.Clone(k)); return nil })
		key = keys[len(keys)/2]
		return key, bytes.Clone(b.Get(key))
	}
	whole, err := os.ReadFile(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	terms := []audit.Term{{Field: audit.FieldClient, Text: []byte("client-3")}}
	all := audit.Range{High: m.Size()}
	want := scanned(terms, all, false)
	for name, change := range map[string]func(*bbolt.Tx) error{
		"a head of nothing":     putHead(without()),
		"a head of less":        putHead(without(h.segments[1:]...)),
		"an earlier head":       putHead(taken(earlier.Path, headBucket, headKey)),
		"a head with no mark":   putHead(without()[:headSize]),
		"our own key, no pages": putHead(func() []byte { e := h; e.segments = nil; return e.encode(ours) }()),
		"a segment is taken away": func(tx *bbolt.Tx) error {
			return tx.DeleteBucket(small.name())
		},
		"a segment is empty": func(tx *bbolt.Tx) error {
			if err := tx.DeleteBucket(small.name()); err != nil {
				return err
			}
			_, err := tx.CreateBucket(small.name())
			return err
		},
		"a segment is another one": func(tx *bbolt.Tx) error {
			to := tx.Bucket(small.name())
			_ = to.ForEach(func(k, _ []byte) error { return to.Delete(k) })
			return tx.Bucket(large.name()).ForEach(func(k, v []byte) error { return to.Put(k, v) })
		},
		"chunks are taken away": func(tx *bbolt.Tx) error {
			b := tx.Bucket(large.name())
			for range 50 {
				key, _ := middle(b)
				if err := b.Delete(key); err != nil {
					return err
				}
			}
			return nil
		},
		"chunks of nothing": func(tx *bbolt.Tx) error {
			b := tx.Bucket(small.name())
			changed := make(map[string][]byte)
			_ = b.ForEach(func(k, v []byte) error {
				first := keyFrom(k)
				c := chunk{first: first, next: keyFrom(v[chunkHead-keySize : chunkHead])}
				changed[string(k)] = c.seal(stranger, small)
				return nil
			})
			for k, v := range changed {
				if err := b.Put([]byte(k), v); err != nil {
					return err
				}
			}
			return nil
		},
		"one chunk for all": func(tx *bbolt.Tx) error {
			b := tx.Bucket(small.name())
			_, value := middle(b)
			return errors.Join(tx.DeleteBucket(small.name()), func() error {
				b, err := tx.CreateBucket(small.name())
				return errors.Join(err, b.Put(key(0).bytes(), value))
			}())
		},
	} {
		if err := os.WriteFile(c.Path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		edit(t, c.Path, change)
		x, err := Open(t.Context(), c)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, made := range []string{"as it was found", "built"} {
			if got := answers(t, x, terms, all); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %d named, want %d", name, made, len(got), len(want))
			}
			if err := x.Build(context.Background()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if got, unknown := named(t, x, terms, all, false, 10_000); !unknown.Empty() || !slices.Equal(got, want) {
			t.Errorf("%s: %d named in the end, unknown %v", name, len(got), unknown)
		}
		_ = x.Close()
	}
}

// An earlier file of this log is what it was: it knows less, and the log is read from there.
func TestAnEarlierFileGoesOn(t *testing.T) {
	m := newMade()
	m.grow(pageWidth + 10)
	c := m.config(t)
	_ = built(t, c).Close()
	earlier, err := os.ReadFile(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	m.grow(2 * pageWidth)
	_ = built(t, c).Close()
	if err := os.WriteFile(c.Path, earlier, 0o600); err != nil {
		t.Fatal(err)
	}
	x := opened(t, c)
	if x.Built() != 0 || x.Next() != pageWidth {
		t.Errorf("%d known, made anew %d times", x.Next(), x.Built())
	}
}

// A head that is put back while a server has the file open leaves pages that are neither in it nor in memory.
func TestAHeadThatIsPutBackIsSeen(t *testing.T) {
	m := newMade()
	m.grow(testSegment * pageWidth)
	x := built(t, m.config(t))
	earlier := x.file.head
	m.grow(pageWidth)
	if err := x.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := x.file.update(func(tx *bbolt.Tx) error { return x.file.putHead(tx, &earlier) })
	if err != nil {
		t.Fatal(err)
	}
	terms := []audit.Term{{Field: audit.FieldClient, Text: []byte("client-3")}}
	if got, looked := x.Narrow(t.Context(), terms, audit.Range{High: m.Size()}, false, 10_000); !looked.Empty() || x.doomed.Load() == nil {
		t.Errorf("%d named of %v", len(got), looked)
	}
}

// An index that was made under another key isn't of this log.
func TestTheKeyIsTheLogs(t *testing.T) {
	m := newMade()
	m.grow(pageWidth)
	c := m.config(t)
	_ = built(t, c).Close()
	m.pepper[0]++
	if x := opened(t, c); x.Built() != 1 || x.Next() != 0 {
		t.Errorf("%d known, made anew %d times", x.Next(), x.Built())
	}
}

// Each page that is full is in one segment, or the head isn't believed.
func TestAHeadHasEachPageOnce(t *testing.T) {
	for name, c := range map[string]struct {
		pages    uint64
		segments []segment
		ok       bool
	}{
		"nothing":             {0, nil, true},
		"all":                 {5, []segment{{number: 7, first: 0, pages: 4}, {number: 3, first: 4, pages: 1}}, true},
		"none of them":        {5, nil, false},
		"not the first":       {5, []segment{{first: 1, pages: 4}}, false},
		"not the last":        {5, []segment{{first: 0, pages: 4}}, false},
		"not one between":     {5, []segment{{first: 0, pages: 2}, {first: 3, pages: 2}}, false},
		"one twice":           {5, []segment{{first: 0, pages: 4}, {first: 3, pages: 2}}, false},
		"more than there are": {5, []segment{{first: 0, pages: 6}}, false},
		"no order":            {2, []segment{{first: 1, pages: 1}, {first: 0, pages: 1}}, false},
		"a segment of none":   {1, []segment{{first: 0, pages: 0}, {first: 0, pages: 1}}, false},
		"a lap":               {1, []segment{{first: 0, pages: 1}, {first: 1, pages: ^uint64(0)}, {first: 0, pages: 1}}, false},
	} {
		h := head{pages: c.pages, segments: c.segments}
		if err := h.whole(); errors.Is(err, ErrDamaged) == c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
