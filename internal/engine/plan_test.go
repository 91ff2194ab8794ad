package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

var (
	planScopes    = []string{"a", "b", "c", "d"}
	planResources = []string{"urn:one", "urn:two", "urn:three"}
	planClients   = []string{"agent", "helper", "server"}
	planGroups    = []string{"", "red", "blue"} // no group: everybody at corp
)

type plan struct {
	accepts  map[string][]string // scopes by resource
	ceiling  map[string][]string // scopes by client
	serves   map[string][]string // resources by client
	uses     map[string]int      // the fewest uses by scope; 0: not counted
	minutes  map[string]int      // the longest life by scope; 0: not limited
	bindings []planBinding
	rules    []planRule
}

type planBinding struct {
	name, group string
	scopes      []string
}

type planRule struct {
	name, group     string
	clients, from   []string
	resources       []string
	onward          map[string][]string
	defaultResource string
	defaultScope    []string
	narrows, multi  bool
	life, task      int // minutes
	depth           int
}

// part is a part of the list; the whole of it is likelier than any other.
func part(r *rand.Rand, list []string) []string {
	if r.IntN(3) > 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(string) bool { return r.IntN(2) == 0 })
}

func drawPlan(r *rand.Rand) plan {
	p := plan{
		accepts: map[string][]string{}, ceiling: map[string][]string{}, serves: map[string][]string{},
		uses: map[string]int{}, minutes: map[string]int{},
	}
	for _, s := range planScopes {
		p.uses[s], p.minutes[s] = max(0, r.IntN(6)-2), max(0, r.IntN(12)-8)
	}
	for _, id := range planResources {
		p.accepts[id] = part(r, planScopes)
	}
	for _, c := range planClients {
		p.ceiling[c], p.serves[c] = part(r, planScopes), part(r, planResources)
	}
	for i := range 1 + r.IntN(3) {
		p.bindings = append(p.bindings, planBinding{fmt.Sprint("b", i), planGroups[r.IntN(3)], part(r, planScopes)})
	}
	for i := range 1 + r.IntN(3) {
		if rule := drawRule(r, fmt.Sprint("r", i)); len(rule.clients) > 0 && len(rule.resources) > 0 {
			p.rules = append(p.rules, rule)
		}
	}
	return p
}

func drawRule(r *rand.Rand, name string) planRule {
	rule := planRule{
		name: name, group: planGroups[max(0, r.IntN(5)-2)], clients: part(r, planClients), resources: part(r, planResources),
		onward: map[string][]string{}, narrows: r.IntN(2) == 0, multi: r.IntN(2) == 0,
		life: 1 + r.IntN(10), task: 1 + r.IntN(60), depth: 1 + r.IntN(6),
	}
	if r.IntN(3) == 0 {
		rule.from = part(r, planClients)
	}
	if r.IntN(2) == 0 {
		rule.defaultScope = part(r, planScopes)
	}
	if len(rule.resources) > 0 && r.IntN(4) == 0 {
		rule.defaultResource = rule.resources[r.IntN(len(rule.resources))]
	}
	for _, id := range part(r, planResources[:2]) {
		rule.onward[id] = part(r, planScopes)
	}
	return rule
}

// vary is the plan with one of its sections drawn anew.
func (p plan) vary(r *rand.Rand) plan {
	other := drawPlan(r)
	switch r.IntN(6) {
	case 0:
		p.accepts = other.accepts
	case 1:
		p.ceiling = other.ceiling
	case 2:
		p.serves = other.serves
	case 3:
		p.bindings = other.bindings
	case 4:
		p.uses, p.minutes = other.uses, other.minutes
	default:
		p.rules = slices.Clone(p.rules)
		for i := range min(len(p.rules), len(other.rules)) {
			if r.IntN(2) == 0 {
				other.rules[i].name = p.rules[i].name
				p.rules[i] = other.rules[i]
			}
		}
	}
	return p
}

func names(list []string) string { return "[" + strings.Join(list, ", ") + "]" }

// yaml is the plan as a policy document.
func (p plan) yaml() string {
	text := "format: 1\nscopes:\n"
	for _, s := range planScopes {
		text += fmt.Sprintf("  %s: { description: %s", s, s)
		if p.uses[s] > 0 {
			text += fmt.Sprintf(", max_uses: %d", p.uses[s])
		}
		if p.minutes[s] > 0 {
			text += fmt.Sprintf(", max_lifetime: %dm", p.minutes[s])
		}
		text += " }\n"
	}
	text += "issuers:\n  corp: { url: https://id.example.com, audiences: [whittle], groups: claims.groups }\nroles:\n"
	bindings := "bindings:\n"
	for _, b := range p.bindings {
		text += fmt.Sprintf("  role-%s: %s\n", b.name, names(b.scopes))
		bindings += fmt.Sprintf("  - { name: %s, role: role-%s, to: %s }\n", b.name, b.name, selectorYAML(b.group))
	}
	text += bindings + "clients:\n"
	for _, c := range planClients {
		text += fmt.Sprintf("  %s: { auth: client_secret, ceiling: %s }\n", c, names(p.ceiling[c]))
	}
	text += "resources:\n"
	for _, id := range planResources {
		var servers []string
		for _, c := range planClients {
			if slices.Contains(p.serves[c], id) {
				servers = append(servers, c)
			}
		}
		text += fmt.Sprintf("  %s: { accepts: %s, served_by: %s }\n", id, names(p.accepts[id]), names(servers))
	}
	if len(p.rules) > 0 {
		text += "rules:\n"
	}
	for _, r := range p.rules {
		text += r.yaml()
	}
	return text
}

func (r planRule) yaml() string {
	text := fmt.Sprintf("  - name: %s\n    clients: %s\n    subject: %s\n    resources: %s\n    max_lifetime: %dm\n    max_task_lifetime: %dm\n    max_depth: %d\n    multi_audience: %v\n",
		r.name, names(r.clients), selectorYAML(r.group), names(r.resources), r.life, r.task, r.depth, r.multi)
	if r.narrows {
		text += "    partly_refused: narrow\n"
	}
	if len(r.from) > 0 {
		text += "    from: " + names(r.from) + "\n"
	}
	if len(r.defaultScope) > 0 {
		text += "    default_scope: " + names(r.defaultScope) + "\n"
	}
	if r.defaultResource != "" {
		text += "    default_resource: " + r.defaultResource + "\n"
	}
	onward := ""
	for _, id := range planResources {
		if scopes, ok := r.onward[id]; ok {
			onward += "      " + id + ": " + names(scopes) + "\n"
		}
	}
	if onward != "" {
		text += "    onward:\n" + onward
	}
	return text
}

func selectorYAML(group string) string {
	if group == "" {
		return "{ issuer: corp }"
	}
	return "{ issuer: corp, group: " + group + " }"
}
