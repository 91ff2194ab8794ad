package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// ErrNotCovered says that a proof is asked for that no checkpoint covers, or not yet.
var ErrNotCovered = errors.New("no checkpoint covers it yet")

// Inclusion proves that the log of that size holds the entry at index. A size beyond the newest checkpoint
// would prove something that was never signed.
func (l *Log) Inclusion(ctx context.Context, size, index uint64) (leaf tree.Hash, proof []tree.Hash, err error) {
	if c, ok := l.Signed(); !ok || size > c.Size || index >= size {
		return leaf, nil, fmt.Errorf("%w: entry %d in %d", ErrNotCovered, index, size)
	}
	err = l.read(ctx, func(r store.Reader, t *tree.Reader) error {
		if proof, err = t.Inclusion(size, index); err != nil {
			return err
		}
		leaf, err = t.Leaf(index)
		return err
	})
	return leaf, proof, err
}

// Consistency proves that the log of the newer size begins with the older one.
func (l *Log) Consistency(ctx context.Context, older, newer uint64) (proof []tree.Hash, err error) {
	if c, ok := l.Signed(); !ok || newer > c.Size || older > newer {
		return nil, fmt.Errorf("%w: from %d to %d", ErrNotCovered, older, newer)
	}
	err = l.read(ctx, func(_ store.Reader, t *tree.Reader) (err error) {
		proof, err = t.Consistency(older, newer)
		return err
	})
	return proof, err
}

// Proved is an entry with the proof that the log of some size holds it.
type Proved struct {
	Item
	Proof []tree.Hash
}

// Prove is up to limit entries from there on, each with the proof that the log of that size holds it.
func (l *Log) Prove(ctx context.Context, size, from uint64, limit int) (out []Proved, err error) {
	if c, ok := l.Signed(); !ok || size > c.Size {
		return nil, fmt.Errorf("%w: %d entries", ErrNotCovered, size)
	}
	err = l.read(ctx, func(r store.Reader, t *tree.Reader) error {
		var bad error
		err := r.Entries(from, func(index uint64, entry []byte) bool {
			if bad = ctx.Err(); bad != nil || index >= size || len(out) >= limit {
				return false
			}
			var p Proved
			if p.Item, bad = item(t, index, entry); bad != nil {
				return false
			}
			if p.Proof, bad = t.Inclusion(size, index); bad != nil {
				return false
			}
			out = append(out, p)
			return index+1 < size
		})
		return errors.Join(bad, err)
	})
	return out, err
}

// Tile is the bytes of a tile of hashes, of which none is beyond the newest checkpoint.
func (l *Log) Tile(ctx context.Context, tile tree.Tile) (data []byte, err error) {
	if c, ok := l.Signed(); !ok || !tile.Within(c.Size) {
		return nil, fmt.Errorf("%w: %s", ErrNotCovered, tile.Path())
	}
	err = l.read(ctx, func(_ store.Reader, t *tree.Reader) (err error) {
		data, err = t.Data(tile)
		return err
	})
	return data, err
}

// read looks at the tree that is durable now.
func (l *Log) read(ctx context.Context, fn func(store.Reader, *tree.Reader) error) error {
	t := l.tree.Load() // before the view, which then has at least as much
	return l.store.View(ctx, func(r store.Reader) error { return fn(r, t.Reader(r)) })
}
