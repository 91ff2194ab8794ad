package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/narrow"
)

// TestAgainShrinks changes the platform's document in one place and looks anew at a chain of four
// tokens: the task, the agent's, the sub-agent's and the data service's.
func TestAgainShrinks(t *testing.T) {
	const agentRule = "research agents work for people at corp"
	hops := []Hop{
		{Client: "research-agent", Rule: agentRule},
		{Client: "research-agent", Rule: agentRule, Audience: []string{data}},
		{Client: "summarizer", Rule: "sub-agents take over from research agents", Audience: []string{data}},
		{Client: "data-gateway", Rule: "the data service asks a model on the caller's behalf", Audience: []string{models}},
	}
	for _, test := range []struct {
		name, from, to        string
		agents, subs, gateway string // what is left of their tokens
	}{
		{name: "nothing changed", agents: "ai.training.read", subs: "ai.training.read", gateway: "ai.prediction.run"},
		{name: "the binding is gone", from: "researchers with MFA", to: "researchers"},
		{name: "the binding asks for more", from: "principal.attributes.mfa == true", to: "principal.attributes.level == 3"},
		{name: "the binding is for another group", from: "group: research }", to: "group: chemistry }"},
		{name: "the binding has expired", from: "when: principal.attributes.mfa == true", to: "expires: 2026-11-24T12:00:00Z"},
		{name: "the role lost the scope", from: `data-scientist: ["ai.training.*", ai`, to: `data-scientist: [ai.training.analyze, ai`, gateway: "ai.prediction.run"},
		{
			name: "the sub-agent's ceiling fell", from: "summarizer:     { auth: client_secret, ceiling: [ai.training.read] }",
			to: "summarizer:     { auth: client_secret, ceiling: [ai.training.analyze] }", agents: "ai.training.read", gateway: "ai.prediction.run",
		},
		{
			name: "the agent's ceiling fell", from: `research-agent: { auth: client_secret, ceiling: ["ai.training.*", ai.prediction.run] }`,
			to: `research-agent: { auth: client_secret, ceiling: [ai.training.analyze, ai.prediction.run] }`, gateway: "ai.prediction.run",
		},
		{
			name: "the sub-agent's rule takes over from nobody that matters", from: "from: [research-agent]", to: "from: [model-gateway]",
			agents: "ai.training.read", gateway: "ai.prediction.run",
		},
		{
			name: "the first rule takes only tokens of ours", from: "    subject: { issuer: corp }   # the root",
			to: "    from: [summarizer]\n    subject: { issuer: corp }   # the root",
		},
		{
			name: "the service doesn't serve the resource", from: "served_by: [data-gateway]", to: "served_by: []",
			agents: "ai.training.read", subs: "ai.training.read",
		},
		{
			name: "the resource accepts less", from: `accepts: ["ai.training.*", ai.usage.log.read]`, to: `accepts: [ai.usage.log.read]`,
			gateway: "ai.prediction.run",
		},
		{
			name: "a rule has another name", from: "name: sub-agents take over from research agents", to: "name: sub-agents take over",
			agents: "ai.training.read", gateway: "ai.prediction.run",
		},
		{
			name: "nothing may go onward, but the agent's rule names the resource itself",
			from: "      https://models.example.com: [ai.prediction.run]", to: "      https://models.example.com: []",
			agents: "ai.training.read", subs: "ai.training.read", gateway: "ai.prediction.run",
		},
		{
			name: "the agent's rule is for others", from: "    clients: [research-agent]\n    subject: { issuer: corp }",
			to: "    clients: [research-agent]\n    subject: { issuer: corp, group: platform }",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := string(platform(t).source)
			changed := strings.Replace(source, test.from, test.to, 1)
			if changed == source && test.from != "" {
				t.Fatal("the document has no such text")
			}
			p, err := Compile([]byte(changed), "platform.yaml", 2)
			if err != nil {
				t.Fatal(err)
			}
			s := Standing{Principal: researcher(), Bindings: []string{"researchers with MFA"}}
			look := func(resource, scope string, hops ...Hop) string {
				s.Audience, s.Scope, s.Hops = []string{resource}, []string{scope}, hops
				usable, until := p.Again(noon, s)
				if !until.IsZero() {
					t.Errorf("until %v", until)
				}
				return usable.At(resource).String()
			}
			if got := look(data, "ai.training.read", hops[0], hops[1]); got != test.agents {
				t.Errorf("the agent's: %q, want %q", got, test.agents)
			}
			if got := look(data, "ai.training.read", hops[0], hops[1], hops[2]); got != test.subs {
				t.Errorf("the sub-agent's: %q, want %q", got, test.subs)
			}
			if got := look(models, "ai.prediction.run", hops[0], hops[1], hops[3]); got != test.gateway {
				t.Errorf("the data service's: %q, want %q", got, test.gateway)
			}
		})
	}
}

