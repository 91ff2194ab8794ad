package policy

import (
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

// Permission is something that a client may do with Whittle itself.
type Permission string

// All permissions.
const (
	PolicyRead    Permission = "policy.read"
	PolicyApply   Permission = "policy.apply"
	RevokeAny     Permission = "revoke.any"
	AuditRead     Permission = "audit.read"
	ClientManage  Permission = "client.manage"
	KeyManage     Permission = "key.manage"
	StateBackup   Permission = "state.backup"   // copy the whole state, its secrets sealed
	PrivacyManage Permission = "privacy.manage" // see all that is held about a person, and erase them
	TokenLook     Permission = "token.look"     // introspect without using one of a token's uses
)

// Bootstrap is the id of whoever holds the bootstrap credential; no client may have it.
const Bootstrap = "bootstrap"

// Administrative lists the permissions of the bootstrap credential: enough to apply a first policy,
// make secrets for its clients, see and undo what was done, and keep it safe. Not to erase people, which nothing
// undoes: that takes a policy.
func Administrative() []Permission {
	return []Permission{PolicyRead, PolicyApply, RevokeAny, AuditRead, ClientManage, KeyManage, StateBackup}
}

// Client is one registered client (RFC 6749 section 2).
type Client struct {
	ID      string
	Ceiling scope.Set // the most that it may ever hold, whatever the subject holds
	May     []Permission

	serves map[string]bool // by resource identifier
	wields selectors       // whose actor tokens it may present
}

// Can says whether the policy gives the client the permission.
func (c *Client) Can(p Permission) bool { return slices.Contains(c.May, p) }

// Wields says whether the client may act by the actor tokens of the principal (RFC 8693 section 2.1).
func (c *Client) Wields(p *principal.Principal) bool { return c.wields.match(p) }

// WieldedBy lists the groups by which the client may wield the principal's tokens: revoking one of them
// ends what was acted in by these.
func (c *Client) WieldedBy(p *principal.Principal) []string {
	var groups []string
	for _, s := range c.wields {
		if s.group != "" && s.matches(p) {
			groups = append(groups, s.group)
		}
	}
	return groups
}

// Resource is one place where tokens are used (RFC 8707).
type Resource struct {
	ID       string    // an absolute URI, compared as a string
	Accepts  scope.Set // what means something there
	ServedBy []string  // the clients that introspect for it
	Aliases  []string  // what the `audience` parameter may call it
}

func (c *compiler) clients(n *yaml.Node) {
	for _, e := range c.entries(n, "clients", maxEntries) {
		f, ok := c.fields(e.value, shape{what: "a client", required: "auth", optional: "ceiling may wields"})
		if !c.id(e.key, e.name, "client", identifier) || !ok {
			continue
		}
		if _, taken := c.policy.issuers[e.name]; taken {
			c.fail(e.key, "client %q: an issuer has this name; take another", e.name)
		}
		if e.name == Bootstrap {
			c.fail(e.key, "client %q: the bootstrap credential is called so; take another", e.name)
		}
		c.auth(f.get("auth"))
		client := &Client{ID: e.name, Ceiling: c.expand(f.get("ceiling"), "ceiling"), serves: map[string]bool{}}
		for _, m := range c.list(f.get("may"), "may", maxEntries) {
			p := Permission(c.choice(m, "a permission", string(PolicyRead), string(PolicyApply), string(RevokeAny),
				string(AuditRead), string(ClientManage), string(KeyManage), string(StateBackup), string(PrivacyManage), string(TokenLook)))
			client.May = append(client.May, p)
		}
		c.policy.clients[e.name] = client
		if wields := f.get("wields"); wields != nil {
			defer func() { client.wields = c.selectors(wields, "wields") }() // after all clients are known
		}
	}
}

func (c *compiler) auth(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Value == "client_secret" {
		c.text(n, "auth")
		return
	}
	c.fail(n, "write auth: client_secret; other ways to authenticate come in a later version")
}

func (c *compiler) resources(n *yaml.Node) {
	aliases := map[*Resource]*yaml.Node{}
	var inOrder []*Resource
	for _, e := range c.entries(n, "resources", maxEntries) {
		if len(e.name) > maxText || !AbsoluteURI(e.name) {
			c.fail(e.key, "resource %q: write an absolute URI without a fragment, at most %d bytes", e.name, maxText)
			continue
		}
		f, ok := c.fields(e.value, shape{what: "a resource", required: "accepts", optional: "aliases served_by"})
		if !ok {
			continue
		}
		r := &Resource{
			ID:       e.name,
			Accepts:  c.expand(f.get("accepts"), "accepts"),
			ServedBy: known(c, f.get("served_by"), "served_by", c.policy.clients),
		}
		for _, client := range r.ServedBy {
			c.policy.clients[client].serves[r.ID] = true
		}
		c.policy.resources[r.ID], c.policy.audiences[r.ID] = r, r
		aliases[r], inOrder = f.get("aliases"), append(inOrder, r)
	}
	for _, r := range inOrder { // only now are all identifiers known
		c.aliases(aliases[r], r)
	}
}

// aliases names a resource for the `audience` parameter. An alias means one resource, and never
// hides an identifier.
func (c *compiler) aliases(n *yaml.Node, r *Resource) {
	for _, e := range c.list(n, "aliases", maxEntries) {
		alias := c.printable(e, "an alias", maxText)
		if alias == "" {
			continue
		}
		if other, taken := c.policy.audiences[alias]; taken {
			c.fail(e, "alias %q: %s is called so; take another", alias, other.ID)
			continue
		}
		c.policy.audiences[alias] = r
		r.Aliases = append(r.Aliases, alias)
	}
}

// AbsoluteURI says whether s is an absolute URI without a fragment (RFC 8707 section 2), of whatever length: a
// policy's may have fewer bytes than a request's.
func AbsoluteURI(s string) bool {
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.IsAbs() && (u.Host != "" || u.Opaque != "" || u.Path != "")
}
