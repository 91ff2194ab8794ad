package policy

import (
	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/principal"
)

// selector names principals: all of an issuer, one subject or one group of an issuer, or one
// client. Groups and subjects never stand without their issuer. It is comparable, so that it can
// be looked up.
type selector struct{ issuer, subject, group, client string }

// matches says whether the selector names the principal.
func (s selector) matches(p *principal.Principal) bool {
	switch {
	case s.client != "":
		return p.IsClient() && p.Subject == s.client
	case p.IsClient() || p.Issuer != s.issuer:
		return false
	case s.subject != "":
		return p.Subject == s.subject
	case s.group != "":
		return p.In(s.group)
	}
	return true
}

// selectors is any of several selectors.
type selectors []selector

func (list selectors) match(p *principal.Principal) bool {
	for _, s := range list {
		if s.matches(p) {
			return true
		}
	}
	return false
}

// selectorsOf lists all selectors that match the principal.
func selectorsOf(p *principal.Principal) selectors {
	if p.IsClient() {
		return selectors{{client: p.Subject}}
	}
	list := make(selectors, 0, 2+len(p.Groups))
	list = append(list, selector{issuer: p.Issuer}, selector{issuer: p.Issuer, subject: p.Subject})
	for _, g := range p.Groups {
		list = append(list, selector{issuer: p.Issuer, group: g})
	}
	return list
}

// selectors reads one selector or a list of them.
func (c *compiler) selectors(n *yaml.Node, what string) selectors {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = c.list(n, what, maxEntries)
	}
	var list selectors
	for _, e := range nodes {
		if s, ok := c.selector(e, what); ok {
			list = append(list, s)
		}
	}
	c.notEmpty(n, what)
	return list
}

func (c *compiler) selector(n *yaml.Node, what string) (selector, bool) {
	f, ok := c.fields(n, shape{what: "a selector", optional: "issuer subject group client"})
	if !ok {
		return selector{}, false
	}
	s := selector{
		issuer:  c.text(f.get("issuer"), "issuer"),
		subject: c.printable(f.get("subject"), "subject", maxText),
		group:   c.printable(f.get("group"), "group", maxText),
		client:  c.text(f.get("client"), "client"),
	}
	_, issuerKnown := c.policy.issuers[s.issuer]
	_, clientKnown := c.policy.clients[s.client]
	switch {
	case s.client != "" && (s.issuer != "" || s.subject != "" || s.group != ""):
		c.fail(n, "%s: a client stands alone, without issuer, subject and group", what)
	case s.client == "" && s.issuer == "":
		c.fail(n, "%s: say of which issuer, or name a client; subjects and groups count only together with their issuer", what)
	case s.subject != "" && s.group != "":
		c.fail(n, "%s: name a subject or a group; for both write two selectors in a list", what)
	case s.client != "" && !clientKnown:
		c.unknown(f.get("client"), "client", s.client, keys(c.policy.clients))
	case s.issuer != "" && !issuerKnown:
		c.unknown(f.get("issuer"), "issuer", s.issuer, keys(c.policy.issuers))
	default:
		return s, true
	}
	return selector{}, false
}
