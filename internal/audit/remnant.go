package audit

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// ErrDropped says that an entry's body was dropped when its class's time was over. Its hash is where it was.
var ErrDropped = errors.New("the body of this entry was dropped: its time was over")

// Class is a kind of entries that are kept for the same time.
type Class string

// The classes that a time may be set for. All other entries are kept for good: what changed the server's state, and
// what says which bodies were dropped.
const (
	ClassIssued  Class = "issued"  // a token was granted
	ClassRefused Class = "refused" // something was refused, or refusals counted
	ClassUsed    Class = "used"    // uses of tokens, one by one or counted
	ClassRevoked Class = "revoked" // power was taken away, or a block lifted
)

// Classes lists them.
func Classes() []Class { return []Class{ClassIssued, ClassRefused, ClassUsed, ClassRevoked} }

// classOf is the class of an entry of that kind; empty: kept for good.
func classOf(kind Kind, outcome Outcome) Class {
	switch {
	case outcome == OutcomeRefused:
		return ClassRefused
	case kind == KindUse, kind == KindEveryUse, kind == KindUses:
		return ClassUsed
	case outcome == OutcomeGranted:
		return ClassIssued
	case kind == KindRevocation, kind == KindUnblock:
		return ClassRevoked
	}
	return ""
}

// class is what a sketch tells of it.
func (s *Sketch) class() Class {
	var kind Kind
	var outcome Outcome
	for _, t := range s.Terms {
		switch t.Field {
		case FieldKind:
			kind = Kind(t.Text)
		case FieldOutcome:
			outcome = Outcome(t.Text)
		default:
		}
	}
	return classOf(kind, outcome)
}

// Remnant is what the store keeps in the place of an entry whose body was dropped: a zero byte, with which no entry
// begins, the decision's id, which holds the time, and the class. Nothing proves it but the entry that says which
// bodies were dropped; what it says itself only helps to find one's way.
type Remnant struct {
	Decision string
	Class    Class
}

// ReadRemnant says whether that is one.
func ReadRemnant(stored []byte) (r Remnant, ok bool) {
	if len(stored) <= 1+decisionSize || stored[0] != 0 {
		return r, false
	}
	r = Remnant{string(stored[1 : 1+decisionSize]), Class(stored[1+decisionSize:])}
	_, err := decisionTime(r.Decision)
	return r, err == nil
}

func (r Remnant) stored() []byte { return []byte("\x00" + r.Decision + string(r.Class)) }

// Time is when the request began.
func (r Remnant) Time() time.Time {
	at, _ := decisionTime(r.Decision) // ReadRemnant has read it
	return at
}

// Leaf is the entry's hash in the tree: that of its bytes or, where they were dropped, the one that its tile has.
func Leaf(t *tree.Reader, index uint64, stored []byte) (tree.Hash, error) {
	if _, dropped := ReadRemnant(stored); dropped {
		return t.Leaf(index)
	}
	return tree.LeafHash(stored), nil
}

// item is an entry as it is stored, with the hash that the tree has of it.
func item(t *tree.Reader, index uint64, stored []byte) (i Item, err error) {
	i.Index = index
	if r, dropped := ReadRemnant(stored); dropped {
		i.Dropped = r
	} else {
		i.Bytes = append(i.Bytes, stored...)
	}
	i.Leaf, err = Leaf(t, index, stored)
	return i, err
}

// hashes reads the tree of all that the store has.
func hashes(r store.Reader) (*tree.Reader, error) {
	meta, err := r.Meta()
	return tree.NewReader(r, meta.Treed), err
}

// Absences holds the entries that have no body to those that say which bodies were dropped. These come later in the
// log, in whose tree they are, so whoever knows its root knows what was dropped when, and that nothing else is gone.
type Absences struct{ words map[uint64]uint64 }

// Missing notes an entry without a body.
func (a *Absences) Missing(index uint64) {
	if a.words == nil {
		a.words = make(map[uint64]uint64)
	}
	a.words[index/64] |= 1 << (index % 64)
}

// Explained takes the entries from the list of which an entry says that their bodies were dropped.
func (a *Absences) Explained(e *Event) error {
	if e.Dropped == nil || len(a.words) == 0 {
		return nil
	}
	return e.Dropped.each(func(index uint64) {
		if word := a.words[index/64] &^ (1 << (index % 64)); word != 0 {
			a.words[index/64] = word
		} else {
			delete(a.words, index/64)
		}
	})
}

// Gone says whether only a rest is left of an entry, or nothing.
func Gone(stored []byte) bool {
	_, dropped := ReadRemnant(stored)
	return dropped || len(stored) == 0
}

// Glance takes an entry, and reads it only if it says which bodies were dropped.
func (a *Absences) Glance(index uint64, stored []byte) error {
	if Gone(stored) {
		a.Missing(index)
		return nil
	}
	if !bytes.Contains(stored, []byte(`"kind":"`+string(KindRetention)+`"`)) {
		return nil
	}
	e, err := Decode(stored)
	if err != nil {
		return err
	}
	return a.Explained(&e)
}

// Left is the first entry whose body is gone though no entry says so, if there is one.
func (a *Absences) Left() (first uint64, left bool) {
	for n, word := range a.words {
		for bit := range uint64(64) {
			if index := 64*n + bit; word&(1<<bit) != 0 && (!left || index < first) {
				first, left = index, true
			}
		}
	}
	return first, left
}

// ErrAbsent says that the body of an entry is gone and no entry says that it was dropped.
var ErrAbsent = fmt.Errorf("%w: its body is gone, and no entry says that it was dropped", ErrEntry)
