package checkpoint

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Proof is the proof that a log holds an entry at an index, checkable offline (C2SP tlog-proof).
type Proof struct {
	Index  uint64
	Hashes []tlog.Hash // from the leaf's sibling to the root's child (RFC 6962 section 2.1.1)
	Note   []byte      // the signed checkpoint
}

// ErrProof says that a text is no proof, or proves something else.
var ErrProof = errors.New("not a proof that the log holds the entry")

const (
	proofHeader = "c2sp.org/tlog-proof@v1\n"
	maxHashes   = 63
)

// Text is the proof as it is kept in a file.
func (p Proof) Text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%sindex %d\n", proofHeader, p.Index)
	for _, h := range p.Hashes {
		out.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	return out.String() + "\n" + string(p.Note)
}

// ParseProof reads what Text writes. Extra data, of which this version knows no use, is passed over.
func ParseProof(text string) (p Proof, err error) {
	rest, ok := strings.CutPrefix(text, proofHeader)
	head, signed, cut := strings.Cut(rest, "\n\n")
	if !ok || !cut || len(text) > MaxNote {
		return Proof{}, ErrProof
	}
	lines := strings.Split(head, "\n")
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || len(lines)-1 > maxHashes {
		return Proof{}, ErrProof
	}
	index, ok := strings.CutPrefix(lines[0], "index ")
	if p.Index, err = parseSize(index); err != nil || !ok {
		return Proof{}, ErrProof
	}
	for _, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return Proof{}, ErrProof
		}
		p.Hashes = append(p.Hashes, h)
	}
	p.Note = []byte(signed)
	return p, nil
}

// Verify says whether the proof shows that the log that t trusts holds an entry with that leaf hash, and by which checkpoint.
func (p Proof) Verify(t *Trust, leaf tlog.Hash) (Signed, error) {
	s, err := t.Open(p.Note)
	if err != nil {
		return Signed{}, err
	}
	if p.Index >= s.Size || s.Size > math.MaxInt64 {
		return Signed{}, fmt.Errorf("%w: the checkpoint has %d entries, which entry %d isn't among", ErrProof, s.Size, p.Index)
	}
	if err := tlog.CheckRecord(p.Hashes, int64(s.Size), tlog.Hash(s.Root), int64(p.Index), leaf); err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return s, nil
}
