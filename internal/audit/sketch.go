package audit

import (
	"bytes"
	"time"
)

// Field is what a filter can ask for. The numbers stand in indexes that others keep, so none changes.
type Field byte

// The fields.
const (
	FieldClient   Field = iota + 1 // that asked
	FieldTask                      // that it belongs to
	FieldToken                     // presented, granted, used, revoked, or an ancestor of such a one
	FieldScope                     // asked for, granted or exercised
	FieldResource                  // asked for or granted, also by the names that `audience` took
	FieldKind                      // what it is about
	FieldOutcome                   // how it ended
	FieldReason                    // why
	FieldRule                      // that decided
	FieldPolicy                    // the version that decided
	FieldPerson                    // whom it names, by the pseudonym that leads nowhere once the person was erased

	fieldDecision // where the time is
	fieldRevoked  // of which kind the selector is
	fieldSelector
	fieldChanged // what an entry of privacy names the person by
	fieldRole    // of the person before it
	fieldSealed  // what is said of that person
)

// Term is one thing that a filter can ask for, as it stands in an entry: a JSON string without its quotes, or a
// number.
type Term struct {
	Field Field
	Text  []byte
}

// Sketch is what a filter can ask of one entry, and whom it names. Making one costs a tenth of [Decode], and needs no key.
type Sketch struct {
	Decision []byte
	Terms    []Term

	people  []sealedPerson
	revoked string // the kind of the revocation's selector
	changed []byte // the id of what was changed
}

// sealedPerson is one of an entry's people, as they stand there.
type sealedPerson struct{ key, role, sealed []byte }

// spot is a member of an entry. A list is where its elements are.
type spot struct {
	field Field
	below map[string]*spot
}

func leaf(f Field) *spot { return &spot{field: f} }

func object(members map[string]*spot) *spot { return &spot{below: members} }

// asked says which members a filter looks at; all others, of kinds that are still to come too, are passed over.
var asked = object(map[string]*spot{
	"actor_token": object(map[string]*spot{"id": leaf(FieldToken)}),
	"asked": object(map[string]*spot{
		"audience": leaf(FieldResource), "resource": leaf(FieldResource), "scope": leaf(FieldScope),
	}),
	"change":   object(map[string]*spot{"id": leaf(fieldChanged)}),
	"client":   leaf(FieldClient),
	"decision": leaf(fieldDecision),
	"granted": object(map[string]*spot{
		"audience": leaf(FieldResource), "lineage": leaf(FieldToken),
		"reach": object(map[string]*spot{"resource": leaf(FieldResource), "scope": leaf(FieldScope)}),
		"scope": leaf(FieldScope), "task": leaf(FieldTask), "token": leaf(FieldToken),
	}),
	"kind":          leaf(FieldKind),
	"outcome":       leaf(FieldOutcome),
	"people":        object(map[string]*spot{"key": leaf(FieldPerson), "role": leaf(fieldRole), "sealed": leaf(fieldSealed)}),
	"policy":        leaf(FieldPolicy),
	"reason":        leaf(FieldReason),
	"revoked":       object(map[string]*spot{"kind": leaf(fieldRevoked), "selector": leaf(fieldSelector)}),
	"rule":          leaf(FieldRule),
	"subject_token": object(map[string]*spot{"id": leaf(FieldToken)}),
	"used": object(map[string]*spot{
		"limited": leaf(FieldToken), "task": leaf(FieldTask), "token": leaf(FieldToken),
	}),
	"uses": object(map[string]*spot{"rows": object(map[string]*spot{
		"scope": leaf(FieldScope), "task": leaf(FieldTask), "token": leaf(FieldToken),
	})}),
})

// maxNesting is more than any entry has.
const maxNesting = 16

// Read takes what a filter can ask for from an entry as it is stored; the terms are parts of it. It reads canonical
// JSON and nothing else. What isn't is false: [Decode] says why.
func (s *Sketch) Read(entry []byte) bool {
	s.Decision, s.Terms, s.people, s.revoked, s.changed = nil, s.Terms[:0], s.people[:0], "", nil
	rest, ok := s.value(asked, entry, 0)
	return ok && len(rest) == 0 && s.Decision != nil
}

