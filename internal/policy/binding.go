package policy

import (
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

// binding gives a role to principals, for a time and under a condition.
type binding struct {
	name    string
	order   int // in the document
	scopes  scope.Set
	to      selectors
	when    *expression // nil: always
	expires time.Time   // zero: never
	hours   *hours      // nil: at all hours
}

// gives says whether the binding gives the principal its role now, and when time alone may change
// that; zero if it can't.
func (b *binding) gives(p *principal.Principal, now time.Time) (yes bool, until time.Time) {
	if !b.expires.IsZero() && !now.Before(b.expires) || !b.to.match(p) || b.when != nil && !b.when.holds(p) {
		return false, time.Time{}
	}
	if b.hours == nil {
		return true, b.expires
	}
	yes, until = b.hours.open(now)
	return yes, sooner(until, b.expires)
}

// sooner is the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// held lists the bindings that give the principal a role now: of all, or only those named.
func (p *Policy) held(who *principal.Principal, now time.Time, only []string, limited bool) (list []*binding, until time.Time) {
	var candidates []*binding
	if limited {
		candidates = make([]*binding, 0, len(only))
		for _, name := range only {
			if b, ok := p.bindings[name]; ok {
				candidates = append(candidates, b)
			}
		}
	} else {
		for _, s := range selectorsOf(who) {
			candidates = append(candidates, p.holders[s]...)
		}
		slices.SortFunc(candidates, func(a, b *binding) int { return a.order - b.order })
		candidates = slices.Compact(candidates)
	}
	list = candidates[:0]
	for _, b := range candidates {
		yes, change := b.gives(who, now)
		until = sooner(until, change)
		if yes {
			list = append(list, b)
		}
	}
	return list, until
}

// scopesOf is all that the bindings' roles give.
func scopesOf(list []*binding) scope.Set {
	var all scope.Set
	for _, b := range list {
		all = all.Or(b.scopes)
	}
	return all
}

func (c *compiler) bindings(n *yaml.Node) {
	for i, e := range c.list(n, "bindings", maxEntries) {
		f, ok := c.fields(e, shape{what: "a binding", required: "name role to", optional: "when expires hours"})
		if !ok {
			continue
		}
		b := &binding{
			name:    c.name(f.get("name"), "name"),
			order:   i,
			to:      c.selectors(f.get("to"), "to"),
			when:    c.expression(f.get("when"), "when", c.expressions.principal, cel.BoolType),
			expires: c.moment(f.get("expires"), "expires"),
			hours:   c.hours(f.get("hours")),
		}
		role := c.text(f.get("role"), "role")
		if b.scopes, ok = c.policy.roles[role]; !ok && role != "" {
			c.unknown(f.get("role"), "role", role, keys(c.policy.roles))
		}
		if _, taken := c.policy.bindings[b.name]; taken && b.name != "" {
			c.fail(f.get("name"), "binding %q is here twice; names are unique, since tokens record them", b.name)
		}
		c.policy.bindings[b.name] = b
		for _, s := range b.to {
			c.policy.holders[s] = append(c.policy.holders[s], b)
		}
	}
}

// moment is a point in time (RFC 3339).
func (c *compiler) moment(n *yaml.Node, what string) time.Time {
	if n == nil || !c.problems.Plain(n) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, n.Value)
	if err != nil || n.Kind != yaml.ScalarNode || t.Year() < 2000 {
		c.fail(n, "write %s as in 2027-01-31T18:00:00Z", what)
	}
	return t
}
