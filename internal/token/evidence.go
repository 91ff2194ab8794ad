package token

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/whittle-sts/whittle/internal/exact"
	"github.com/whittle-sts/whittle/internal/principal"
)

// Evidence is written in a small binary form, since it must fit into a header beside the claims: a
// table of all strings, each once, then numbers that point into it. Token ids point into the
// lineage, scopes into the scope claim, both of which stand in the clear beside it.

const (
	evidenceFormat = 1
	evidenceBeyond = 2    // the same, with Beyond at the end: of tokens with an actor token on their way
	maxList        = 4096 // things in one list, and strings in the table
)

// beside is the claims that stand in the clear beside the evidence, which it refers to.
type beside struct {
	ids      []ID     // the lineage and the token itself
	scope    []string // the scope claim
	audience []string // the aud claim; empty for an exchange-only token
}

func besideOf(c *Claims) beside {
	b := beside{ids: slices.Concat(c.Lineage, []ID{c.ID}), scope: c.Scope}
	if !c.ExchangeOnly() {
		b.audience = c.Audience
	}
	return b
}

func encodeEvidence(e *Evidence, b beside) ([]byte, error) {
	w := newEvidenceWriter(b)
	w.text(e.Root.Issuer)
	w.text(e.Root.Subject)
	w.texts(e.Root.Groups)
	if err := w.attributes(e.Root.Attributes); err != nil {
		return nil, err
	}
	w.texts(e.Bindings)
	w.count(len(e.Actors))
	for _, a := range e.Actors {
		w.text(a.Issuer)
		w.text(a.Subject)
	}
	w.count(len(e.Hops))
	for _, h := range e.Hops {
		w.id(h.Token)
		w.text(h.Client)
		w.text(h.Rule)
		w.texts(h.Audience)
		w.text(h.Key)
	}
	w.reach(e.Reach)
	w.number(e.Depth)
	w.count(len(e.Limited))
	for _, id := range e.Limited {
		w.id(id)
	}
	w.text(e.Label)
	if len(e.Beyond) > 0 {
		w.format = evidenceBeyond
		w.texts(e.Beyond)
	}
	return w.bytes()
}

func decodeEvidence(text []byte, b beside) (Evidence, error) {
	r := newEvidenceReader(text, b)
	var e Evidence
	e.Root.ID = principal.ID{Issuer: r.text(), Subject: r.text()}
	e.Root.Groups = r.texts()
	e.Root.Attributes = r.attributes()
	e.Bindings = r.texts()
	for range r.count() {
		e.Actors = append(e.Actors, principal.ID{Issuer: r.text(), Subject: r.text()})
	}
	for range r.count() {
		e.Hops = append(e.Hops, Hop{Token: r.id(), Client: r.text(), Rule: r.text(), Audience: r.texts(), Key: r.text()})
	}
	e.Reach = r.reach()
	e.Depth = r.number()
	for range r.count() {
		e.Limited = append(e.Limited, r.id())
	}
	e.Label = r.text()
	if r.format == evidenceBeyond {
		if e.Beyond = r.texts(); len(e.Beyond) == 0 {
			r.fail("no need for its format")
		}
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail("bytes behind the end")
	}
	return e, r.err
}

type evidenceWriter struct {
	beside
	format byte
	table  []string
	index  map[string]int // into a table of more than searched strings
	body   []byte
	err    error
}

// searched is how many strings are looked through one by one. Evidence has some ten, for which a map would
// cost 1.5 KiB and 3 µs.
const searched = 32

// newEvidenceWriter has room for usual evidence.
func newEvidenceWriter(b beside) *evidenceWriter {
	return &evidenceWriter{beside: b, format: evidenceFormat, table: make([]string, 0, 16), body: make([]byte, 0, 128)}
}

func (w *evidenceWriter) number(n int) { w.body = binary.AppendUvarint(w.body, uint64(n)) }

// count is the number of things that follow, of which a reader takes only so many.
func (w *evidenceWriter) count(n int) {
	if n > maxList {
		w.err = ErrEvidence
	}
	w.number(n)
}

func (w *evidenceWriter) text(s string) {
	i := w.find(s)
	if i < 0 {
		i = len(w.table)
		w.table = append(w.table, s)
		if w.index != nil {
			w.index[s] = i
		}
	}
	w.number(i)
}

// find is where the table has the string, or -1.
func (w *evidenceWriter) find(s string) int {
	if len(w.table) <= searched {
		return slices.Index(w.table, s)
	}
	if w.index == nil {
		w.index = make(map[string]int, 2*len(w.table))
		for i, known := range w.table {
			w.index[known] = i
		}
	}
	if i, ok := w.index[s]; ok {
		return i
	}
	return -1
}

func (w *evidenceWriter) texts(list []string) {
	w.count(len(list))
	for _, s := range list {
		w.text(s)
	}
}

func (w *evidenceWriter) attributes(a map[string]any) error {
	if len(a) == 0 {
		w.text("")
		return nil
	}
	text, err := exact.AppendObject(nil, a)
	if err != nil {
		return fmt.Errorf("attributes: %w", err)
	}
	w.text(string(text))
	return nil
}

func (w *evidenceWriter) id(id ID) {
	i := slices.Index(w.ids, id)
	if i < 0 {
		w.err = fmt.Errorf("%w: evidence names a token that isn't in the lineage", ErrClaims)
	}
	w.number(max(i, 0))
}

// reach is written as a bitmap over the scope claim for each resource, and the scopes beyond it by
// name; what is just the usable part is not written at all.
func (w *evidenceWriter) reach(reach []ReachEntry) {
	if w.isUsable(reach) {
		w.number(0)
		return
	}
	w.count(1 + len(reach))
	for _, e := range reach {
		bits := make([]byte, (len(w.scope)+7)/8)
		var beyond []string
		for _, name := range e.Scopes {
			if i, ok := slices.BinarySearch(w.scope, name); ok { // a scope claim is sorted; if not, names will do
				bits[i/8] |= 1 << (i % 8)
			} else {
				beyond = append(beyond, name)
			}
		}
		w.text(e.Resource)
		w.body = append(w.body, bits...)
		w.texts(beyond)
	}
}

// isUsable says whether the reach is exactly audience × scope.
func (w *evidenceWriter) isUsable(reach []ReachEntry) bool {
	if len(reach) == 0 || len(reach) != len(w.audience) {
		return false
	}
	for i, e := range reach {
		if e.Resource != w.audience[i] || !slices.Equal(e.Scopes, w.scope) {
			return false
		}
	}
	return true
}

func (w *evidenceWriter) bytes() ([]byte, error) {
	if len(w.table) > maxList {
		w.err = ErrEvidence
	}
	if w.err != nil {
		return nil, w.err
	}
	size := len(w.body) + 2*binary.MaxVarintLen16
	for _, s := range w.table {
		size += len(s) + binary.MaxVarintLen16
	}
	out := append(make([]byte, 0, size), w.format)
	out = binary.AppendUvarint(out, uint64(len(w.table)))
	for _, s := range w.table {
		out = binary.AppendUvarint(out, uint64(len(s)))
		out = append(out, s...)
	}
	return append(out, w.body...), nil
}
