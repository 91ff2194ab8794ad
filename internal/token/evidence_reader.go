package token

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// evidenceReader reads what evidenceWriter wrote. The first thing that can't be is its err; all
// that is read after it is empty.
type evidenceReader struct {
	beside
	format byte
	whole  string // which the table's strings point into
	rest   []byte
	table  []string
	err    error
}

func newEvidenceReader(text []byte, b beside) *evidenceReader {
	r := &evidenceReader{beside: b, whole: string(text), rest: text}
	if len(text) == 0 || text[0] != evidenceFormat && text[0] != evidenceBeyond {
		r.fail("unknown format")
		return r
	}
	r.format, r.rest = text[0], text[1:]
	n := r.count()
	r.table = make([]string, 0, n)
	for range n {
		length := r.number()
		at := len(text) - len(r.rest)
		r.table = append(r.table, r.whole[at:at+len(r.take(length))])
	}
	return r
}

func (r *evidenceReader) fail(why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: evidence: %s", ErrClaims, why)
	}
	r.rest = nil
}

func (r *evidenceReader) take(n int) []byte {
	if r.err != nil || n > len(r.rest) {
		r.fail("too short")
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *evidenceReader) number() int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > 1<<31 {
		r.fail("bad number")
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

// count is a number of things that follow, each of at least one byte.
func (r *evidenceReader) count() int {
	n := r.number()
	if n > maxList || n > len(r.rest) {
		r.fail("too many")
		return 0
	}
	return n
}

func (r *evidenceReader) text() string {
	i := r.number()
	if r.err != nil || i >= len(r.table) {
		r.fail("no such string")
		return ""
	}
	return r.table[i]
}

func (r *evidenceReader) texts() []string {
	n := r.count()
	if n == 0 {
		return nil
	}
	out := make([]string, 0, n)
	for range n {
		out = append(out, r.text())
	}
	return out
}

func (r *evidenceReader) attributes() map[string]any {
	text := r.text()
	if text == "" || r.err != nil {
		return nil
	}
	set, err := ParseClaims([]byte(text))
	if err != nil {
		r.fail("attributes")
	}
	return set
}

func (r *evidenceReader) id() ID {
	i := r.number()
	if r.err != nil || i >= len(r.ids) {
		r.fail("no such token")
		return ID{}
	}
	return r.ids[i]
}

func (r *evidenceReader) reach() []ReachEntry {
	n := r.count()
	if r.err != nil {
		return nil
	}
	if n == 0 {
		out := make([]ReachEntry, 0, len(r.audience))
		for _, resource := range r.audience {
			out = append(out, ReachEntry{Resource: resource, Scopes: r.scope})
		}
		return out
	}
	var out []ReachEntry
	for range n - 1 {
		e := ReachEntry{Resource: r.text()}
		bits := r.take((len(r.scope) + 7) / 8)
		for i, name := range r.scope {
			if bits != nil && bits[i/8]&(1<<(i%8)) != 0 {
				e.Scopes = append(e.Scopes, name)
			}
		}
		e.Scopes = append(e.Scopes, r.texts()...)
		slices.Sort(e.Scopes)
		out = append(out, e)
	}
	return out
}
