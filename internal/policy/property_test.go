package policy

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
)

// pair is a resource and a scope, for the naive implementation.
type pair struct{ resource, scope string }

func pairsOf(p narrow.Pairs) map[pair]bool {
	out := map[pair]bool{}
	for _, e := range p.List() {
		for _, s := range e.Scopes.Names() {
			out[pair{e.Resource, s}] = true
		}
	}
	return out
}

func (w world) person(group string, p principal.Principal) bool { return group == "" || p.In(group) }

// roles says whether a binding, one of only if there is such a list, gives the scope.
func (w world) roles(p principal.Principal, only []string, first bool, scope string) bool {
	for _, b := range w.bindings {
		if (first || slices.Contains(only, b.name)) && w.person(b.group, p) &&
			(!b.mfa || p.Attributes["mfa"] == true) && slices.Contains(b.scopes, scope) {
			return true
		}
	}
	return false
}

func (w world) presents(r worldRule, client, issuedTo string, audience []string) bool {
	return issuedTo == client || slices.Contains(r.from, issuedTo) ||
		slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(w.serves[client], a) })
}

// allowed is the factors that don't depend on the rule, one after the other.
func (w world) allowed(req Request, at pair) bool {
	var only []string
	if req.Parent != nil {
		if only = req.Parent.Bindings; !req.Parent.Bounds.Reach.At(at.resource).Has(at.scope) {
			return false
		}
	}
	return w.roles(req.Principal, only, req.Parent == nil, at.scope) && slices.Contains(w.ceiling[req.Client], at.scope) &&
		slices.Contains(w.accepts[at.resource], at.scope)
}

func (w world) match(req Request) *worldRule {
	for _, r := range w.rules {
		from := req.Parent == nil && len(r.from) == 0 || req.Parent != nil && w.presents(r, req.Client, req.Parent.IssuedTo, req.Parent.Audience)
		within := true
		for _, resource := range req.Resources {
			within = within && slices.Contains(r.resources, resource)
		}
		if slices.Contains(r.clients, req.Client) && w.person(r.group, req.Principal) && from && within {
			return &r
		}
	}
	return nil
}

// decide is the naive Decide: the granted scopes and the reach; nil if refused.
func (w world) decide(req Request) (granted []string, reach map[pair]bool) {
	r := w.match(req)
	if r == nil || len(req.Resources) > 1 && !r.several {
		return nil, nil
	}
	reach = map[pair]bool{}
	for _, s := range req.Scope {
		at := req.Resources
		if len(at) == 0 {
			at = slices.DeleteFunc(slices.Clone(r.resources), func(id string) bool { return !w.allowed(req, pair{id, s}) })
		}
		if len(at) == 0 || slices.ContainsFunc(at, func(id string) bool { return !w.allowed(req, pair{id, s}) }) {
			continue
		}
		granted = append(granted, s)
		for _, id := range at {
			reach[pair{id, s}] = true
		}
	}
	for id, scopes := range r.onward {
		for _, s := range scopes {
			if len(req.Resources) > 0 && w.allowed(req, pair{id, s}) {
				reach[pair{id, s}] = true
			}
		}
	}
	if len(granted) == 0 || len(granted) < len(req.Scope) && !r.narrows {
		return nil, nil
	}
	return granted, reach
}

// again is the naive Again for one pair.
func (w world) again(s Standing, at pair) bool {
	if !slices.Contains(w.accepts[at.resource], at.scope) || !w.roles(s.Principal, s.Bindings, false, at.scope) {
		return false
	}
	for i, h := range s.Hops {
		j := slices.IndexFunc(w.rules, func(r worldRule) bool { return r.name == h.Rule })
		if j < 0 {
			return false
		}
		r := w.rules[j]
		gives := slices.Contains(r.resources, at.resource)
		if used := len(s.Audience) > 0 && i == len(s.Hops)-1; !gives && !used {
			gives = slices.Contains(r.onward[at.resource], at.scope)
		}
		fits := i == 0 && len(r.from) == 0 || i > 0 && w.presents(r, h.Client, s.Hops[i-1].Client, s.Hops[i-1].Audience)
		if !gives || !fits || !slices.Contains(r.clients, h.Client) || !w.person(r.group, s.Principal) || !slices.Contains(w.ceiling[h.Client], at.scope) {
			return false
		}
	}
	return true
}

// TestPropertyChains plays chains of exchanges, under policies that change between them, and compares every
// decision and every look with the naive implementation.
func TestPropertyChains(t *testing.T) {
	granted, total := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p := principal.Principal{ID: principal.ID{Issuer: "corp", Subject: "ana"}, Groups: some(t, "groups", allGroups[1:])}
		if rapid.Bool().Draw(t, "has MFA") {
			p.Attributes = map[string]any{"mfa": rapid.Bool().Draw(t, "MFA")}
		}
		c := chain{world: drawWorld(t), standing: Standing{Principal: p}, notAfter: noon.Add(narrow.MaxLifetime)}
		for len(c.standing.Hops) < 5 && rapid.IntRange(0, 12).Draw(t, "goes on") > 0 {
			total++
			if c.exchange(t) {
				granted++
			}
		}
	})
	if granted*50 < total {
		t.Errorf("only %d of %d exchanges were granted: the test is blind", granted, total)
	}
}

