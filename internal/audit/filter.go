package audit

import (
	"bytes"
	"errors"
	"slices"
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
}

// Name is who a person is: the policy's name of the issuer, empty for a client, and the subject.
type Name struct{ Issuer, Subject string }

// matcher is a filter over one state of the store.
type matcher struct {
	Filter
	key     string   // the person's pseudonym
	needles [][]byte // each stands in every entry that matches
	nobody  bool     // the person has no key, so no entry can be told to name them
}

// matcher finds out how entries name the person, if there is one in the filter. Whoever was erased, or never
// named, isn't found; entries under an earlier key aren't either.
func (l *Log) matcher(r store.Reader, f Filter) (*matcher, error) {
	m := &matcher{Filter: f}
	if m.key = string(f.Key); m.key == "" && f.Person != (Name{}) {
		held, err := l.Held(r, f.Person)
		if errors.Is(err, store.ErrNotFound) {
			m.nobody = true
			return m, nil
		}
		if err != nil {
			return nil, err
		}
		m.key = string(held.Key)
	}
	for _, text := range []string{f.Client, f.Task, f.Token, f.Scope, f.Resource, string(f.Kind), string(f.Outcome), f.Reason, f.Rule, m.key} {
		if text == "" {
			continue
		}
		if !utf8.ValidString(text) {
			m.nobody = true // no entry holds that
			return m, nil
		}
		needle, err := jsontext.AppendQuote(nil, text)
		if err != nil {
			return nil, err
		}
		m.needles = append(m.needles, needle)
	}
	if f.Policy != 0 {
		m.needles = append(m.needles, strconv.AppendUint([]byte(`"policy":`), f.Policy, 10))
	}
	return m, nil
}

// mayMatch says no at little cost where the entry can't match.
func (m *matcher) mayMatch(entry []byte) bool {
	for _, needle := range m.needles {
		if !bytes.Contains(entry, needle) {
			return false
		}
	}
	return true
}

func (m *matcher) matches(e *Event) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	switch {
	case !m.After.IsZero() && e.Time.Before(m.After), !m.Before.IsZero() && !e.Time.Before(m.Before):
		return false
	case !is(m.Client, e.Client), !is(string(m.Kind), string(e.Kind)), !is(string(m.Outcome), string(e.Outcome)):
		return false
	case !is(m.Reason, e.Reason), !is(m.Rule, e.Rule), m.Policy != 0 && m.Policy != e.Policy:
		return false
	case m.key != "" && !e.names(m.key):
		return false
	}
	in := func(want string, list []string) bool { return want == "" || slices.Contains(list, want) }
	return in(m.Task, e.tasks()) && in(m.Token, e.tokens()) && in(m.Scope, e.scopes()) && in(m.Resource, e.resources())
}

// names says whether the event is about the person whose key is called so.
func (e *Event) names(key string) bool {
	return e.Kind == KindPrivacy && e.Change != nil && e.Change.ID == key ||
		slices.ContainsFunc(e.People, func(p Person) bool { return p.Key == key })
}

// tasks is the tasks that the event is about.
func (e *Event) tasks() (out []string) {
	if e.Granted != nil {
		out = append(out, e.Granted.Task)
	}
	if e.Used != nil {
		out = append(out, e.Used.Task)
	}
	for _, r := range e.rows() {
		out = append(out, r.Task)
	}
	if e.Revoked != nil && e.Revoked.Kind == "task" {
		out = append(out, e.Revoked.Selector)
	}
	return out
}

// tokens is the tokens that the event is about, with their ancestors.
func (e *Event) tokens() (out []string) {
	for _, t := range []*Token{e.SubjectToken, e.ActorToken} {
		if t != nil {
			out = append(out, t.ID)
		}
	}
	if e.Granted != nil {
		out = append(append(out, e.Granted.Token), e.Granted.Lineage...)
	}
	if e.Used != nil {
		out = append(append(out, e.Used.Token), e.Used.Limited...)
	}
	for _, r := range e.rows() {
		out = append(out, r.Token)
	}
	if e.Revoked != nil && e.Revoked.Kind == "token" {
		out = append(out, e.Revoked.Selector)
	}
	return out
}

// rows is what tokens were used for.
func (e *Event) rows() []Usage {
	if e.Uses == nil {
		return nil
	}
	return e.Uses.Rows
}

// scopes is what was asked for, granted or exercised.
func (e *Event) scopes() (out []string) {
	if e.Asked != nil {
		out = append(out, e.Asked.Scope...)
	}
	if e.Granted != nil {
		out = append(out, e.Granted.Scope...)
		for _, r := range e.Granted.Reach {
			out = append(out, r.Scope...)
		}
	}
	for _, r := range e.rows() {
		out = append(out, r.Scope)
	}
	return out
}

// resources is where, also by the names that `audience` took.
func (e *Event) resources() (out []string) {
	if e.Asked != nil {
		out = append(append(out, e.Asked.Resource...), e.Asked.Audience...)
	}
	if e.Granted != nil {
		out = append(out, e.Granted.Audience...)
		for _, r := range e.Granted.Reach {
			out = append(out, r.Resource)
		}
	}
	return out
}
