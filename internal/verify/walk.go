package verify

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/tree"
)

// mark is a root that the log must have had at a size, and how that is known.
type mark struct {
	size uint64
	root [32]byte
	err  error       // what it means if it had another
	edge []tree.Hash // of the leaves after the last full tile, as somebody says; the root tells whether it is so
}

// walk goes through a log's entries from the first, and holds them to marks.
type walk struct {
	tree  tree.Tree
	tiles uint64
	kept  func(uint64) ([]byte, error) // the tiles that the log keeps; nil: none
	marks []mark                       // by size
	held  uint64                       // the size at the newest mark that held

	absent audit.Absences
}

func newWalk(marks ...mark) *walk {
	w := new(walk)
	w.expect(marks...)
	return w
}

// expect adds marks of what is still to come.
func (w *walk) expect(marks ...mark) {
	w.marks = append(w.marks, marks...)
	slices.SortStableFunc(w.marks, func(a, b mark) int { return cmp.Compare(a.size, b.size) })
}

// next takes the entry at index with its hash.
func (w *walk) next(index uint64, entry []byte, leaf tree.Hash) error {
	if err := w.reached(); err != nil {
		return err
	}
	if index != w.tree.Size() {
		return at(w.tree.Size(), ErrMissing, fmt.Sprintf("entry %d comes next", index))
	}
	if err := look(&w.absent, index, entry); err != nil {
		return err
	}
	span := uint64(1) // of one hash of a tile
	for _, want := range w.tree.Append(leaf) {
		if w.kept != nil {
			if err := w.compare(index, span, want); err != nil {
				return err
			}
		}
		w.tiles++
		span *= tree.TileWidth
	}
	return nil
}

// compare holds the tile that entry index filled to the one that is kept.
func (w *walk) compare(index, span uint64, want []byte) error {
	first := index + 1 - span*tree.TileWidth
	got, err := w.kept(w.tiles)
	if err != nil {
		return &Finding{Index: first, Last: index, Err: fmt.Errorf("%w (its tile: %w)", ErrMissing, err)}
	}
	if bytes.Equal(got, want) {
		return nil
	}
	const size = len(tree.Hash{})
	different := uint64(0)
	for i := 0; i+size <= min(len(got), len(want)) && bytes.Equal(got[i:i+size], want[i:i+size]); i += size {
		different++
	}
	first += different * span
	return &Finding{Index: first, Last: first + span - 1, Err: ErrChanged}
}

// reached holds the tree to the marks of its size.
func (w *walk) reached() error {
	for len(w.marks) > 0 && w.marks[0].size == w.tree.Size() {
		m := w.marks[0]
		if w.tree.Root() != m.root {
			if index, ok := w.differs(m.root); ok {
				return &Finding{Index: index, Last: index, Err: m.err}
			}
			last := max(m.size, 1) - 1
			return &Finding{Index: min(w.held, last), Last: last, Err: fmt.Errorf("%w: the root of the first %d", m.err, m.size)}
		}
		w.held, w.marks = m.size, w.marks[1:]
	}
	return nil
}

// differs is the first entry that isn't the one under the root, if all before the last full tile's end are: hashes of those
// after it are at hand that lead to the root, so they are its leaves.
func (w *walk) differs(root [32]byte) (index uint64, known bool) {
	mine := w.tree.Edge()
	for _, edge := range w.edges(len(mine)) {
		if other, ok := w.tree.WithEdge(edge); !ok || other.Root() != root {
			continue
		}
		for i := range mine {
			if mine[i] != edge[i] {
				return w.tree.Size() - uint64(len(mine)) + uint64(i), true
			}
		}
	}
	return 0, false
}

// edges is what so many leaves after the last full tile may have been: as the tile has them that they are going to fill, and as
// checkpoints have them of this size or, before that tile is full, of a larger one.
func (w *walk) edges(count int) (edges [][]tree.Hash) {
	if w.kept != nil && count > 0 {
		if tile, err := w.kept(w.tiles); err == nil && len(tile) == tree.TileSize {
			edges = append(edges, tree.Split(tile)[:count])
		}
	}
	for _, m := range w.marks {
		if m.size/tree.TileWidth == w.tree.Size()/tree.TileWidth && len(m.edge) >= count {
			edges = append(edges, m.edge[:count])
		}
	}
	return edges
}

// end is called after the last entry.
func (w *walk) end() error {
	if err := w.reached(); err != nil {
		return err
	}
	if err := explained(&w.absent); err != nil {
		return err
	}
	if len(w.marks) > 0 {
		last := w.marks[len(w.marks)-1]
		return at(w.tree.Size(), ErrTruncated, fmt.Sprintf("there were %d", last.size))
	}
	return nil
}
