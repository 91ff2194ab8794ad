package policy

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// world is a small policy in the plainest form, for the naive second implementation.
type world struct {
	accepts  map[string][]string // scopes, by resource
	ceiling  map[string][]string // scopes, by client
	serves   map[string][]string // resources, by client
	bindings []worldBinding
	rules    []worldRule
}

type worldBinding struct {
	name, group string // no group: everybody at corp
	scopes      []string
	mfa         bool // only with MFA
}

type worldRule struct {
	name, group      string // no group: everybody at corp
	clients, from    []string
	resources        []string
	onward           map[string][]string
	narrows, several bool
}

var (
	allScopes    = []string{"a.read", "a.write", "b.read", "b.write"}
	allResources = []string{"urn:one", "urn:two", "urn:three"}
	allClients   = []string{"agent", "helper", "server"}
	allGroups    = []string{"", "red", "blue"}
)

// some draws a part of the list; the whole of it is likelier than any other part.
func some(t *rapid.T, label string, list []string) []string {
	if rapid.IntRange(0, 3).Draw(t, label+", all") > 0 {
		return list
	}
	mask := rapid.IntRange(0, 1<<len(list)-1).Draw(t, label)
	var out []string
	for i, e := range list {
		if mask&(1<<i) != 0 {
			out = append(out, e)
		}
	}
	return out
}

func drawWorld(t *rapid.T) world {
	w := world{accepts: map[string][]string{}, ceiling: map[string][]string{}, serves: map[string][]string{}}
	for _, r := range allResources {
		w.accepts[r] = some(t, "accepts", allScopes)
	}
	for _, c := range allClients {
		w.ceiling[c], w.serves[c] = some(t, "ceiling", allScopes), some(t, "serves", allResources)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "bindings") {
		w.bindings = append(w.bindings, worldBinding{
			name: fmt.Sprint("b", i), group: rapid.SampledFrom(allGroups).Draw(t, "group"),
			scopes: some(t, "role", allScopes), mfa: rapid.Bool().Draw(t, "mfa"),
		})
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "rules") {
		r := worldRule{
			name: fmt.Sprint("r", i), group: rapid.SampledFrom(allGroups).Draw(t, "group"),
			clients: some(t, "clients", allClients), resources: some(t, "resources", allResources),
			onward: map[string][]string{}, narrows: rapid.Bool().Draw(t, "narrows"), several: rapid.Bool().Draw(t, "several"),
		}
		if rapid.Bool().Draw(t, "takes over") {
			r.from = some(t, "from", allClients)
		}
		for _, resource := range some(t, "onward", allResources[:2]) {
			r.onward[resource] = some(t, "onward scopes", allScopes)
		}
		if len(r.clients) > 0 && len(r.resources) > 0 {
			w.rules = append(w.rules, r)
		}
	}
	return w
}

// vary is the world with one of its sections drawn anew, or as it is.
func (w world) vary(t *rapid.T) world {
	other := drawWorld(t)
	switch rapid.IntRange(0, 9).Draw(t, "changed section") {
	case 0:
		w.accepts = other.accepts
	case 1:
		w.ceiling = other.ceiling
	case 2:
		w.serves = other.serves
	case 3:
		w.bindings = other.bindings
	case 4:
		w.rules = other.rules
	case 5, 6:
		w.rules = slices.Clone(w.rules)
		for i := range w.rules {
			if i < len(other.rules) {
				w.rules[i].clients, w.rules[i].from, w.rules[i].group = other.rules[i].clients, other.rules[i].from, other.rules[i].group
			}
		}
	}
	return w
}

func list(names []string) string { return `["` + strings.Join(names, `", "`) + `"]` }

func listOrNone(names []string) string {
	if len(names) == 0 {
		return "[]"
	}
	return list(names)
}

func who(group string) string {
	if group == "" {
		return "{ issuer: corp }"
	}
	return "{ issuer: corp, group: " + group + " }"
}

// yaml writes the world as a policy document.
func (w world) yaml() []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("format: 1\nscopes: { a.read: {}, a.write: {}, b.read: {}, b.write: {} }\nissuers: { corp: { url: https://id.example.com, audiences: [w] } }")
	line("roles:")
	for _, e := range w.bindings {
		line("  %s: %s", e.name, listOrNone(e.scopes))
	}
	line("  none: []\nbindings:\n  - { name: none, role: none, to: { issuer: corp } }")
	for _, e := range w.bindings {
		when := ""
		if e.mfa {
			when = ", when: principal.attributes.mfa == true"
		}
		line("  - { name: %s, role: %s, to: %s%s }", e.name, e.name, who(e.group), when)
	}
	line("clients:")
	for _, c := range allClients {
		line("  %s: { auth: client_secret, ceiling: %s }", c, listOrNone(w.ceiling[c]))
	}
	line("resources:")
	for _, r := range allResources {
		var servers []string
		for _, c := range allClients {
			if slices.Contains(w.serves[c], r) {
				servers = append(servers, c)
			}
		}
		line("  %s: { accepts: %s, served_by: %s }", r, listOrNone(w.accepts[r]), listOrNone(servers))
	}
	line("rules:\n  - { name: never, clients: [agent], subject: { client: helper }, resources: [urn:one] }")
	for _, r := range w.rules {
		line("  - name: %s\n    clients: %s\n    subject: %s\n    resources: %s\n    multi_audience: %v", r.name, list(r.clients), who(r.group), list(r.resources), r.several)
		if len(r.from) > 0 {
			line("    from: %s", list(r.from))
		}
		if r.narrows {
			line("    partly_refused: narrow")
		}
		line("    onward:\n      urn:three: []")
		for _, resource := range allResources[:2] {
			line("      %s: %s", resource, listOrNone(r.onward[resource]))
		}
	}
	return []byte(b.String())
}
