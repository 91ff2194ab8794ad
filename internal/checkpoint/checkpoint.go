package checkpoint

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
)

// Checkpoint is the state of a log at one moment.
type Checkpoint struct {
	Origin string // names the log, and no other
	Size   uint64
	Root   [32]byte
}

// Origin names the log of one generation of the state of an issuer, as a URL without its scheme: it is where
// the log is served. A restored state has another generation, so its log never shares an origin with the old one.
func Origin(issuer string, generation [16]byte) string {
	return PlaceOf(issuer) + ending(generation)
}

// PlaceOf is what the names of an issuer's logs begin with: its host, port and path.
func PlaceOf(issuer string) string {
	place := issuer
	if u, err := url.Parse(issuer); err == nil {
		place = u.Host + strings.TrimSuffix(u.EscapedPath(), "/")
	}
	return strings.NewReplacer("+", "%2B", " ", "%20").Replace(place) // what the name of a key can't hold
}

// Place is what the name of a log begins with.
func Place(origin string) string { return origin[:max(strings.LastIndex(origin, "/log/"), 0)] }

// Successor names the log of a later generation of the same state.
func Successor(origin string, generation [16]byte) string { return Place(origin) + ending(generation) }

// OfGeneration says whether the origin is of a log of that generation.
func OfGeneration(origin string, generation [16]byte) bool {
	return strings.HasSuffix(origin, ending(generation))
}

func ending(generation [16]byte) string { return "/log/" + hex.EncodeToString(generation[:]) }

// Text is the body of the note (C2SP tlog-checkpoint).
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// ErrText says that a text is no checkpoint.
var ErrText = errors.New("not a checkpoint")

// Parse reads the body of a note. Lines after the third say nothing that this version understands, but may be there.
func Parse(text string) (Checkpoint, error) {
	body, ok := strings.CutSuffix(text, "\n")
	lines := strings.Split(body, "\n")
	if !ok || len(lines) < 3 || lines[0] == "" {
		return Checkpoint{}, ErrText
	}
	for _, extension := range lines[3:] {
		if extension == "" {
			return Checkpoint{}, ErrText
		}
	}
	size, err := parseSize(lines[1])
	if err != nil {
		return Checkpoint{}, ErrText
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return Checkpoint{}, ErrText
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// Unverified is what a note says, whoever signed it.
func Unverified(signed []byte) (Checkpoint, error) {
	text, _, _ := strings.Cut(string(signed), "\n\n")
	return Parse(text + "\n")
}

// parseSize reads a decimal number without leading zeros. What sumdb/tlog can't count is refused.
func parseSize(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > math.MaxInt64 || strconv.FormatUint(n, 10) != text {
		return 0, ErrText
	}
	return n, nil
}

// parseHash reads one hash in its one base64 form.
func parseHash(text string) (hash [32]byte, err error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(hash) || strings.ContainsAny(text, "\r\n") {
		return hash, ErrText
	}
	return [32]byte(raw), nil
}
