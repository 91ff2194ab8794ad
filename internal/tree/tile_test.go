package tree

import (
	"errors"
	"slices"
	"testing"
)

// The paths of C2SP tlog-tiles.
func TestPath(t *testing.T) {
	for tile, want := range map[Tile]string{
		{0, 0, 256}:                 "tile/0/000",
		{0, 1234067, 256}:           "tile/0/x001/x234/067",
		{0, 273, 112}:               "tile/0/273.p/112",
		{1, 1, 17}:                  "tile/1/001.p/17",
		{2, 0, 1}:                   "tile/2/000.p/1",
		{63, 1000, 255}:             "tile/63/x001/000.p/255",
		{0, 1_000_000, 1}:           "tile/0/x001/x000/000.p/1",
		{0, 18446744073709550, 256}: "tile/0/x018/x446/x744/x073/x709/550",
	} {
		if got := tile.Path(); got != want {
			t.Errorf("%+v is %s, want %s", tile, got, want)
		}
		if got, err := ParsePath(want); err != nil || got != tile {
			t.Errorf("%s is %+v, %v", want, got, err)
		}
	}
}

func TestOtherPathsAreNone(t *testing.T) {
	for _, path := range []string{
		"", "tile", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/64/000", "tile/-1/000",
		"tile/+0/000", "tile/0/x000/000", "tile/0/001/000", "tile/0/x1/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01",
		"tile/0/000.p/+1", "tile/0/000.p/", "tile/0/000.p", "tile/0/000.p/1/", "tile/0/000/", "/tile/0/000", "tile/0/x001/x234",
		"tile/8/0/000", "tile/entries/000", "tile/data/000", "tile/0/ 00", "tile/0/-01", "tile/0/xx01/000",
		"tile/0/x999/x999/x999/x999/x999/x999/x999/999", "tile/0/018446744073709551616",
	} {
		if got, err := ParsePath(path); !errors.Is(err, ErrPath) {
			t.Errorf("%q is %+v, %v", path, got, err)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"tile/0/000", "tile/1/x001/x234/067.p/17", "tile/63/x999/x999/999.p/255", "tile/0/x000/000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if tile, err := ParsePath(path); err == nil && tile.Path() != path {
			t.Errorf("%q is read as %+v", path, tile)
		}
	})
}

// All tiles that a tree has filled are numbered from 0 without gaps, in the order in which they fill.
func TestTileIndex(t *testing.T) {
	type filled struct {
		at    uint64 // leaves
		level int
		n     uint64
	}
	var all []filled
	for level := range 3 {
		for n := uint64(0); ; n++ {
			at := (n + 1) << (tileHeight * (level + 1))
			if at > 1<<24 {
				break
			}
			all = append(all, filled{at, level, n})
		}
	}
	slices.SortFunc(all, func(a, b filled) int {
		if a.at != b.at {
			return int(int64(a.at) - int64(b.at))
		}
		return a.level - b.level
	})
	for i, f := range all {
		if got := TileIndex(f.level, f.n); got != uint64(i) {
			t.Fatalf("tile %d of level %d is number %d, want %d", f.n, f.level, got, i)
		}
	}
	if got := FullTiles(1 << 24); got != uint64(len(all)) {
		t.Errorf("%d tiles, want %d", got, len(all))
	}
}

// A tree of 70,000: 273 full tiles and one of 112 hashes, above them one full and one of 17, and one of 1.
func TestTilesOf70000(t *testing.T) {
	k := keep(t, 70000)
	if got := FullTiles(70000); got != 273+1 {
		t.Errorf("%d full tiles", got)
	}
	for _, c := range []struct {
		tile Tile
		has  bool
	}{
		{Tile{0, 273, 112}, true}, {Tile{0, 273, 113}, false}, {Tile{0, 272, 112}, true}, {Tile{0, 272, 256}, true}, {Tile{1, 0, 256}, true}, {Tile{0, 273, 256}, false}, {Tile{0, 274, 1}, false},
		{Tile{1, 1, 17}, true}, {Tile{1, 1, 18}, false}, {Tile{2, 0, 1}, true}, {Tile{2, 0, 2}, false}, {Tile{3, 0, 1}, false}, {Tile{63, 0, 1}, false}, {Tile{0, 1 << 62, 1}, false},
	} {
		for _, r := range []*Reader{k.tree.Reader(k), NewReader(k, 70000)} {
			if data, err := r.Data(c.tile); (err == nil) != c.has || len(data) != 32*c.tile.Width && c.has {
				t.Errorf("%+v: %v", c.tile, err)
			}
		}
	}
	full := keep(t, 256)
	if data := must[[]byte](t)(full.tree.Reader(full).Data(Tile{0, 0, 256})); len(data) != TileSize || len(full.tiles) != 1 {
		t.Error("at 256 the first tile isn't full")
	}
	if data := must[[]byte](t)(full.tree.Reader(full).Data(Tile{1, 0, 1})); Hash(data) != full.tree.Root() {
		t.Error("at 256 the tile above doesn't begin with the root")
	}
}
