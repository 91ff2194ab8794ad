package verify

import (
	"errors"
	"testing"

	"github.com/whittle-sts/whittle/internal/tree"
)

// Any stretch of a log holds against any later checkpoint, and none with an entry that was changed, left out or moved.
func TestStretch(t *testing.T) {
	w := newWorld(t)
	l := w.log
	entries, err := l.List(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	c := w.sign(t)
	signed, err := w.trust.Open(c.Note)
	if err != nil {
		t.Fatal(err)
	}
	stretch := func(first, end uint64, change func([][]byte) [][]byte) error {
		_, proof, err := l.Inclusion(t.Context(), first+1, first)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewStretch(first, proof)
		if err != nil {
			t.Fatal(err)
		}
		var texts [][]byte
		for _, e := range entries[first:end] {
			texts = append(texts, e.Bytes)
		}
		for _, text := range change(texts) {
			if _, err := s.Take(s.Next(), text); err != nil {
				return err
			}
		}
		older, err := l.Consistency(t.Context(), s.Next(), c.Size)
		if err != nil {
			t.Fatal(err)
		}
		return s.End(signed, older)
	}
	same := func(texts [][]byte) [][]byte { return texts }
	for first := uint64(0); first < 600; first += 37 {
		for end := first + 1; end <= 600; end += 61 {
			if err := stretch(first, end, same); err != nil {
				t.Fatalf("%d to %d: %v", first, end, err)
			}
		}
	}
	for name, change := range map[string]func([][]byte) [][]byte{
		"one is left out":    func(x [][]byte) [][]byte { return append(append([][]byte{}, x[:5]...), x[6:]...) },
		"two are swapped":    func(x [][]byte) [][]byte { x[3], x[4] = x[4], x[3]; return x },
		"one is there twice": func(x [][]byte) [][]byte { x[3] = x[4]; return x },
		"one is another's":   func(x [][]byte) [][]byte { x[3] = entries[0].Bytes; return x },
		"one isn't an entry": func(x [][]byte) [][]byte { x[3] = []byte("{}"); return x },
	} {
		if err := stretch(20, 40, change); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := NewStretch(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Take(1, entries[1].Bytes); !errors.Is(err, ErrMissing) {
		t.Errorf("the first is missing: %v", err)
	}
	if _, err := NewStretch(3, []tree.Hash{{}}); err == nil {
		t.Error("one hash is taken for two subtrees")
	}
	// What isn't kept any more is taken by its hash.
	s, _ = NewStretch(0, nil)
	for _, e := range entries {
		if err := s.TakeHash(e.Index, e.Leaf); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.TakeHash(0, entries[0].Leaf); !errors.Is(err, ErrMissing) {
		t.Errorf("taken twice: %v", err)
	}
	if err := s.End(signed, nil); !errors.Is(err, ErrMissing) {
		t.Errorf("no entry says that they were dropped: %v", err)
	}
}