// chain is a token of ours with its history; with no hop, an outside token.
type chain struct {
	world    world
	standing Standing
	bounds   narrow.Bounds
	notAfter time.Time
}

// exchange makes the next token under a policy that may have changed; false if that is refused.
func (c *chain) exchange(t *rapid.T) bool {
	w := c.world.vary(t)
	p, err := Compile(w.yaml(), "world.yaml", 1)
	if err != nil {
		t.Fatal(err)
	}
	before := Standing{Principal: c.standing.Principal, Bindings: c.standing.Bindings, Hops: c.standing.Hops, Reach: translate(p, c.bounds.Reach)}
	req := Request{
		Now: noon, Client: rapid.SampledFrom(allClients).Draw(t, "client"), Principal: c.standing.Principal, NotAfter: c.notAfter,
		Scope: allScopes, Depth: len(c.standing.Hops) + 1,
	}
	if rapid.Bool().Draw(t, "usable") {
		req.Resources = []string{rapid.SampledFrom(allResources).Draw(t, "resource")}
		if rapid.Bool().Draw(t, "second") && req.Resources[0] != "urn:two" {
			req.Resources = append(req.Resources, "urn:two")
		}
	}
	if rapid.Bool().Draw(t, "asks for one") {
		req.Scope = []string{rapid.SampledFrom(allScopes).Draw(t, "scope")}
	}
	c.world = w
	if n := len(c.standing.Hops); n > 0 {
		c.look(t, w, p)
		last := c.standing.Hops[n-1]
		bounds := c.bounds
		bounds.Reach, _ = p.Again(noon, before)
		req.Parent = &Parent{Bounds: bounds, IssuedTo: last.Client, Audience: last.Audience, Bindings: c.standing.Bindings}
	}
	return c.granted(t, w, p, req)
}

// look compares what the token still is under another policy.
func (c *chain) look(t *rapid.T, w world, p *Policy) {
	for _, reach := range []bool{false, true} {
		s := c.standing
		s.Reach = translate(p, c.bounds.Reach)
		all := translate(p, c.bounds.Usable())
		if reach || len(s.Audience) == 0 {
			s.Audience, all = nil, s.Reach
		}
		usable, _ := p.Again(noon, s)
		want := map[pair]bool{}
		for at := range pairsOf(all) {
			if w.again(s, at) {
				want[at] = true
			}
		}
		if got := pairsOf(usable); !maps.Equal(got, want) {
			t.Fatalf("looked anew %v, want %v", got, want)
		}
	}
}

// granted compares the decision, narrows by it and goes on with the new token.
func (c *chain) granted(t *rapid.T, w world, p *Policy, req Request) bool {
	names, reach := w.decide(req)
	d, err := p.Decide(req)
	if err != nil {
		if names != nil {
			t.Fatalf("refused %v (%v); want %v", req, err, names)
		}
		return false
	}
	if got := d.Wanted.Scopes.Names(); !slices.Equal(got, names) || !maps.Equal(pairsOf(d.Wanted.Reach), reach) {
		t.Fatalf("granted %v reaching %v; want %v reaching %v", got, pairsOf(d.Wanted.Reach), names, reach)
	}
	grant, err := narrow.Narrow(d.Parent, d.Wanted, noon)
	if err != nil {
		t.Fatalf("narrowing refused what was decided: %v", err)
	}
	bounds, _ := grant.Bounds()
	if !bounds.Scopes.Equal(d.Wanted.Scopes) || !bounds.Reach.SubsetOf(d.Parent.Reach) || !d.Wanted.Reach.SubsetOf(bounds.Reach) {
		t.Fatalf("narrowed to %v of %v", bounds, d.Wanted)
	}
	c.bounds, c.notAfter = bounds, bounds.NotAfter
	c.standing.Principal, c.standing.Bindings = d.Principal, d.Bindings
	c.standing.Hops = append(slices.Clip(c.standing.Hops), Hop{Client: req.Client, Rule: d.Rule, Audience: bounds.Audience})
	c.standing.Audience, c.standing.Scope = bounds.Audience, bounds.Scopes.Names()
	c.look(t, w, p)
	s := c.standing
	s.Reach = bounds.Reach
	if usable, _ := p.Again(noon, s); len(s.Audience) > 0 && !bounds.Usable().SubsetOf(usable) {
		t.Fatalf("of a new token %v, only %v is usable", bounds.Usable(), usable)
	}
	return true
}

// translate writes pairs in another policy's catalogue.
func translate(p *Policy, pairs narrow.Pairs) narrow.Pairs {
	var out []narrow.Pair
	for _, e := range pairs.List() {
		set, _ := p.Catalogue().Of(e.Scopes.Names()...)
		out = append(out, narrow.Pair{Resource: e.Resource, Scopes: set})
	}
	return narrow.PairsOf(out...)
}