// TestOnwardIsNotForUse: what a rule lets go onward doesn't make its own tokens usable there.
func TestOnwardIsNotForUse(t *testing.T) {
	p := compile(t, `
  - { name: one, clients: [agent], subject: { issuer: corp }, resources: [urn:a], onward: { urn:all: [a.read] } }
  - { name: two, clients: [server], subject: { issuer: corp }, resources: [urn:all] }`)
	s := Standing{
		Principal: ana("readers"), Bindings: []string{"readers"},
		Hops: []Hop{{Client: "agent", Rule: "one", Audience: []string{"urn:a"}}}, Audience: []string{"urn:all"}, Scope: []string{"a.read"},
	}
	if usable, _ := p.Again(noon, s); !usable.IsEmpty() {
		t.Errorf("usable: %v", usable)
	}
	s.Hops = append(s.Hops, Hop{Client: "server", Rule: "two", Audience: []string{"urn:all"}})
	if usable, _ := p.Again(noon, s); usable.At("urn:all").String() != "a.read" {
		t.Errorf("traded onward: %v", usable)
	}
	s.Hops, s.Audience = s.Hops[:1], nil
	set, _ := p.Catalogue().Of("a.read", "b.read")
	s.Reach = narrow.PairsOf(narrow.Pair{Resource: "urn:all", Scopes: set}, narrow.Pair{Resource: "urn:gone", Scopes: set})
	if reach, _ := p.Again(noon, s); len(reach.List()) != 1 || reach.At("urn:all").String() != "a.read" {
		t.Errorf("may go onward: %v", reach)
	}
}

func TestAgainWithoutHistoryIsNothing(t *testing.T) {
	s := Standing{Principal: researcher(), Bindings: []string{"researchers with MFA"}, Audience: []string{data}, Scope: []string{"ai.training.read"}}
	if usable, _ := platform(t).Again(noon, s); !usable.IsEmpty() {
		t.Errorf("got %v", usable)
	}
}

// TestAgainUntil: the answer holds until the next moment at which a recorded binding may change.
func TestAgainUntil(t *testing.T) {
	const dated = `
format: 1
scopes: { a.read: {} }
roles: { reader: [a.read] }
issuers: { corp: { url: https://id.example.com, audiences: [whittle] } }
clients: { agent: { auth: client_secret, ceiling: ["*"] } }
resources: { "urn:a": { accepts: ["*"] } }
bindings:
  - { name: ends, role: reader, to: { issuer: corp }, expires: 2026-11-24T14:00:00Z }
  - { name: day, role: reader, to: { issuer: corp }, expires: 2026-11-24T15:00:00+00:00, hours: { days: [tue], from: "09:00", to: "13:00", zone: Europe/Berlin } }
  - { name: other, role: reader, to: { issuer: corp, subject: eve }, expires: 2026-11-24T12:30:00Z }
  - { name: past, role: reader, to: { issuer: corp }, expires: 2026-11-24T11:00:00Z }
rules: [{ name: any, clients: [agent], subject: { issuer: corp }, resources: ["urn:a"] }]
`
	p, err := Compile([]byte(dated), "dated.yaml", 1)
	if err != nil {
		t.Fatal(err)
	}
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 24, hour, minute, 0, 0, time.UTC) }
	for _, test := range []struct {
		name     string
		bindings []string
		now      time.Time
		usable   bool
		until    time.Time
	}{
		{"before its end", []string{"ends"}, at(13, 59), true, at(14, 0)},
		{"at its end", []string{"ends"}, at(14, 0), false, time.Time{}},
		{"before the window, in its zone", []string{"day"}, at(7, 59), false, at(8, 0)},
		{"in the window", []string{"day"}, at(8, 0), true, at(12, 0)},
		{"after the window, until its end", []string{"day"}, at(12, 0), false, at(15, 0)},
		{"the first of several", []string{"ends", "day", "other", "past", "gone"}, at(9, 0), true, at(11, 0)},
		{"none that matches", []string{"other", "past"}, at(12, 0), false, time.Time{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			usable, until := p.Again(test.now, Standing{
				Principal: ana(), Bindings: test.bindings, Hops: []Hop{{Client: "agent", Rule: "any", Audience: []string{"urn:a"}}},
				Audience: []string{"urn:a"}, Scope: []string{"a.read", "gone.read"},
			})
			if usable.IsEmpty() == test.usable || !until.Equal(test.until) {
				t.Errorf("got %v until %v; want %v until %v", usable, until, test.usable, test.until)
			}
		})
	}
}