// Time is when the request began: it is in the decision's id.
func (s *Sketch) Time() (time.Time, error) { return decisionTime(string(s.Decision)) }

// has says whether one of the terms is this one.
func (s *Sketch) has(want Term) bool {
	for _, t := range s.Terms {
		if t.Field == want.Field && bytes.Equal(t.Text, want.Text) {
			return true
		}
	}
	return false
}

// value reads one value, of which p is nil if nobody asks for it, and returns what follows.
func (s *Sketch) value(p *spot, b []byte, nesting int) (rest []byte, ok bool) {
	if len(b) == 0 || nesting > maxNesting {
		return nil, false
	}
	switch b[0] {
	case '{':
		return s.members(p, b[1:], nesting+1)
	case '[':
		return s.elements(p, b[1:], nesting+1)
	case '"':
		text, rest, ok := cutString(b)
		s.take(p, text)
		return rest, ok
	}
	end := bytes.IndexAny(b, ",]}")
	if end <= 0 {
		return nil, false
	}
	s.take(p, b[:end])
	return b[end:], true
}

func (s *Sketch) members(p *spot, b []byte, nesting int) (rest []byte, ok bool) {
	if len(b) > 0 && b[0] == '}' {
		return b[1:], true
	}
	for {
		name, rest, ok := cutString(b)
		if !ok || len(rest) == 0 || rest[0] != ':' {
			return nil, false
		}
		var below *spot
		if p != nil {
			below = p.below[string(name)]
		}
		if rest, ok = s.value(below, rest[1:], nesting); !ok || len(rest) == 0 {
			return nil, false
		}
		if rest[0] == '}' {
			return rest[1:], true
		}
		if rest[0] != ',' {
			return nil, false
		}
		b = rest[1:]
	}
}

func (s *Sketch) elements(p *spot, b []byte, nesting int) (rest []byte, ok bool) {
	if len(b) > 0 && b[0] == ']' {
		return b[1:], true
	}
	for {
		if rest, ok = s.value(p, b, nesting); !ok || len(rest) == 0 {
			return nil, false
		}
		if rest[0] == ']' {
			return rest[1:], true
		}
		if rest[0] != ',' {
			return nil, false
		}
		b = rest[1:]
	}
}

// take notes a value that is asked for.
func (s *Sketch) take(p *spot, text []byte) {
	if p == nil || p.field == 0 || len(text) == 0 {
		return
	}
	switch p.field {
	case fieldDecision:
		s.Decision = text
	case fieldRevoked: // it stands before the selector
		s.revoked = string(text)
	case fieldSelector:
		switch s.revoked {
		case "task":
			s.Terms = append(s.Terms, Term{FieldTask, text})
		case "token":
			s.Terms = append(s.Terms, Term{FieldToken, text})
		}
	case fieldChanged: // it stands before the kind
		s.changed = text
	case FieldKind:
		s.Terms = append(s.Terms, Term{FieldKind, text})
		if string(text) == string(KindPrivacy) && len(s.changed) > 0 {
			s.Terms = append(s.Terms, Term{FieldPerson, s.changed})
		}
	case FieldPerson:
		s.Terms = append(s.Terms, Term{FieldPerson, text})
		s.people = append(s.people, sealedPerson{key: text})
	case fieldRole, fieldSealed: // they stand behind the key
		s.person(p.field, text)
	default:
		s.Terms = append(s.Terms, Term{p.field, text})
	}
}

func (s *Sketch) person(f Field, text []byte) {
	if len(s.people) == 0 {
		return
	}
	if last := &s.people[len(s.people)-1]; f == fieldRole {
		last.role = text
	} else {
		last.sealed = text
	}
}

// cutString reads a JSON string and returns what stands between its quotes, and what follows.
func cutString(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	for at := 1; ; {
		i := bytes.IndexByte(b[at:], '"')
		if i < 0 {
			return nil, nil, false
		}
		at += i
		if b[at-1] != '\\' || (at-len(bytes.TrimRight(b[:at], `\`)))%2 == 0 {
			return b[1:at], b[at+1:], true
		}
		at++
	}
}
