package tree

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// kept is a source in memory, with the hashes that sumdb/tlog itself would store beside it.
type kept struct {
	leaves [][]byte
	tiles  [][]byte
	hashes []Hash
	tree   *Tree
}

func (k *kept) Tile(index uint64) ([]byte, error) {
	if index >= uint64(len(k.tiles)) {
		return nil, errors.New("no such tile")
	}
	return k.tiles[index], nil
}

func (k *kept) Entries(from uint64, fn func(uint64, []byte) bool) error {
	for i := from; i < uint64(len(k.leaves)) && fn(i, k.leaves[i]); i++ {
	}
	return nil
}

func (k *kept) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, index := range indexes {
		out[i] = k.hashes[index]
	}
	return out, nil
}

func (k *kept) grow(t testing.TB, n int) {
	for range n {
		leaf := fmt.Appendf(nil, "leaf %d", len(k.leaves))
		hashes, err := tlog.StoredHashes(int64(len(k.leaves)), leaf, k)
		if err != nil {
			t.Fatal(err)
		}
		k.hashes = append(k.hashes, hashes...)
		k.leaves = append(k.leaves, leaf)
		k.tiles = append(k.tiles, k.tree.Append(LeafHash(leaf))...)
	}
}

func keep(t testing.TB, n int) *kept {
	k := &kept{tree: new(Tree)}
	k.grow(t, n)
	return k
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// sizes are around where tiles fill, at two levels.
var sizes = []int{0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 1000, 65535, 65536, 65537, 66000, 70000}

func TestGrownTreeIsTheOneOfTheStandard(t *testing.T) {
	k := keep(t, 0)
	for _, size := range sizes {
		k.grow(t, size-len(k.leaves))
		want := must[Hash](t)(tlog.TreeHash(int64(size), k))
		if got := k.tree.Root(); got != want {
			t.Errorf("root of %d: %s, want %s", size, got, want)
		}
		if got := uint64(len(k.tiles)); got != FullTiles(uint64(size)) {
			t.Errorf("%d tiles for %d leaves, want %d", got, size, FullTiles(uint64(size)))
		}
		loaded := must[*Tree](t)(NewReader(k, uint64(size)).Load(uint64(size)))
		if loaded.Root() != want || !slices.Equal(loaded.stack, k.tree.stack) || !slices.EqualFunc(loaded.edges, k.tree.edges, slices.Equal) {
			t.Errorf("what is loaded at %d isn't what grew", size)
		}
	}
}

func TestEmptyTree(t *testing.T) {
	if got := new(Tree).Root(); got != sha256.Sum256(nil) {
		t.Errorf("root %s", got)
	}
	if got := must[*Tree](t)(NewReader(keep(t, 0), 0).Load(0)); got.Size() != 0 || got.Root() != new(Tree).Root() {
		t.Error("it isn't loaded as empty")
	}
}

// Whatever is read from tiles and leaves is what sumdb/tlog says without them; proofs verify, also of
// sizes that the tree has outgrown, and between every two sizes.
func TestProofsAreTheOnesOfTheStandard(t *testing.T) {
	k := keep(t, 70000)
	for _, r := range []*Reader{NewReader(k, 70000), k.tree.Reader(k)} {
		checkProofs(t, k, r)
	}
}

func checkProofs(t *testing.T, k *kept, r *Reader) {
	for _, newer := range sizes {
		root := must[Hash](t)(r.Root(uint64(newer)))
		if want := must[Hash](t)(tlog.TreeHash(int64(newer), k)); root != want {
			t.Errorf("root of %d: %s, want %s", newer, root, want)
		}
		for _, older := range sizes {
			if older > newer {
				if _, err := r.Consistency(uint64(older), uint64(newer)); !errors.Is(err, ErrSize) {
					t.Errorf("from %d back to %d: %v", older, newer, err)
				}
				continue
			}
			proof := must[[]Hash](t)(r.Consistency(uint64(older), uint64(newer)))
			if older == 0 {
				continue // nothing to prove, and sumdb/tlog takes no such size
			}
			if err := tlog.CheckTree(proof, int64(newer), root, int64(older), must[Hash](t)(r.Root(uint64(older)))); err != nil {
				t.Errorf("from %d to %d: %v", older, newer, err)
			}
			if older == newer {
				continue
			}
			if got := must[Hash](t)(r.Leaf(uint64(older))); got != LeafHash(k.leaves[older]) {
				t.Errorf("leaf %d is %s", older, got)
			}
			leaf := must[[]Hash](t)(r.Inclusion(uint64(newer), uint64(older)))
			if err := tlog.CheckRecord(leaf, int64(newer), root, int64(older), LeafHash(k.leaves[older])); err != nil {
				t.Errorf("leaf %d in %d: %v", older, newer, err)
			}
		}
	}
	for _, err := range []error{
		second(r.Root(70001)), second(r.Inclusion(70001, 1)), second(r.Inclusion(5, 5)),
		second(r.Consistency(3, 70001)), second(r.Load(70001)), second(r.Leaf(70000)), second(r.Data(Tile{0, 273, 113})),
	} {
		if !errors.Is(err, ErrSize) {
			t.Errorf("beyond the tree: %v", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A tree that a commit gave up leaves nothing in the one that goes on.
func TestNextIsApart(t *testing.T) {
	k := keep(t, 300)
	before, root := k.tree, k.tree.Root()
	given := before.Next()
	for i := range 300 {
		given.Append(Hash{byte(i)})
	}
	if before.Root() != root || before.Size() != 300 {
		t.Fatal("the older tree changed")
	}
	k.tree = before.Next()
	k.grow(t, 300)
	if want := must[Hash](t)(tlog.TreeHash(600, k)); k.tree.Root() != want {
		t.Error("what was given up is in the tree")
	}
	if data := must[[]byte](t)(before.Reader(k).Data(Tile{0, 1, 44})); !bytes.Equal(data, Join(Split(k.tiles[1])[:44])) {
		t.Error("the older tree's edge changed")
	}
}

func TestDamagedSourceIsAnError(t *testing.T) {
	k := keep(t, 600)
	for name, bad := range map[string]*kept{
		"a short tile":   {leaves: k.leaves, tiles: [][]byte{k.tiles[0][1:], k.tiles[1]}},
		"no tile":        {leaves: k.leaves},
		"missing leaves": {leaves: k.leaves[:599], tiles: k.tiles},
	} {
		if _, err := NewReader(bad, 600).Root(600); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	t, leaf := new(Tree), LeafHash(nil)
	for b.Loop() {
		t.Append(leaf)
	}
}

func BenchmarkRoot(b *testing.B) {
	t := keep(b, 70000-1).tree
	for b.Loop() {
		t.Root()
	}
}
