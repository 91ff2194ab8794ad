package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
)

// parentOf is a token of ours with the reach that the first request's decision gave.
func parentOf(d *Decision, issuedTo string) *Parent {
	return &Parent{Bounds: d.Wanted, IssuedTo: issuedTo, Audience: d.Wanted.Audience, Bindings: d.Bindings}
}

func TestChildStaysWithinItsParent(t *testing.T) {
	p := compile(t, anyRule)
	d := decide(t, p, first([]string{"urn:a"}, "a.read"))
	for _, test := range []struct {
		name         string
		resources    []string
		scopes       []string
		code, reason string
		by           string
	}{
		{"a scope that the parent hasn't", []string{"urn:a"}, []string{"a.write"}, "invalid_scope", "nothing_left", "parent"},
		{"TestT26: a resource that the parent hasn't", []string{"urn:all"}, []string{"a.read"}, "invalid_target", "resource_out_of_reach", ""},
		{"no resource, a scope that the parent hasn't", nil, []string{"b.read"}, "invalid_scope", "nothing_left", "parent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := first(test.resources, test.scopes...)
			req.Parent, req.Depth = parentOf(d, "agent"), 2
			_, err := p.Decide(req)
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Code != test.code || refusal.Reason != test.reason {
				t.Fatalf("got %v; want %s %s", err, test.code, test.reason)
			}
			if test.by != "" && refusal.Removed[0].By != test.by {
				t.Errorf("removed by %s; want %s", refusal.Removed[0].By, test.by)
			}
		})
	}
}

// TestChildUsesNoOtherBinding: a token rests on the bindings that gave it; a binding that its
// principal has as well doesn't widen it, even within the reach.
func TestChildUsesNoOtherBinding(t *testing.T) {
	p := compile(t, anyRule)
	req := first([]string{"urn:a"}, "a.write")
	d := decide(t, p, req)
	req.Parent, req.Depth = parentOf(d, "agent"), 2
	req.Parent.Bindings = []string{"readers", "gone"}
	if _, err := p.Decide(req); err == nil {
		t.Error("a.write was given though readers don't have it")
	}
}

func TestLifetimeUsesAndDepth(t *testing.T) {
	rule := `  - { name: any, clients: [agent], subject: { issuer: corp }, resources: [urn:a, urn:all], max_lifetime: 20m, max_task_lifetime: 8h, max_depth: 3, multi_audience: true }`
	for _, test := range []struct {
		name  string
		req   Request
		wish  time.Duration
		end   time.Duration
		life  time.Duration
		uses  narrow.Uses
		opaq  bool
		depth int
	}{
		{"the rule limits a usable token", first([]string{"urn:a"}, "a.read"), 0, time.Hour, 20 * time.Minute, narrow.Unlimited, false, 2},
		{"a wish shortens", first([]string{"urn:a"}, "a.read"), time.Minute, time.Hour, time.Minute, narrow.Unlimited, false, 2},
		{"a wish can't lengthen", first([]string{"urn:a"}, "a.read"), time.Hour, time.Hour, 20 * time.Minute, narrow.Unlimited, false, 2},
		{"the subject token's end", first([]string{"urn:a"}, "a.read"), 0, 30 * time.Second, 30 * time.Second, narrow.Unlimited, false, 2},
		{"the shortest and the fewest of the scopes", first([]string{"urn:all"}, "a.write", "b.read"), 0, time.Hour, 3 * time.Minute, 2, true, 2},
		{"an exchange-only token has the task's", first(nil, "a.write"), 0, 9 * time.Hour, 8 * time.Hour, narrow.Unlimited, false, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := test.req
			req.Lifetime, req.NotAfter = test.wish, noon.Add(test.end)
			d := decide(t, compile(t, rule), req)
			if life := d.Wanted.NotAfter.Sub(noon); life != test.life || d.Wanted.Uses != test.uses || d.Opaque != test.opaq || d.Wanted.Depth != test.depth {
				t.Errorf("got %v, %d uses, opaque %v, depth %d", life, d.Wanted.Uses, d.Opaque, d.Wanted.Depth)
			}
		})
	}
}

func TestDefaultsOfARule(t *testing.T) {
	p := compile(t, `  - { name: any, clients: [agent], subject: { issuer: corp }, resources: [urn:a], default_resource: urn:a, default_scope: [a.read, b.read], partly_refused: narrow, token_format: opaque, impersonate: true }`)
	d := decide(t, p, first(nil))
	want := []Removal{{Scope: "b.read", Resource: "urn:a", By: "resource", Name: "urn:a"}}
	if d.Wanted.Scopes.String() != "a.read" || !slices.Equal(d.Wanted.Audience, []string{"urn:a"}) || !slices.Equal(d.Removed, want) {
		t.Errorf("got %v at %v, removed %+v", d.Wanted.Scopes, d.Wanted.Audience, d.Removed)
	}
	if !d.Opaque || !d.Impersonate {
		t.Errorf("opaque %v, impersonate %v", d.Opaque, d.Impersonate)
	}
	d = decide(t, compile(t, anyRule), first(nil, "a.read"))
	if life := d.Wanted.NotAfter.Sub(noon); life != time.Hour || d.Wanted.Depth != narrow.MaxDepth-1 {
		t.Errorf("without limits a task has %v and depth %d", life, d.Wanted.Depth)
	}
}

