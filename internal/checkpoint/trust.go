package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// MaxNote is the most bytes of a signed note that is looked at.
const MaxNote = 64 << 10

// Trust is whom somebody believes about one log.
type Trust struct {
	keys      []logKey // of the log: the one that is trusted first, then those that were followed to
	witnesses []*cosigner
	quorum    int
}

// NewTrust reads verifier keys: the log's, and those of witnesses, of whom so many must have co-signed before a
// checkpoint counts as witnessed. None of them may be named twice.
func NewTrust(log string, witnesses []string, quorum int) (*Trust, error) {
	key, err := newVerifier(log)
	if err != nil {
		return nil, fmt.Errorf("%w: %.200q: %w", errVerifier, log, err)
	}
	if quorum < 0 || quorum > len(witnesses) {
		return nil, fmt.Errorf("%d witnesses are needed, but %d are known", quorum, len(witnesses))
	}
	t := &Trust{keys: []logKey{{verifier: key}}, quorum: quorum}
	for _, vkey := range witnesses {
		w, err := newCosigner(vkey)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(t.witnesses, func(o *cosigner) bool { return o.name == w.name || o.public.Equal(w.public) }) {
			return nil, fmt.Errorf("%w: %.200q is named twice, by name or by key", errVerifier, vkey)
		}
		t.witnesses = append(t.witnesses, w)
	}
	return t, nil
}

// Origin is the log that it is about.
func (t *Trust) Origin() string { return t.keys[0].Name() }

// Quorum is how many witnesses are needed.
func (t *Trust) Quorum() int { return t.quorum }

// ErrNote says that a note isn't a checkpoint that the log has signed.
var ErrNote = errors.New("not a signed checkpoint of this log")

// Signed is a checkpoint that the log has signed.
type Signed struct {
	Checkpoint
	Witnesses []string // names of those known ones who co-signed, in the order of the note
	Witnessed bool     // they are enough
	note      *note.Note
}

// Open reads a note. It must have the log's own signature; a signature of the log or of a known witness that is
// bad spoils the whole note, and others' are not looked at.
func (t *Trust) Open(signed []byte) (Signed, error) {
	if len(signed) > MaxNote {
		return Signed{}, fmt.Errorf("%w: too long", ErrNote)
	}
	var known []note.Verifier
	for _, k := range t.keys {
		known = append(known, k)
	}
	for _, w := range t.witnesses {
		known = append(known, w)
	}
	n, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrNote, err)
	}
	c, err := Parse(n.Text)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrNote, err)
	}
	s := Signed{Checkpoint: c, note: n}
	byLog := false
	for _, signature := range n.Sigs {
		if k := t.signer(signature); k == nil {
			s.Witnesses = append(s.Witnesses, signature.Name)
		} else if k.until == nil || c.Size <= *k.until {
			byLog = true
		}
	}
	if !byLog || c.Origin != t.Origin() {
		return Signed{}, fmt.Errorf("%w: it is of %.200q, or the log hasn't signed it", ErrNote, c.Origin)
	}
	s.Witnessed = t.quorum > 0 && len(s.Witnesses) >= t.quorum
	return s, nil
}

// signer is the key of the log that the signature is of; nil: of none.
func (t *Trust) signer(s note.Signature) *logKey {
	i := slices.IndexFunc(t.keys, func(k logKey) bool { return k.Name() == s.Name && k.KeyHash() == s.Hash })
	if i < 0 {
		return nil
	}
	return &t.keys[i]
}

// Add is the note with the signature lines that a witness answered with. Lines of others are left out; it is an error if
// none is of a known witness, or one of them is bad.
func (t *Trust) Add(signed, lines []byte) ([]byte, error) {
	if len(signed)+len(lines) > MaxNote {
		return nil, fmt.Errorf("%w: too long", ErrNote)
	}
	before, err := t.Open(signed)
	if err != nil {
		return nil, err
	}
	after, err := t.Open(slices.Concat(signed, lines))
	if err != nil {
		return nil, err
	}
	if len(after.Witnesses) <= len(before.Witnesses) {
		return nil, fmt.Errorf("%w: no signature of another known witness", ErrNote)
	}
	return note.Sign(&note.Note{Text: after.note.Text, Sigs: after.note.Sigs})
}

// Known says whether the vkey's witness has co-signed.
func (s Signed) Known(vkey string) bool {
	name, _, _ := strings.Cut(vkey, "+")
	return slices.Contains(s.Witnesses, name)
}
