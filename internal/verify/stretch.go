package verify

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
)

// Stretch is a part of a log, entry after entry, that is held to a checkpoint when it ends. Nothing that was made of its
// entries is to be told before.
type Stretch struct {
	tree   *tree.Tree
	absent audit.Absences
}

// NewStretch begins at an entry, with the proof that this one is in the log that ends with it.
func NewStretch(first uint64, proof []tree.Hash) (*Stretch, error) {
	t, err := tree.Resume(first, proof)
	return &Stretch{tree: t}, err
}

// Next is the index of the entry that comes next.
func (s *Stretch) Next() uint64 { return s.tree.Size() }

// Take takes the next entry.
func (s *Stretch) Take(index uint64, entry []byte) (audit.Event, error) {
	if index != s.Next() {
		return audit.Event{}, at(s.Next(), ErrMissing, fmt.Sprintf("entry %d comes next", index))
	}
	event, err := audit.Decode(entry)
	if err == nil {
		err = s.absent.Explained(&event)
	}
	if err != nil {
		return audit.Event{}, at(index, ErrChanged, err)
	}
	s.tree.Append(tree.LeafHash(entry))
	return event, nil
}

// TakeHash takes the next entry by its hash alone: it isn't kept any more.
func (s *Stretch) TakeHash(index uint64, leaf tree.Hash) error {
	if index != s.Next() {
		return at(s.Next(), ErrMissing, fmt.Sprintf("entry %d comes next", index))
	}
	s.absent.Missing(index)
	s.tree.Append(leaf)
	return nil
}

// End holds all that was taken, and all before it, to the checkpoint, with the proof that the log of the checkpoint
// begins with them. If that is all of it, entries among them say which bodies were dropped, and no other is gone.
func (s *Stretch) End(c checkpoint.Signed, proof []tree.Hash) error {
	size := s.Next()
	if size == 0 {
		return nil
	}
	err := tlog.CheckTree(proof, int64(c.Size), c.Root, int64(size), s.tree.Root())
	if err != nil {
		return &Finding{Index: 0, Last: size - 1, Err: fmt.Errorf("%w: they aren't those of the signed root (%w)", ErrChanged, err)}
	}
	if size < c.Size {
		return nil // what says so may come later
	}
	return explained(&s.absent)
}

// Begins says whether the newer log begins with the older one, by the proof that it does.
func Begins(newer checkpoint.Signed, older checkpoint.Checkpoint, proof []tree.Hash) error {
	if err := tlog.CheckTree(proof, int64(newer.Size), newer.Root, int64(older.Size), older.Root); err != nil {
		return &Finding{Index: 0, Last: max(older.Size, 1) - 1, Err: fmt.Errorf("%w: the first %d entries were others (%w)", ErrForked, older.Size, err)}
	}
	return nil
}

// Hashes are hashes as the wire has them.
func Hashes(proof [][]byte) ([]tree.Hash, error) {
	hashes := make([]tree.Hash, len(proof))
	for i, h := range proof {
		if len(h) != len(hashes[i]) {
			return nil, fmt.Errorf("a hash has %d bytes", len(h))
		}
		hashes[i] = tree.Hash(h)
	}
	return hashes, nil
}