func TestFirstMatchDecides(t *testing.T) {
	rules := `
  - { name: not mine, clients: [helper], subject: { issuer: corp }, resources: [urn:a] }
  - { name: not her, clients: [agent], subject: { issuer: corp, subject: eve }, resources: [urn:a] }
  - { name: not there, clients: [agent], subject: { issuer: corp }, resources: [urn:b] }
  - { name: this, clients: [agent], subject: [{ client: agent }, { issuer: corp, group: others }], resources: [urn:a], partly_refused: narrow }
  - { name: more, clients: [agent], subject: { issuer: corp }, resources: [urn:a, urn:all] }
`
	p := compile(t, rules)
	if d := decide(t, p, first([]string{"urn:a"}, "a.read", "b.write")); d.Rule != "this" || d.Wanted.Scopes.String() != "a.read" {
		t.Errorf("rule %q gave %v", d.Rule, d.Wanted.Scopes)
	}
	if d := decide(t, p, first([]string{"urn:all"}, "a.read")); d.Rule != "more" {
		t.Errorf("rule %q decided", d.Rule)
	}
}

func TestSeveralAudiencesAreAProduct(t *testing.T) {
	p := compile(t, `  - { name: any, clients: [agent], subject: { issuer: corp }, resources: [urn:a, urn:all], multi_audience: true, partly_refused: narrow }`)
	d := decide(t, p, first([]string{"urn:all", "urn:a"}, "a.read", "b.read"))
	if d.Wanted.Scopes.String() != "a.read" || !slices.Equal(d.Wanted.Audience, []string{"urn:all", "urn:a"}) {
		t.Errorf("got %v at %v", d.Wanted.Scopes, d.Wanted.Audience)
	}
}

func TestClientAsksForItself(t *testing.T) {
	p := compile(t, `  - { name: self, clients: [agent, helper], subject: { client: agent }, resources: [urn:a] }`)
	req := first([]string{"urn:a"}, "a.read")
	req.Principal, req.NotAfter = principal.Principal{ID: principal.Client("agent")}, time.Time{}
	d := decide(t, p, req)
	if _, err := narrow.Narrow(d.Parent, d.Wanted, noon); err != nil || !slices.Equal(d.Bindings, []string{"the agent"}) {
		t.Errorf("bindings %q, %v", d.Bindings, err)
	}
	req.Client = "helper"
	if _, err := p.Decide(req); err == nil || !strings.Contains(err.Error(), "not_presentable") {
		t.Errorf("a client asked for another: %v", err)
	}
}

// TestUserIsNeverTakenForAClient: a user whose subject is a client's id gets nothing of the client's.
func TestUserIsNeverTakenForAClient(t *testing.T) {
	p := compile(t, `
  - { name: self, clients: [agent], subject: { client: agent }, resources: [urn:a] }
  - { name: people, clients: [agent], subject: { issuer: corp }, resources: [urn:a] }`)
	req := first([]string{"urn:a"}, "a.read")
	req.Principal = principal.Principal{ID: principal.ID{Issuer: "corp", Subject: "agent"}}
	d, err := p.Decide(req)
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Rule != "people" || refusal.Reason != "nothing_left" {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestLimitsOfTheParentStay(t *testing.T) {
	p := compile(t, anyRule)
	req := first([]string{"urn:a"}, "a.read")
	req.Parent, req.Depth = parentOf(decide(t, p, req), "agent"), 2
	req.Parent.Bounds.Uses = 3
	if d := decide(t, p, req); !d.Opaque || d.Parent.Uses != 3 {
		t.Errorf("the child of a limited token: opaque %v", d.Opaque)
	}
	req.Parent.Bounds.Depth = 0
	if _, err := p.Decide(req); err == nil || !strings.Contains(err.Error(), "(depth)") {
		t.Errorf("a child of a token that may have none: %v", err)
	}
}

func TestPrincipalIsTrimmed(t *testing.T) {
	p := compile(t, anyRule+`
  - { name: later, clients: [helper], from: [agent], subject: { issuer: corp, group: others }, resources: [urn:a] }`)
	req := first([]string{"urn:a"}, "a.read")
	req.Principal.Groups = []string{"private", "others", "readers"}
	req.Principal.Attributes = map[string]any{"salary": 1.0}
	d := decide(t, p, req)
	if !slices.Equal(d.Principal.Groups, []string{"others", "readers"}) || len(d.Principal.Attributes) != 0 {
		t.Errorf("kept %q and %v", d.Principal.Groups, d.Principal.Attributes)
	}
	if len(req.Principal.Groups) != 3 {
		t.Error("the request was changed")
	}
	when := strings.Replace(base+anyRule, "group: readers }", `group: readers }, when: '"x" in principal.groups && principal.attributes.level == 1'`, 1)
	if p, err := Compile([]byte(when), "when.yaml", 1); err != nil {
		t.Error(err)
	} else {
		req.Principal.Groups, req.Principal.Attributes = []string{"readers", "x", "y"}, map[string]any{"level": 1.0, "other": 2.0}
		d = decide(t, p, req)
	}
	if !slices.Equal(d.Principal.Groups, []string{"readers", "x"}) || len(d.Principal.Attributes) != 1 || d.Principal.Attributes["level"] != 1.0 {
		t.Errorf("of what the condition reads, kept %q and %v", d.Principal.Groups, d.Principal.Attributes)
	}
}
