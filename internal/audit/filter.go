package audit

import (
	"bytes"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/whittle-sts/whittle/store"
)

// Filter says which entries are wanted: those that match every member that is set.
type Filter struct {
	After, Before time.Time // from the first on, before the second
	Person        Name      // in any role
	Key           Pseudonym // the same, by what its key is called; what is set counts, not Person
	Client        string    // that asked
	Task          string
	Token         string // presented, granted, used, revoked, or an ancestor of such a one
	Scope         string // asked for, granted or exercised
	Resource      string // asked for or granted
	Kind          Kind
	Outcome       Outcome
	Reason        string
	Rule          string
	Policy        uint64
	Decision      string // the id of one decision, of which there is one entry
}

// Name is who a person is: the policy's name of the issuer, empty for a client, and the subject.
type Name struct{ Issuer, Subject string }

// matcher is a filter over one state of the store.
type matcher struct {
	after, before time.Time
	terms         []Term   // of which an entry that matches has each
	needles       [][]byte // each stands in every entry that matches
	nobody        bool     // nothing can match: the person has no key, say, so no entry can be told to name them
	sketch        Sketch
	sketched      bool // the sketch is of the entry that was matched last
}

// matcher finds out how entries name the person, if there is one in the filter. Whoever was erased, or never
// named, isn't found; entries under an earlier key aren't either.
func (l *Log) matcher(r store.Reader, f Filter) (*matcher, error) {
	m := &matcher{after: f.After, before: f.Before}
	person := string(f.Key)
	if person == "" && f.Person != (Name{}) {
		held, err := l.Held(r, f.Person)
		if errors.Is(err, store.ErrNotFound) {
			m.nobody = true
			return m, nil
		}
		if err != nil {
			return nil, err
		}
		person = string(held.Key)
	}
	for _, want := range []struct {
		field Field
		text  string
	}{
		{FieldClient, f.Client}, {FieldTask, f.Task}, {FieldToken, f.Token}, {FieldScope, f.Scope}, {FieldResource, f.Resource},
		{FieldKind, string(f.Kind)}, {FieldOutcome, string(f.Outcome)}, {FieldReason, f.Reason}, {FieldRule, f.Rule}, {FieldPerson, person},
	} {
		if want.text == "" {
			continue
		}
		if !utf8.ValidString(want.text) {
			m.nobody = true // no entry holds that
			return m, nil
		}
		needle, err := jsontext.AppendQuote(nil, want.text)
		if err != nil {
			return nil, err
		}
		m.needles = append(m.needles, needle)
		m.terms = append(m.terms, Term{want.field, needle[1 : len(needle)-1]})
	}
	if f.Policy != 0 {
		version := strconv.AppendUint(nil, f.Policy, 10)
		m.needles = append(m.needles, append([]byte(`"policy":`), version...))
		m.terms = append(m.terms, Term{FieldPolicy, version})
	}
	return m, nil
}

// matches says whether the entry does, or is so damaged that it can't be told.
func (m *matcher) matches(entry []byte) bool {
	if rest, dropped := ReadRemnant(entry); dropped {
		return len(m.terms) == 0 && m.within(rest.Time())
	}
	for _, needle := range m.needles {
		if !bytes.Contains(entry, needle) {
			return false
		}
	}
	if m.sketched = m.sketch.Read(entry); !m.sketched {
		return true
	}
	for _, want := range m.terms {
		if !m.sketch.has(want) {
			return false
		}
	}
	if m.after.IsZero() && m.before.IsZero() {
		return true
	}
	at, err := m.sketch.Time()
	return err != nil || m.within(at)
}

// who is the decision of the entry that was just matched, and its people, still sealed.
func (m *matcher) who(entry []byte) (decision string, people []Person, err error) {
	if !m.sketched {
		_, err := Decode(entry)
		return "", nil, errors.Join(err, ErrEntry)
	}
	people = make([]Person, len(m.sketch.people))
	for i, p := range m.sketch.people {
		people[i] = Person{Key: string(p.key), Role: Role(p.role), Sealed: string(p.sealed)}
	}
	return string(m.sketch.Decision), people, nil
}

func (m *matcher) within(at time.Time) bool {
	return !at.Before(m.after) && (m.before.IsZero() || at.Before(m.before))
}
