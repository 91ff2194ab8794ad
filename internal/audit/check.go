package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// EntryError says which entry is bad.
type EntryError struct {
	Index uint64
	Err   error
}

func (e *EntryError) Error() string { return fmt.Sprintf("audit entry %d: %v", e.Index, e.Err) }

// Unwrap is what is wrong with it.
func (e *EntryError) Unwrap() error { return e.Err }

// checkStep is how many entries Check reads in one look at the store, which it doesn't hold up.
const checkStep = 4096

// Check reads the whole log in a store: every entry is in its one form, what it seals opens wherever the key is
// still there, and together they give the tiles and the root that the store remembers. It sees what
// doesn't fit together; that all of it was made anew takes a checkpoint from elsewhere (room verify).
func Check(ctx context.Context, s store.Store) error {
	c := checker{tree: new(tree.Tree)}
	for done := false; !done; {
		err := s.View(ctx, func(r store.Reader) (err error) {
			done, err = c.step(ctx, r)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checker is how far a check has come.
type checker struct {
	next  uint64
	tree  *tree.Tree // of the entries before next
	tiles uint64     // that it has filled

	gone   bool         // bodies were dropped
	hashes *tree.Reader // of the store as it is in this step
	absent Absences
}

// step checks the next entries and, if there are no more, the end.
func (c *checker) step(ctx context.Context, r store.Reader) (done bool, err error) {
	end := c.next + checkStep
	if c.hashes, err = hashes(r); err != nil {
		return false, err
	}
	people := newKeyring(r, 0)
	var bad error
	err = r.Entries(c.next, func(index uint64, entry []byte) bool {
		if c.next == end {
			return false
		}
		bad = errors.Join(ctx.Err(), c.entry(people, index, entry))
		return bad == nil
	})
	switch {
	case bad != nil:
		return false, bad
	case err != nil:
		return false, &EntryError{c.next, err}
	case c.next == end:
		return false, nil
	}
	return true, c.atEnd(r)
}

func (c *checker) entry(r store.Reader, index uint64, entry []byte) error {
	if index != c.next {
		return &EntryError{c.next, fmt.Errorf("%w: it is missing", ErrEntry)}
	}
	leaf, err := c.look(r, index, entry)
	if err != nil {
		return &EntryError{index, err}
	}
	c.next = index + 1
	span := uint64(1) // of one hash of the tile
	for _, want := range c.tree.Append(leaf) {
		got, err := r.Tile(c.tiles)
		if err != nil {
			return &EntryError{index, err}
		}
		if at, same := firstDifference(want, got); !same {
			return &EntryError{index + 1 - span*(tree.TileWidth-at), fmt.Errorf("%w: not the one that the tree holds", ErrEntry)}
		}
		c.tiles++
		span *= tree.TileWidth
	}
	return nil
}

// look reads the entry, or notes that its body is gone, and says what its hash is.
func (c *checker) look(r store.Reader, index uint64, entry []byte) (leaf tree.Hash, err error) {
	if _, dropped := ReadRemnant(entry); dropped {
		c.absent.Missing(index)
		c.gone = true
		return c.hashes.Leaf(index)
	}
	e, err := Decode(entry)
	if err != nil {
		return leaf, err
	}
	if err := errors.Join(c.absent.Explained(&e), openEvent(r, &e)); err != nil {
		return leaf, err
	}
	return tree.LeafHash(entry), nil
}

// firstDifference is the first hash in which two tiles differ.
func firstDifference(a, b []byte) (at uint64, same bool) {
	if bytes.Equal(a, b) {
		return 0, true
	}
	for i := 0; i+32 <= min(len(a), len(b)) && bytes.Equal(a[i:i+32], b[i:i+32]); i += 32 {
		at++
	}
	return at, false
}

func (c *checker) atEnd(r store.Reader) error {
	meta, err := r.Meta()
	first, unexplained := c.absent.Left()
	switch {
	case err != nil:
		return err
	case unexplained:
		return &EntryError{first, ErrAbsent}
	case c.next != meta.Size:
		return &EntryError{min(c.next, meta.Size), fmt.Errorf("%w: the log has %d entries, but %d were written", ErrEntry, c.next, meta.Size)}
	case c.next > 0 && c.tree.Root() != meta.Root && c.gone:
		// The hash of one that has no body is its tile's, which nothing is held to but the root.
		return &EntryError{c.next - 1, fmt.Errorf("%w: it, or one before it, is not the one that was written, or a tile not the one of a body that was dropped", ErrEntry)}
	case c.next > 0 && c.tree.Root() != meta.Root:
		// The full tiles are as written, so it is one of those after them.
		return &EntryError{c.next - 1, fmt.Errorf("%w: it, or one up to %d before it, is not the one that was written", ErrEntry, (c.next-1)%tree.TileWidth)}
	}
	return nil
}
