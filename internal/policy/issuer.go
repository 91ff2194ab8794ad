package policy

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/document"
	"github.com/whittle-sts/whittle/internal/loopback"
)

// maxAge is the most that an outside token's age may be allowed to be.
const maxAge = 24 * time.Hour

// Issuer is an outside issuer whose tokens are taken.
type Issuer struct {
	Name       string // what principals are called after
	URL        string // `iss`, byte for byte
	JWKSURI    string // empty: found by discovery
	Audiences  []string
	Algorithms []string
	MaxAge     time.Duration // since `iat`
	MayAct     bool          // its `may_act` counts (RFC 8693 section 4.4)

	acceptWhen *expression // nil: all of its tokens
	groups     *expression // nil: none
	attributes []attribute
}

// attribute is what an expression over the claims gives a name to.
type attribute struct {
	name  string
	value *expression
}

var attributeName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

func (c *compiler) issuers(n *yaml.Node) {
	urls := map[string]string{}
	for _, e := range c.entries(n, "issuers", maxEntries) {
		f, ok := c.fields(e.value, shape{
			what:     "an issuer",
			required: "url audiences",
			optional: "jwks_uri algorithms groups attributes accept_when max_age may_act",
		})
		if !c.id(e.key, e.name, "issuer", issuerName) || !ok {
			continue
		}
		issuer := &Issuer{
			Name:       e.name,
			URL:        c.url(f.get("url"), "url"),
			JWKSURI:    c.url(f.get("jwks_uri"), "jwks_uri"),
			Audiences:  c.texts(f.get("audiences"), "audiences"),
			Algorithms: c.algorithms(f.get("algorithms")),
			MaxAge:     c.duration(f.get("max_age"), "max_age", maxAge, maxAge),
			MayAct:     c.boolean(f.get("may_act"), "may_act"),
			acceptWhen: c.expression(f.get("accept_when"), "accept_when", c.expressions.claims, cel.BoolType),
			groups: c.expression(f.get("groups"), "groups", c.expressions.claims,
				cel.ListType(cel.StringType), cel.ListType(cel.DynType)),
			attributes: c.attributes(f.get("attributes")),
		}
		if other, taken := urls[issuer.URL]; taken && issuer.URL != "" {
			c.fail(f.get("url"), "issuer %q has this url already; one issuer has one entry", other)
		}
		urls[issuer.URL] = e.name
		c.policy.issuers[e.name] = issuer
	}
}

// texts is a list of at least one text.
func (c *compiler) texts(n *yaml.Node, what string) []string {
	var out []string
	for _, e := range c.list(n, what, maxEntries) {
		if s := c.printable(e, what, maxText); s != "" {
			out = append(out, s)
		}
	}
	c.notEmpty(n, what)
	return out
}

// algorithms are those that tokens may be signed with: never a shared secret, never none
// (RFC 8725 section 3.1).
func (c *compiler) algorithms(n *yaml.Node) []string {
	supported := []string{"ES256", "RS256", "EdDSA", "PS256", "ES384"}
	if n == nil {
		return supported
	}
	var out []string
	for _, e := range c.list(n, "algorithms", len(supported)) {
		if a := c.choice(e, "an algorithm", supported...); a != "" {
			out = append(out, a)
		}
	}
	c.notEmpty(n, "algorithms")
	return out
}

func (c *compiler) attributes(n *yaml.Node) []attribute {
	var out []attribute
	for _, e := range c.entries(n, "attributes", maxName) {
		if !c.id(e.key, e.name, "attribute", attributeName) {
			continue
		}
		if x := c.expression(e.value, "the attribute", c.expressions.claims, cel.DynType); x != nil {
			out = append(out, attribute{e.name, x})
		}
	}
	return out
}

// url is where an issuer is: https, or http on this host.
func (c *compiler) url(n *yaml.Node, what string) string {
	s := c.printable(n, what, maxText)
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(s, "#? "):
		c.fail(n, "%s: write an absolute https URL without user, query and fragment", what)
	case u.Scheme == "https":
		return s
	case u.Scheme == "http" && loopback.Host(u.Hostname()):
		return s
	default:
		c.fail(n, "%s: write https; http is only for a loopback address, as in http://127.0.0.1:8080", what)
	}
	return ""
}

// IssuerURLs is the url of each issuer that a document names. It is for documents that were applied once: they aren't
// checked again, since what was good then may not be now, and what can't be read names nobody.
func IssuerURLs(source []byte) map[string]string {
	out := make(map[string]string)
	root, _ := document.Load(source, document.New("", source))
	for name, issuer := range members(member(root, "issuers")) {
		if at := member(issuer, "url"); at != nil {
			out[name] = at.Value
		}
	}
	return out
}
