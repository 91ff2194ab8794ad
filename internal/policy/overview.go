package policy

import (
	"cmp"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"
)

// Overview is who may do what under one policy, for people who review it. It decides nothing.
type Overview struct {
	Scopes   []ScopeEntry   // by name
	Bindings []BindingEntry // in the document's order
	Clients  []ClientEntry  // by id
}

// ScopeEntry is what the document says of a scope.
type ScopeEntry struct {
	Name, Description string
	Risk              string // low, medium, high or nothing
	Audit             string // every_use, or nothing
}

// BindingEntry is a binding, with what its role gives.
type BindingEntry struct {
	Name, Role string
	To         []string // each of its selectors, as "corp", "group corp:research" or "client nightly-export"
	Scopes     []string
	When       string // the condition; empty: none
	Hours      bool   // it gives the role only at some hours
	Expires    time.Time
}

// ClientEntry is a client.
type ClientEntry struct {
	ID      string
	May     []Permission
	Ceiling []string
	Serves  []string // the resources for which it introspects
}

// Overview tells who may do what.
func (p *Policy) Overview() (Overview, error) {
	var text struct {
		Scopes   map[string]struct{ Description, Risk, Audit string }
		Bindings []struct{ Name, Role, When string }
	}
	if err := yaml.Unmarshal(p.source, &text); err != nil {
		return Overview{}, err // it was compiled, so this can't be
	}
	var out Overview
	for name, s := range text.Scopes {
		out.Scopes = append(out.Scopes, ScopeEntry{Name: name, Description: s.Description, Risk: s.Risk, Audit: s.Audit})
	}
	slices.SortFunc(out.Scopes, func(a, b ScopeEntry) int { return cmp.Compare(a.Name, b.Name) })
	for _, t := range text.Bindings {
		b := p.bindings[t.Name]
		entry := BindingEntry{Name: t.Name, Role: t.Role, When: t.When, Scopes: b.scopes.Names(), Hours: b.hours != nil, Expires: b.expires}
		for _, s := range b.to {
			entry.To = append(entry.To, s.text())
		}
		out.Bindings = append(out.Bindings, entry)
	}
	for _, id := range p.Clients() {
		c := p.clients[id]
		out.Clients = append(out.Clients, ClientEntry{ID: id, May: c.May, Ceiling: c.Ceiling.Names(), Serves: p.Serves(id)})
	}
	return out, nil
}

// text is the selector for people.
func (s selector) text() string {
	switch {
	case s.client != "":
		return "client " + s.client
	case s.subject != "":
		return s.issuer + ":" + s.subject
	case s.group != "":
		return "group " + s.issuer + ":" + s.group
	default:
		return "everyone at " + s.issuer
	}
}
