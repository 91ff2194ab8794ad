package tree

import (
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is the hash of a leaf or a node.
type Hash = tlog.Hash

// LeafHash is the hash of a leaf that holds these bytes.
func LeafHash(leaf []byte) Hash { return tlog.RecordHash(leaf) }

// Tree is the right edge of a tree: enough to append to it and to know its root. Its zero value is the
// empty tree. One that is no longer appended to may be read by many.
type Tree struct {
	size uint64
	// stack is the roots of the largest complete subtrees from left to right, one for each bit of size.
	stack []Hash
	// edges is, for each level of tiles, the hashes of the tile that isn't full.
	edges [][]Hash
}

// Size is the number of leaves.
func (t *Tree) Size() uint64 { return t.size }

// Root is the hash of the tree; of the empty one, SHA-256 of nothing.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		return emptyRoot
	}
	root := t.stack[len(t.stack)-1]
	for _, left := range slices.Backward(t.stack[:len(t.stack)-1]) {
		root = tlog.NodeHash(left, root)
	}
	return root
}

// emptyRoot is what tlog.TreeHash says of no leaves, which reads nothing.
var emptyRoot, _ = tlog.TreeHash(0, nil)

// Edge is the hashes of the leaves after the last full tile.
func (t *Tree) Edge() []Hash {
	if len(t.edges) == 0 {
		return nil
	}
	return slices.Clone(t.edges[0])
}

// WithEdge is the tree with other leaves after the last full tile, as many of them. The tiles that Append fills of it
// aren't whole.
func (t *Tree) WithEdge(edge []Hash) (*Tree, bool) {
	full := t.size / TileWidth * TileWidth
	if uint64(len(edge)) != t.size-full {
		return nil, false
	}
	other := &Tree{size: full, stack: slices.Clone(t.stack[:bits.OnesCount64(full)])}
	for _, leaf := range edge {
		other.Append(leaf)
	}
	return other, true
}

// Next is a tree to append to in place of this one, which doesn't change. They share memory: of all that
// Next returned, only the last may be appended to.
func (t *Tree) Next() *Tree {
	return &Tree{size: t.size, stack: slices.Clone(t.stack), edges: slices.Clone(t.edges)}
}

// Append adds a leaf and returns the tiles that it filled, lowest level first: the order of
// [TileIndex]. It costs one node's hash, on average.
func (t *Tree) Append(leaf Hash) (filled [][]byte) {
	t.grow(0, leaf)
	h := leaf
	for level := 1; level <= bits.TrailingZeros64(^t.size); level++ {
		h = tlog.NodeHash(t.stack[len(t.stack)-1], h)
		t.stack = t.stack[:len(t.stack)-1]
		if level%tileHeight == 0 {
			full := level/tileHeight - 1
			filled = append(filled, Join(t.edges[full]))
			t.edges[full] = nil
			t.grow(full+1, h)
		}
	}
	t.stack = append(t.stack, h)
	t.size++
	return filled
}

// grow adds a hash to the level's edge.
func (t *Tree) grow(level int, h Hash) {
	if level == len(t.edges) {
		t.edges = append(t.edges, nil)
	}
	if t.edges[level] == nil {
		t.edges[level] = make([]Hash, 0, TileWidth)
	}
	t.edges[level] = append(t.edges[level], h)
}

// fold is the root of a complete subtree.
func fold(hashes []Hash) Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(fold(hashes[:half]), fold(hashes[half:]))
}

// Join is hashes as they are kept.
func Join(hashes []Hash) []byte {
	data := make([]byte, 0, len(hashes)*tlog.HashSize)
	for i := range hashes {
		data = append(data, hashes[i][:]...)
	}
	return data
}

// Split reads what Join wrote.
func Split(data []byte) []Hash {
	hashes := make([]Hash, len(data)/tlog.HashSize)
	for i := range hashes {
		hashes[i] = Hash(data[i*tlog.HashSize:])
	}
	return hashes
}

// Resume is the tree of the leaves before one, of which the proof is at hand that it is the last leaf of the tree
// that it completes: the hashes of that proof are the tree's subtrees. It is as true as they are, so the root is to
// be compared. The tiles that Append fills of it aren't whole.
func Resume(size uint64, proof []Hash) (*Tree, error) {
	if len(proof) != bits.OnesCount64(size) {
		return nil, fmt.Errorf("%d hashes aren't the subtrees of %d leaves", len(proof), size)
	}
	t := &Tree{size: size, stack: slices.Clone(proof)}
	slices.Reverse(t.stack)
	return t, nil
}
