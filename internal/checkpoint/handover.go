package checkpoint

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// A handover is the last checkpoint that a key of the log signs and the first that the next one does. Its lines after the
// third name both, so either key speaks for the other, and whoever trusts one can follow to the other.
const (
	newKeyLine = "new-key "
	oldKeyLine = "old-key "
)

// MaxHandovers is the most bytes of handovers that are looked at.
const MaxHandovers = 1 << 20

// HandOver is the checkpoint with which next takes over from k.
func (k *Key) HandOver(next *Key, size uint64, root [32]byte) ([]byte, error) {
	if next.origin != k.origin {
		return nil, errors.New("checkpoint key: the next one is of another log")
	}
	c := Checkpoint{Origin: k.origin, Size: size, Root: root}
	text := c.Text() + newKeyLine + next.verifier + "\n" + oldKeyLine + k.verifier + "\n"
	return note.Sign(&note.Note{Text: text}, signer{k}, signer{next})
}

// handover is one that was read, both of whose signatures are good.
type handover struct {
	Checkpoint
	from, to verifier
}

// readHandover reads what may be made up by anybody: it speaks only for who trusts one of its keys.
func readHandover(signed []byte, origin string) (h handover, err error) {
	if len(signed) > MaxNote {
		return h, fmt.Errorf("%w: too long", ErrNote)
	}
	if h.Checkpoint, err = Unverified(signed); err != nil {
		return h, fmt.Errorf("%w: %w", ErrNote, err)
	}
	text, _, _ := strings.Cut(string(signed), "\n\n")
	lines := strings.Split(text, "\n")[3:]
	if len(lines) != 2 || h.Origin != origin {
		return h, fmt.Errorf("%w: not a handover of this log", ErrNote)
	}
	for i, to := range []*verifier{&h.to, &h.from} {
		vkey, found := strings.CutPrefix(lines[i], []string{newKeyLine, oldKeyLine}[i])
		v, err := newVerifier(vkey)
		if !found || err != nil || v.Name() != origin {
			return h, fmt.Errorf("%w: not a handover of this log", ErrNote)
		}
		*to = v
	}
	if same(h.from, h.to) {
		return h, fmt.Errorf("%w: a key hands over to itself", ErrNote)
	}
	for _, v := range []verifier{h.from, h.to} {
		if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
			return h, fmt.Errorf("%w: handover: %w", ErrNote, err)
		}
	}
	return h, nil
}

// verifier is one of the log's keys. Which one it is, the whole key says: its id has 32 bits, so that anybody can make
// another key of the same one.
type verifier struct {
	note.Verifier
	public string // as the verifier key has it: the algorithm and the key
}

func newVerifier(vkey string) (v verifier, err error) {
	if v.Verifier, err = note.NewVerifier(vkey); err != nil {
		return v, err
	}
	key, err := base64.StdEncoding.DecodeString(vkey[strings.IndexByte(vkey, '+')+len("+01234567+"):])
	v.public = string(key)
	return v, err
}

func same(a, b verifier) bool { return a.Name() == b.Name() && a.public == b.public }

// logKey is one of the keys that sign, or signed, one after another.
type logKey struct {
	verifier
	until *uint64 // the size of the last checkpoint that it may have signed; nil: it wasn't followed by another
}

func (t *Trust) key(v verifier) *logKey {
	for i := range t.keys {
		if same(t.keys[i].verifier, v) {
			return &t.keys[i]
		}
	}
	return nil
}

// Follow is the trust in whom the trusted key handed over to, and in who handed over to it, as far as the handovers
// lead. A key is trusted no further than the handover with which it ended. Handovers between others are passed over. It
// also returns those that were followed, which the log must agree with.
func (t *Trust) Follow(handovers [][]byte) (*Trust, []Checkpoint, error) {
	next := *t
	next.keys = slices.Clone(t.keys)
	var followed []Checkpoint
	left := slices.Clone(handovers)
	for {
		i := slices.IndexFunc(left, func(signed []byte) bool {
			h, err := readHandover(signed, t.Origin())
			return err == nil && (next.key(h.from) != nil || next.key(h.to) != nil)
		})
		if i < 0 {
			return &next, followed, nil
		}
		h, _ := readHandover(left[i], t.Origin()) // IndexFunc has read it
		left = slices.Delete(left, i, i+1)
		if err := next.take(h); err != nil {
			return nil, nil, err
		}
		followed = append(followed, h.Checkpoint)
	}
}

func (t *Trust) take(h handover) error {
	if from := t.key(h.from); from != nil && from.until != nil {
		return fmt.Errorf("%w: a key handed over twice", ErrNote)
	}
	if t.key(h.to) == nil {
		t.keys = append(t.keys, logKey{verifier: h.to})
	}
	if t.key(h.from) == nil {
		t.keys = append(t.keys, logKey{verifier: h.from})
	}
	size := h.Size
	t.key(h.from).until = &size
	return nil
}

// JoinHandovers is handovers as one text.
func JoinHandovers(handovers [][]byte) []byte {
	var b []byte
	for _, h := range handovers {
		b = append(append(b, h...), "\n\n"...)
	}
	return b
}

// SplitHandovers reads what JoinHandovers wrote: no note has two empty lines.
func SplitHandovers(joined []byte) (handovers [][]byte) {
	for part := range strings.SplitSeq(string(joined), "\n\n\n") {
		if part != "" {
			handovers = append(handovers, []byte(part+"\n"))
		}
	}
	return handovers
}
