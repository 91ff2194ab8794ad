package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// extension is what one commit adds to the log's tree. The sequencer owns it.
type extension struct {
	leaves []tree.Hash
	next   *tree.Tree // with the leaves; nil while there are none
}

func (x *extension) reset() { x.leaves, x.next = x.leaves[:0], nil }

// extend is the last function of each commit: it writes the tiles that the commit's entries filled, and
// the new root. If it can't, nothing of the commit stands.
func (l *Log) extend(tx store.Tx) error {
	if len(l.extension.leaves) == 0 {
		return nil
	}
	if err := l.writeTree(tx); err != nil {
		return errors.Join(err, tx.SetRoot([32]byte{})) // an error after a write undoes the others' too
	}
	return nil
}

func (l *Log) writeTree(tx store.Tx) error {
	meta, err := tx.Meta()
	if err != nil {
		return err
	}
	before := l.tree.Load()
	if before.Size() > meta.Treed {
		return fmt.Errorf("%w: it has lost entries that were durable", store.ErrCorrupt)
	}
	if before.Size() < meta.Treed { // a commit that failed was durable all the same
		if before, err = loadTree(tx, meta); err != nil {
			return err
		}
	}
	if before.Size()+uint64(len(l.extension.leaves)) != meta.Size {
		return fmt.Errorf("%w: somebody else appends entries", store.ErrCorrupt)
	}
	next := before.Next()
	for _, leaf := range l.extension.leaves {
		for _, tile := range next.Append(leaf) {
			if _, err := tx.AppendTile(tile); err != nil {
				return err
			}
		}
	}
	l.extension.next = next
	return tx.SetRoot(next.Root())
}

// extended shows the tree of a commit that is durable, before its callers are answered: who was answered and looks
// then finds its entry in the log.
func (l *Log) extended() {
	if next := l.extension.next; next != nil {
		l.tree.Store(next)
		l.growth.to(next.Size())
	}
}

// loadTree reads the right edge of the tree, and holds it against the root that was written with it.
func loadTree(r store.Reader, meta store.Meta) (*tree.Tree, error) {
	if meta.Tiles != tree.FullTiles(meta.Treed) {
		return nil, fmt.Errorf("%w: %d tiles for a tree of %d entries", store.ErrCorrupt, meta.Tiles, meta.Treed)
	}
	t, err := tree.NewReader(r, meta.Treed).Load(meta.Treed)
	if err != nil {
		return nil, err
	}
	if meta.Treed > 0 && t.Root() != meta.Root {
		return nil, fmt.Errorf("%w: the log's entries and tiles don't give its root", store.ErrCorrupt)
	}
	return t, nil
}

// openTree is the tree of a log that nobody writes to yet.
func openTree(c Config) (t *tree.Tree, err error) {
	err = c.Store.View(context.Background(), func(r store.Reader) error {
		meta, err := r.Meta()
		if err != nil {
			return err
		}
		if meta.Treed != meta.Size {
			return fmt.Errorf("%w: %d entries, but a tree of %d", store.ErrCorrupt, meta.Size, meta.Treed)
		}
		t, err = loadTree(r, meta)
		return err
	})
	return t, err
}
