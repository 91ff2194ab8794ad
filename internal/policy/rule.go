package policy

import (
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

// Limits on lifetimes, and what holds where a rule says nothing.
const (
	maxUsable      = 24 * time.Hour
	defaultUsable  = 10 * time.Minute
	defaultTaskFor = time.Hour
)

// rule admits exchanges.
type rule struct {
	name            string
	order           int // in the document
	clients         map[string]bool
	from            map[string]bool // clients whose tokens may be presented; empty: none besides one's own
	subject         selectors
	resources       []*Resource // in the document's order
	allows          map[string]bool
	onward          []narrow.Pair
	onwardAt        map[string]scope.Set
	defaultResource *Resource
	defaultScope    []string
	narrows         bool // partly refused: narrow
	maxLifetime     time.Duration
	maxTask         time.Duration
	maxDepth        int
	multiAudience   bool
	impersonate     bool
	opaque          bool
}

// presentable says whether the client may present, under the rule, a token of ours that was issued
// to the given client for the audience: it is its own, or that of one whom the rule names, or
// the client received it as one that serves a resource in its audience.
func (r *rule) presentable(client *Client, issuedTo string, audience []string) bool {
	if issuedTo == client.ID || r.from[issuedTo] {
		return true
	}
	for _, resource := range audience {
		if client.serves[resource] {
			return true
		}
	}
	return false
}

// starts says whether the rule admits a first exchange: of an outside token, or of a client that
// asks for itself and not for another.
func (r *rule) starts(client *Client, who *principal.Principal) bool {
	return len(r.from) == 0 && (!who.IsClient() || who.Subject == client.ID)
}

func (c *compiler) rules(n *yaml.Node) {
	for i, e := range c.list(n, "rules", maxEntries) {
		f, ok := c.fields(e, shape{
			what:     "a rule",
			required: "name clients subject resources",
			optional: "from onward default_resource default_scope partly_refused max_lifetime max_task_lifetime " +
				"max_depth multi_audience impersonate token_format",
			later: "approval authorization_details",
		})
		if ok {
			c.rule(f, i)
		}
	}
}

func (c *compiler) rule(f fields, order int) {
	r := &rule{
		order:         order,
		name:          c.name(f.get("name"), "name"),
		clients:       set(known(c, f.get("clients"), "clients", c.policy.clients)),
		from:          set(known(c, f.get("from"), "from", c.policy.clients)),
		subject:       c.selectors(f.get("subject"), "subject"),
		narrows:       c.choice(f.get("partly_refused"), "partly_refused", "fail", "narrow") == "narrow",
		maxLifetime:   c.duration(f.get("max_lifetime"), "max_lifetime", defaultUsable, maxUsable),
		maxTask:       c.duration(f.get("max_task_lifetime"), "max_task_lifetime", defaultTaskFor, narrow.MaxLifetime),
		maxDepth:      int(c.whole(f.get("max_depth"), "max_depth", narrow.MaxDepth)),
		multiAudience: c.boolean(f.get("multi_audience"), "multi_audience"),
		impersonate:   c.boolean(f.get("impersonate"), "impersonate"),
		opaque:        c.choice(f.get("token_format"), "token_format", "jwt", "opaque") == "opaque",
	}
	if r.maxDepth == 0 {
		r.maxDepth = narrow.MaxDepth
	}
	c.targets(f, r)
	c.notEmpty(f.get("clients"), "clients")
	c.notEmpty(f.get("from"), "from")
	if _, taken := c.policy.rules[r.name]; taken && r.name != "" {
		c.fail(f.get("name"), "rule %q is here twice; names are unique, since tokens record them", r.name)
	}
	c.policy.rules[r.name] = r
	c.policy.ruled.add(r)
	for _, s := range r.subject {
		if s.group != "" {
			c.policy.grouped[s] = true
		}
	}
}

// targets reads what the rule says of resources and scopes.
func (c *compiler) targets(f fields, r *rule) {
	names := known(c, f.get("resources"), "resources", c.policy.resources)
	c.notEmpty(f.get("resources"), "resources")
	r.allows = set(names)
	for _, name := range names {
		r.resources = append(r.resources, c.policy.resources[name])
	}
	if n := f.get("default_resource"); n != nil {
		if name := c.text(n, "default_resource"); name != "" && !r.allows[name] {
			c.unknown(n, "default_resource, of the rule's resources", name, names)
		} else {
			r.defaultResource = c.policy.resources[name]
		}
	}
	for _, e := range c.list(f.get("default_scope"), "default_scope", maxScopes) {
		name := c.text(e, "a scope")
		if name != "" && !c.policy.catalogue.Has(name) {
			c.unknown(e, "default_scope", name, c.policy.catalogue.Names())
		}
		r.defaultScope = append(r.defaultScope, name)
	}
	c.notEmpty(f.get("default_scope"), "default_scope")
	onward := c.entries(f.get("onward"), "onward", maxEntries)
	if len(onward) > 0 {
		r.onwardAt = make(map[string]scope.Set, len(onward))
	}
	for _, e := range onward {
		if _, ok := c.policy.resources[e.name]; !ok {
			c.unknown(e.key, "onward", e.name, keys(c.policy.resources))
			continue
		}
		r.onwardAt[e.name] = c.expand(e.value, "onward")
		r.onward = append(r.onward, narrow.Pair{Resource: e.name, Scopes: r.onwardAt[e.name]})
	}
}

// set is nil for no names: a policy may have ten thousand rules, and each of them several sets.
func set(names []string) map[string]bool {
	if len(names) == 0 {
		return nil
	}
	out := make(map[string]bool, len(names))
	for _, name := range names {
		out[name] = true
	}
	return out
}
