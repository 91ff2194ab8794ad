package policy

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/principal"
)

// compile makes a policy of the small document that most tests vary: two people's groups, an
// agent, a sub-agent and a server, and two resources.
func compile(t testing.TB, rules string) *Policy {
	t.Helper()
	p, err := Compile([]byte(base+rules), "test.yaml", 7)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const base = `
format: 1
scopes: { a.read: {}, a.write: { max_lifetime: 3m, max_uses: 2 }, b.read: { max_uses: 5 }, b.write: {} }
roles: { reader: [a.read, b.read], writer: ["*"] }
issuers:
  corp: { url: https://id.example.com, audiences: [whittle] }
clients:
  agent: { auth: client_secret, ceiling: [a.read, a.write, b.read] }
  helper: { auth: client_secret, ceiling: ["*"] }
  server: { auth: client_secret, ceiling: ["*"] }
bindings:
  - { name: readers, role: reader, to: { issuer: corp, group: readers } }
  - { name: writers, role: writer, to: { issuer: corp, group: writers } }
  - { name: the agent, role: reader, to: { client: agent } }
resources:
  urn:a: { accepts: ["a.*"], aliases: [a], served_by: [server] }
  urn:b: { accepts: ["b.*"], served_by: [server] }
  urn:all: { accepts: ["*"] }
  urn:none: { accepts: [] }
rules:
`

func ana(groups ...string) principal.Principal {
	return principal.Principal{ID: principal.ID{Issuer: "corp", Subject: "ana"}, Groups: groups}
}

func first(resources []string, scopes ...string) Request {
	return Request{
		Now: noon, Client: "agent", Principal: ana("readers", "writers", "others"), NotAfter: noon.Add(time.Hour),
		Resources: resources, Scope: scopes, Depth: 1,
	}
}

const anyRule = `  - { name: any, clients: [agent], subject: { issuer: corp }, resources: [urn:a, urn:b, urn:all, urn:none] }`

func TestRefusals(t *testing.T) {
	narrows := `  - { name: any, clients: [agent], subject: { issuer: corp }, resources: [urn:a], partly_refused: narrow, max_depth: 2 }`
	for _, test := range []struct {
		name, rules  string
		change       func(*Request)
		code, reason string
		removed      []Removal
	}{
		{name: "an unknown client", change: func(r *Request) { r.Client = "nobody" }, code: "unauthorized_client", reason: "unknown_client"},
		{name: "a client without a rule", change: func(r *Request) { r.Client = "helper" }, code: "invalid_request", reason: "no_rule"},
		{
			name: "a subject of another issuer", change: func(r *Request) { r.Principal.Issuer = "evil" },
			code: "invalid_request", reason: "no_rule",
		},
		{
			name: "a client that is called like the issuer's subject", change: func(r *Request) { r.Principal = principal.Principal{ID: principal.Client("agent")} },
			code: "unauthorized_client", reason: "no_rule",
		},
		{
			name:   "a token of ours that was issued to somebody else",
			change: func(r *Request) { r.Parent = &Parent{IssuedTo: "helper", Audience: []string{"urn:a"}} },
			code:   "invalid_request", reason: "not_presentable",
		},
		{
			name: "an outside token under a rule that takes over from another client",
			rules: `  - { name: over, clients: [agent], from: [helper], subject: { issuer: corp }, resources: [urn:a] }
`,
			code: "invalid_request", reason: "not_presentable",
		},
		{
			name: "a resource that no rule names", change: func(r *Request) { r.Resources = []string{"urn:c"} },
			code: "invalid_target", reason: "resource_not_allowed",
		},
		{
			name: "one unknown resource among known ones", change: func(r *Request) { r.Resources = []string{"urn:a", "urn:c"} },
			code: "invalid_target", reason: "resource_not_allowed",
		},
		{
			name: "a resource that accepts nothing", change: func(r *Request) { r.Resources = []string{"urn:none"} },
			code: "invalid_target", reason: "resource_accepts_nothing",
		},
		{
			name: "two resources where the rule allows one", change: func(r *Request) { r.Resources = []string{"urn:a", "urn:all"} },
			code: "invalid_target", reason: "several_audiences",
		},
		{name: "no scope and no default", change: func(r *Request) { r.Scope = nil }, code: "invalid_scope", reason: "no_scope"},
		{
			name: "a scope that the policy doesn't know", change: func(r *Request) { r.Scope = []string{"a.read", "a.reed"} },
			code: "invalid_scope", reason: "unknown_scope", removed: []Removal{{Scope: "a.reed", By: "unknown"}},
		},
		{
			name: "an unknown scope even where the rule narrows", rules: narrows, change: func(r *Request) { r.Scope = []string{"a.read", "*"} },
			code: "invalid_scope", reason: "unknown_scope", removed: []Removal{{Scope: "*", By: "unknown"}},
		},
		{
			name: "partly beyond the ceiling", change: func(r *Request) { r.Resources, r.Scope = []string{"urn:b"}, []string{"b.read", "b.write"} },
			code: "invalid_scope", reason: "partly_refused",
			removed: []Removal{{Scope: "b.write", Resource: "urn:b", By: "ceiling", Name: "agent"}},
		},
		{
			name: "partly beyond the roles", change: func(r *Request) { r.Principal.Groups, r.Scope = []string{"readers"}, []string{"a.read", "a.write"} },
			code: "invalid_scope", reason: "partly_refused", removed: []Removal{{Scope: "a.write", Resource: "urn:a", By: "role"}},
		},
		{
			name: "partly beyond what the resource accepts", change: func(r *Request) { r.Scope = []string{"a.read", "b.read"} },
			code: "invalid_scope", reason: "partly_refused",
			removed: []Removal{{Scope: "b.read", Resource: "urn:a", By: "resource", Name: "urn:a"}},
		},
		{
			name: "nothing left even where the rule narrows", rules: narrows, change: func(r *Request) { r.Scope = []string{"b.read"} },
			code: "invalid_scope", reason: "nothing_left",
			removed: []Removal{{Scope: "b.read", Resource: "urn:a", By: "resource", Name: "urn:a"}},
		},
		{
			name: "an exchange-only token for a scope of another rule's resource", rules: narrows,
			change: func(r *Request) { r.Resources, r.Scope = nil, []string{"b.read"} },
			code:   "invalid_scope", reason: "nothing_left", removed: []Removal{{Scope: "b.read", By: "rule", Name: "any"}},
		},
		{
			name: "a hop beyond the rule's depth", rules: narrows, change: func(r *Request) { r.Depth = 3 },
			code: "invalid_request", reason: "depth",
		},
		{
			name: "a person without roles", change: func(r *Request) { r.Principal.Groups = nil },
			code: "invalid_scope", reason: "nothing_left", removed: []Removal{{Scope: "a.read", Resource: "urn:a", By: "role"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			rules := test.rules
			if rules == "" {
				rules = anyRule
			}
			req := first([]string{"urn:a"}, "a.read")
			if test.change != nil {
				test.change(&req)
			}
			d, err := compile(t, rules).Decide(req)
			var refusal *Refusal
			if d != nil || !errors.As(err, &refusal) {
				t.Fatalf("got %+v, %v; want a refusal", d, err)
			}
			if refusal.Code != test.code || refusal.Reason != test.reason || !slices.Equal(refusal.Removed, test.removed) {
				t.Errorf("got %s %s %+v\nwant %s %s %+v", refusal.Code, refusal.Reason, refusal.Removed, test.code, test.reason, test.removed)
			}
		})
	}
}
