package policy

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/document"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

// Limits on what one document may hold.
const (
	maxEntries = 10_000
	maxScopes  = 2_000
	maxText    = principal.MaxName // bytes of a subject, a group or a resource
	maxName    = 64                // bytes of a rule's or binding's name; tokens carry them
)

// compiler makes a Policy of a document's tree. What refers is read after what is referred to.
type compiler struct {
	reader
	policy      *Policy
	expressions *expressions
	patterns    map[string]scope.Set // what each pattern so far stands for
}

func (c *compiler) document(root *yaml.Node) {
	f, _ := c.fields(root, shape{
		what:     "the document",
		required: "format scopes",
		optional: "roles issuers bindings clients resources rules",
	})
	if c.whole(f.get("format"), "format", 1_000) > 1 {
		c.fail(f.get("format"), "this version reads format: 1 only")
		return // whatever else looks wrong may be right in that format
	}
	var err error
	if c.expressions, err = newExpressions(); err != nil {
		c.fail(root, "expressions can't be compiled: %v", err)
		return
	}
	c.scopes(f.get("scopes"))
	c.roles(f.get("roles"))
	c.issuers(f.get("issuers"))
	c.clients(f.get("clients"))
	c.resources(f.get("resources"))
	c.bindings(f.get("bindings"))
	c.rules(f.get("rules"))
}

var (
	identifier = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	issuerName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
)

// id checks a name by a grammar.
func (c *compiler) id(n *yaml.Node, name, what string, grammar *regexp.Regexp) bool {
	if !grammar.MatchString(name) {
		c.fail(n, "%s %q: write it as %s", what, name, strings.Trim(grammar.String(), "^$"))
		return false
	}
	return true
}

// name is the name of a rule or binding: any printable text.
func (c *compiler) name(n *yaml.Node, what string) string {
	return c.printable(n, what, maxName)
}

func (c *compiler) printable(n *yaml.Node, what string, limit int) string {
	s := c.text(n, what)
	if len(s) > limit {
		c.fail(n, "%s has %d bytes; at most %d", what, len(s), limit)
		return ""
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		c.fail(n, "%s holds a character that doesn't print", what)
		return ""
	}
	return s
}

// known reads a list of names that must all be in the table.
func known[T any](c *compiler, n *yaml.Node, what string, table map[string]T) []string {
	var names []string
	for _, e := range c.list(n, what, maxEntries) {
		if name := c.text(e, what); name != "" {
			if _, ok := table[name]; !ok {
				c.unknown(e, what, name, keys(table))
				continue
			}
			if slices.Contains(names, name) {
				c.fail(e, "%s: %q is here twice; keep one", what, name)
				continue
			}
			names = append(names, name)
		}
	}
	return names
}

func keys[T any](table map[string]T) []string {
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	return names
}

func (c *compiler) unknown(n *yaml.Node, what, name string, names []string) {
	c.fail(n, "%s: there is no %q%s", what, name, document.Instead(name, names))
}

func (c *compiler) scopes(n *yaml.Node) {
	var names []string
	for _, e := range c.entries(n, "scopes", maxScopes) {
		f, ok := c.fields(e.value, shape{
			what:     "a scope",
			optional: "description risk max_lifetime max_uses audit",
			later:    "approval confirm details",
		})
		if err := scope.CheckName(e.name); err != nil || strings.Contains(e.name, "*") {
			c.fail(e.key, "a scope is 1 to %d visible ASCII characters without \", \\ and *", scope.MaxName)
			continue
		}
		if !ok {
			continue
		}
		names = append(names, e.name)
		c.text(f.get("description"), "description")
		c.choice(f.get("risk"), "risk", "low", "medium", "high")
		l := limits{
			lifetime: c.duration(f.get("max_lifetime"), "max_lifetime", 0, maxUsable),
			uses:     uint32(c.whole(f.get("max_uses"), "max_uses", 1_000_000)),
		}
		if l != (limits{}) {
			c.policy.limited[e.name] = l
		}
		if c.choice(f.get("audit"), "audit", everyUse) != "" {
			c.policy.eachUse[e.name] = true
		}
	}
	var err error
	if c.policy.catalogue, err = scope.NewCatalogue(names); err != nil {
		c.fail(n, "scopes: %v", err)
		c.policy.catalogue = &scope.Catalogue{}
	}
}

func (c *compiler) roles(n *yaml.Node) {
	for _, e := range c.entries(n, "roles", maxEntries) {
		if c.id(e.key, e.name, "role", identifier) {
			c.policy.roles[e.name] = c.expand(e.value, "the role")
		}
	}
}

// expand is the set of all scopes that a list of patterns matches.
func (c *compiler) expand(n *yaml.Node, what string) scope.Set {
	set := c.policy.catalogue.Empty()
	for _, e := range c.list(n, what, maxEntries) {
		pattern := c.text(e, "a scope or pattern")
		if pattern == "" {
			continue
		}
		matched, ok := c.patterns[pattern]
		if !ok {
			var err error
			if matched, err = c.policy.catalogue.Expand(pattern); err != nil {
				c.fail(e, "%v%s", err, document.Instead(pattern, c.policy.catalogue.Names()))
				continue
			}
			c.patterns[pattern] = matched
		}
		set = set.Or(matched)
	}
	return set
}
