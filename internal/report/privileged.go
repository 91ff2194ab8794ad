package report

import (
	"maps"
	"slices"
	"strings"

	"github.com/whittle-sts/whittle/internal/audit"
)

// privileged is who got and used what the policy calls risky, and who administered Whittle itself.
func (m *maker) privileged() {
	m.report.Title = "Privileged use"
	m.report.About = "Tokens with privileged scopes, and operations on Whittle itself. Privileged are the scopes that the policy in force gives risk: high or audit: every_use, and those that the reader named."
	scopes := set{}
	for _, s := range m.Policy.Scopes {
		if s.Risk == "high" || s.Audit != "" {
			scopes.add(s.Name)
		}
	}
	for _, s := range m.Privileged {
		scopes.add(s)
	}
	risky := func(all []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !scopes[s] })
	}
	if len(scopes) == 0 {
		m.notef("No scope is privileged: the policy gives none risk: high or audit: every_use, and none was named.")
	}
	g := m.risky(risky)
	m.count("privileged scopes", "Scopes that count as privileged: "+list(slices.Sorted(maps.Keys(scopes))), uint64(len(scopes)))
	m.count("tokens with one", "Tokens granted in the window that have a privileged scope, or can be traded for one.", g.tokens)
	m.count("people and services", "Subjects of these tokens, each once.", uint64(len(g.people)))
	m.count("uses on record", "Uses for which the resource server named a privileged scope, whether or not the token held it there.", g.uses)
	m.count("refused", "Requests with an entry of their own that asked for a privileged scope and were refused; those that were only counted don't say what they asked for.", g.refused)
	m.count("operations", "Operations on Whittle itself in the window.", uint64(len(g.operations)))
	m.count("operations refused", "Those that were refused for want of a permission.", g.denied)
	m.plot("Privileged tokens and operations", "By the time of the entry.", []string{"tokens", "operations"}, func(e *Entry) (string, uint64) {
		switch {
		case granted(e) && len(risky(scopesOf(e.Granted))) > 0:
			return "tokens", 1
		case operation(e):
			return "operations", 1
		default:
			return "", 0
		}
	})
	var rows [][]string
	for _, k := range g.grants.sorted(grant.text) {
		rows = append(rows, []string{k.scope, k.person, k.client, k.rule, number(g.grants[k].n), moment(g.grants[k].last)})
	}
	m.table(OfLog, "Who got privileged scopes", "A token with two of them counts for each.", []string{"scope", "subject", "client", "rule", "tokens", "last"}, rows)
	m.table(OfLog, "Operations on Whittle itself", "In the order of the log.", []string{"entry", "time", "client", "what", "of", "note"}, g.operations)
}

type grant struct{ scope, person, client, rule string }

func (g grant) text() string {
	return strings.Join([]string{g.scope, g.person, g.client, g.rule}, "\x00")
}

// findings is what a look through the window finds.
type findings struct {
	tokens, uses, refused, denied uint64
	people                        set
	grants                        tallies[grant]
	operations                    [][]string
}

func (m *maker) risky(of func([]string) []string) findings {
	f := findings{people: set{}, grants: tallies[grant]{}}
	for i := range m.window {
		e := &m.window[i]
		switch {
		case granted(e):
			found := of(scopesOf(e.Granted))
			for _, s := range found {
				f.grants.of(grant{s, subject(e), e.Client, e.Rule}).add(1, e.Time)
			}
			if len(found) > 0 {
				f.tokens++
				f.people.add(subject(e))
			}
		case e.Uses != nil:
			for _, u := range uses(e) {
				if len(of([]string{u.Scope})) > 0 {
					f.uses += u.Count
				}
			}
		case e.Kind == audit.KindAdministration:
			f.denied += refused(e)
		case e.Outcome == audit.OutcomeRefused && e.Asked != nil && len(of(e.Asked.Scope)) > 0:
			f.refused++
		case operation(e):
			f.operations = append(f.operations, operated(e))
		}
	}
	return f
}

// operation says whether the entry is of something that was done to Whittle itself. A client that gives a token back
// does nothing to it.
func operation(e *Entry) bool {
	if e.Outcome != audit.OutcomeDone {
		return false
	}
	switch e.Kind {
	case audit.KindExchange, audit.KindClientCredentials, audit.KindUse, audit.KindEveryUse, audit.KindUses, audit.KindRefusals:
		return false
	case audit.KindRevocation:
		return e.Revoked != nil && e.Revoked.Kind != "token"
	default:
		return true
	}
}

// operated is the operation as a row.
func operated(e *Entry) []string {
	by, what, of, note := e.Client, string(e.Kind), "", ""
	if by == "" {
		by = "(the server)"
	}
	switch {
	case e.Change != nil:
		what += ", " + e.Change.Action
		of, note = e.Change.ID, e.Change.Note
		if e.Change.Client != "" {
			of = strings.TrimSpace(e.Change.Client + " " + of)
		}
		if e.Change.Version > 0 {
			of = "version " + number(e.Change.Version)
		}
	case e.Revoked != nil:
		of, note = e.Revoked.Kind+" "+selected(e), e.Revoked.Reason
	}
	return []string{number(e.Index), moment(e.Time), by, what, of, note}
}

// selected is what a revocation names.
func selected(e *Entry) string {
	for i := range e.People {
		if e.People[i].Role == audit.RoleSelector {
			return who(&e.People[i])
		}
	}
	return e.Revoked.Selector
}
