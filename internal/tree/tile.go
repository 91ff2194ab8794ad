package tree

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	// TileWidth is how many hashes a full tile holds.
	TileWidth = 1 << tileHeight
	// TileSize is the bytes of a full tile.
	TileSize = TileWidth * tlog.HashSize
	// maxLevel is the highest level of a tile (C2SP tlog-tiles). No log gets there.
	maxLevel = 63
)

// Tile names the first Width hashes of a tile.
type Tile struct {
	Level int    // of tiles, from 0
	N     uint64 // from the left
	Width int    // 1 to TileWidth
}

// TileIndex is the place of a full tile among all full ones in the order in which they fill: one that
// holds the roots of others comes right after the last of them.
func TileIndex(level int, n uint64) uint64 {
	index := uint64(level) // those below that fill at the same leaf
	last := (n+1)<<(tileHeight*(level+1)) - 1
	return index + FullTiles(last)
}

// FullTiles is how many tiles a tree of that size has filled.
func FullTiles(size uint64) (count uint64) {
	for size >>= tileHeight; size > 0; size >>= tileHeight {
		count += size
	}
	return count
}

// Path is the tile's path in a log (C2SP tlog-tiles), without what the log's own prefix is. The paths of
// sumdb/tlog are others.
func (t Tile) Path() string {
	var n strings.Builder
	for _, group := range groups(t.N) {
		fmt.Fprintf(&n, "/x%03d", group)
	}
	fmt.Fprintf(&n, "/%03d", t.N%1000)
	if t.Width < TileWidth {
		fmt.Fprintf(&n, ".p/%d", t.Width)
	}
	return fmt.Sprintf("tile/%d%s", t.Level, n.String())
}

// groups is the digits of n by threes, without the last three.
func groups(n uint64) (out []uint64) {
	for n /= 1000; n > 0; n /= 1000 {
		out = append([]uint64{n % 1000}, out...)
	}
	return out
}

// Within says whether all of the tile's hashes are over leaves of a tree of that size.
func (t Tile) Within(size uint64) bool {
	shift := tileHeight * t.Level
	return shift < 64 && t.N < size && t.N*TileWidth+uint64(t.Width) <= size>>shift
}

// ErrPath says that a path names no tile of hashes.
var ErrPath = errors.New("not the path of a tile")

// ParsePath reads what Path writes, and nothing else.
func ParsePath(path string) (Tile, error) {
	t := Tile{Width: TileWidth}
	rest, ok := strings.CutPrefix(path, "tile/")
	level, rest, cut := strings.Cut(rest, "/")
	if !ok || !cut {
		return Tile{}, ErrPath
	}
	var errWidth error
	if n, width, partial := strings.Cut(rest, ".p/"); partial {
		rest = n
		t.Width, errWidth = strconv.Atoi(width)
	}
	var errLevel, errN error
	t.Level, errLevel = strconv.Atoi(level)
	t.N, errN = parseNumber(rest)
	err := errors.Join(errLevel, errN, errWidth)
	if err != nil || t.Level < 0 || t.Level > maxLevel || t.Width < 1 || t.Width > TileWidth || t.Path() != path {
		return Tile{}, ErrPath
	}
	return t, nil
}

func parseNumber(text string) (n uint64, err error) {
	for group := range strings.SplitSeq(text, "/") {
		digits, err := strconv.ParseUint(strings.TrimPrefix(group, "x"), 10, 10)
		if err != nil || n > math.MaxUint64/1000-1 {
			return 0, ErrPath
		}
		n = n*1000 + digits
	}
	return n, nil
}
