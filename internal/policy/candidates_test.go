package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/principal"
)

// manyRules draws a policy with many rules over few names, so that several admit the same exchange.
func manyRules(t *rapid.T) *Policy {
	var b strings.Builder
	b.WriteString("format: 1\nscopes:\n  s.read: { description: Read }\nroles:\n  reader: [s.read]\nissuers:\n")
	for _, issuer := range []string{"one", "two"} {
		fmt.Fprintf(&b, "  %s: { url: \"https://%s.example.com\", audiences: [whittle], groups: claims.groups }\n", issuer, issuer)
	}
	b.WriteString("bindings:\n  - { name: all, role: reader, to: [{ issuer: one }, { issuer: two }] }\nclients:\n")
	for _, client := range []string{"c0", "c1"} {
		fmt.Fprintf(&b, "  %s: { auth: client_secret, ceiling: [s.read] }\n", client)
	}
	b.WriteString("resources:\n")
	for i := range 4 {
		fmt.Fprintf(&b, "  https://r%d.example.com: { accepts: [s.read] }\n", i)
	}
	b.WriteString("rules:\n")
	for i := range rapid.IntRange(1, 4*few).Draw(t, "rules") {
		fmt.Fprintf(&b, "  - { name: rule %d, clients: [%s], subject: [%s], resources: [%s] }\n", i,
			someOf(t, "c0", "c1"), someOf(t, "{ issuer: one }", "{ issuer: two }", "{ issuer: one, subject: ana }", "{ issuer: one, subject: bob }",
				"{ issuer: one, group: g }", "{ issuer: two, group: g }", "{ client: c0 }"),
			someOf(t, "https://r0.example.com", "https://r1.example.com", "https://r2.example.com", "https://r3.example.com"))
	}
	p, err := Compile([]byte(b.String()), "drawn.yaml", 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// someOf draws one of the names, or sometimes two.
func someOf(t *rapid.T, names ...string) string {
	picked := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 2, rapid.ID).Draw(t, "names")
	return strings.Join(picked, ", ")
}

// The rule that is found is the one that a walk through the whole document finds.
func TestPropertyTheFirstRuleIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := manyRules(t)
		for range 20 {
			req := Request{
				Now: noon, Client: rapid.SampledFrom([]string{"c0", "c1"}).Draw(t, "client"), Depth: 1, NotAfter: noon.AddDate(0, 0, 1),
				Principal: principal.Principal{
					ID: principal.ID{
						Issuer:  rapid.SampledFrom([]string{"one", "two", ""}).Draw(t, "issuer"),
						Subject: rapid.SampledFrom([]string{"ana", "bob", "c0"}).Draw(t, "subject"),
					},
					Groups: rapid.SampledFrom([][]string{nil, {"g"}, {"h", "g"}}).Draw(t, "groups"),
				},
				Resources: rapid.SliceOfDistinct(rapid.SampledFrom([]string{
					"https://r0.example.com", "https://r1.example.com", "https://r2.example.com", "https://nowhere.example.com",
				}), rapid.ID).Draw(t, "resources"),
			}
			d := &decision{Request: &req, policy: p}
			refusal := d.match()
			var want *rule
			for _, r := range slices.SortedFunc(maps.Values(p.rules), func(a, b *rule) int { return a.order - b.order }) {
				if r.clients[req.Client] && r.subject.match(&req.Principal) && d.mayPresent(r) && d.within(r) {
					want = r
					break
				}
			}
			if d.rule != want || (refusal == nil) != (want != nil) {
				t.Fatalf("%+v: found %v, and the document has %v", req, d.rule, want)
			}
		}
	})
}

// Rules of others don't hide how far the client's own came.
func TestARefusalNamesTheNearestRuleAmongMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := manyRules(t)
		req := Request{
			Now: noon, Client: "c0", Depth: 1, Resources: []string{"https://nowhere.example.com"},
			Principal: principal.Principal{ID: principal.ID{Issuer: "one", Subject: "ana"}},
		}
		want := "no_rule"
		for _, r := range p.rules {
			if r.clients["c0"] && r.subject.match(&req.Principal) {
				want = "resource_not_allowed"
			}
		}
		if got := (&decision{Request: &req, policy: p}).match(); got == nil || got.Reason != want {
			t.Fatalf("refused with %+v, not %s", got, want)
		}
	})
}
