package tree

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/mod/sumdb/tlog"
)

// Source is where a tree is kept: its full tiles, and its leaves. What it returns need not last.
type Source interface {
	// Tile is one full tile by its place ([TileIndex]).
	Tile(index uint64) ([]byte, error)
	// Entries calls fn with the leaves from there on, until fn returns false.
	Entries(from uint64, fn func(index uint64, leaf []byte) bool) error
}

// ErrTile says that a tile isn't one.
var ErrTile = errors.New("not a tile of hashes")

// Reader reads the hashes of a kept tree. It holds a few tiles in memory, so it is good for one proof or
// for a run of them over neighbours, as long as the source is. It doesn't check what it reads against anything.
type Reader struct {
	source Source
	size   uint64
	edge   *Tree  // knows the tiles that aren't full; nil: they are derived
	index  uint64 // of the tile that was read last
	tile   []Hash
}

var _ tlog.HashReader = (*Reader)(nil)

// NewReader reads a tree of that size, or of any smaller one.
func NewReader(s Source, size uint64) *Reader { return &Reader{source: s, size: size} }

// Reader reads this tree, whose full tiles the source has. It may have more by now.
func (t *Tree) Reader(s Source) *Reader { return &Reader{source: s, size: t.size, edge: t} }

// Leaf is the hash of one leaf.
func (r *Reader) Leaf(index uint64) (Hash, error) {
	if index >= r.size {
		return Hash{}, ErrSize
	}
	row, err := r.row(0, index, 1)
	if err != nil {
		return Hash{}, err
	}
	return row[0], nil
}

// Data is the bytes of a tile.
func (r *Reader) Data(tile Tile) ([]byte, error) {
	if !tile.Within(r.size) {
		return nil, ErrSize
	}
	row, err := r.row(tile.Level, tile.N*TileWidth, tile.Width)
	if err != nil {
		return nil, err
	}
	return Join(row), nil
}

// ReadHashes implements [tlog.HashReader].
func (r *Reader) ReadHashes(indexes []int64) ([]Hash, error) {
	hashes := make([]Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		row, err := r.row(level/tileHeight, uint64(n)<<(level%tileHeight), 1<<(level%tileHeight))
		if err != nil {
			return nil, err
		}
		hashes[i] = fold(row)
	}
	return hashes, nil
}

// row is hashes of one tile, of which the source may have only what is below.
func (r *Reader) row(level int, first uint64, count int) ([]Hash, error) {
	n := first / TileWidth
	switch {
	case n < r.size>>(tileHeight*(level+1)):
		tile, err := r.full(TileIndex(level, n))
		if err != nil {
			return nil, err
		}
		return tile[first%TileWidth:][:count], nil
	case r.edge != nil:
		return r.edge.edges[level][first%TileWidth:][:count], nil
	case level == 0:
		return r.leaves(first, count)
	}
	hashes := make([]Hash, count)
	for i := range hashes {
		below, err := r.row(level-1, (first+uint64(i))*TileWidth, TileWidth)
		if err != nil {
			return nil, err
		}
		hashes[i] = fold(below)
	}
	return hashes, nil
}

func (r *Reader) full(index uint64) ([]Hash, error) {
	if r.tile != nil && r.index == index {
		return r.tile, nil
	}
	data, err := r.source.Tile(index)
	if err != nil {
		return nil, err
	}
	if len(data) != TileSize {
		return nil, fmt.Errorf("%w: number %d has %d bytes", ErrTile, index, len(data))
	}
	r.index, r.tile = index, Split(data)
	return r.tile, nil
}

func (r *Reader) leaves(first uint64, count int) ([]Hash, error) {
	hashes := make([]Hash, 0, count)
	err := r.source.Entries(first, func(_ uint64, leaf []byte) bool {
		if len(hashes) < count {
			hashes = append(hashes, LeafHash(leaf))
		}
		return len(hashes) < count
	})
	if err == nil && len(hashes) < count {
		err = fmt.Errorf("%w: leaf %d is missing", ErrTile, first+uint64(len(hashes)))
	}
	return hashes, err
}

// ErrSize says that a proof was asked for that this tree can't have.
var ErrSize = errors.New("the tree has no such size or leaf")

// Root is the root that the tree had at that size.
func (r *Reader) Root(size uint64) (Hash, error) {
	if size > r.size || size > math.MaxInt64 {
		return Hash{}, ErrSize
	}
	return tlog.TreeHash(int64(size), r)
}

// Inclusion proves that the leaf at index is in the tree of that size (RFC 6962 section 2.1.1).
func (r *Reader) Inclusion(size, index uint64) ([]Hash, error) {
	if size > r.size || index >= size || size > math.MaxInt64 {
		return nil, ErrSize
	}
	return tlog.ProveRecord(int64(size), int64(index), r)
}

// Consistency proves that the tree of the newer size begins with the older one (RFC 6962 section 2.1.2). Of the
// empty tree there is nothing to prove.
func (r *Reader) Consistency(older, newer uint64) ([]Hash, error) {
	switch {
	case newer > r.size || older > newer || newer > math.MaxInt64:
		return nil, ErrSize
	case older == 0:
		return nil, nil
	}
	return tlog.ProveTree(int64(newer), int64(older), r)
}

// Load is the tree of that size, ready to append to. It reads the leaves of the last tile, and one tile for each
// hash in the unfinished ones above.
func (r *Reader) Load(size uint64) (*Tree, error) {
	if size > r.size {
		return nil, ErrSize
	}
	t := &Tree{size: size}
	for level := 0; size>>(tileHeight*level) > 0; level++ {
		through := size >> (tileHeight * level)
		width := int(through % TileWidth)
		t.edges = append(t.edges, nil)
		if width == 0 {
			continue
		}
		row, err := r.row(level, through-uint64(width), width)
		if err != nil {
			return nil, err
		}
		t.edges[level] = append(make([]Hash, 0, TileWidth), row...)
	}
	t.stack = t.complete()
	return t, nil
}

// complete is the stack as the edges give it.
func (t *Tree) complete() (stack []Hash) {
	for level := len(t.edges) - 1; level >= 0; level-- {
		rest := t.edges[level]
		for half := TileWidth / 2; half > 0; half /= 2 {
			if len(rest)&half != 0 {
				stack, rest = append(stack, fold(rest[:half])), rest[half:]
			}
		}
	}
	return stack
}
