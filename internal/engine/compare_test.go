package engine

import (
	"slices"

	"github.com/whittle-sts/whittle/internal/token"
)

// audienceOf is the resources of a token; none of an exchange-only one.
func audienceOf(c *token.Claims) []string {
	if c.ExchangeOnly() {
		return nil
	}
	return c.Audience
}

func reachOf(c *token.Claims) pairs {
	out := pairs{}
	for _, e := range c.Evidence.Reach {
		for _, s := range e.Scopes {
			out[pair{e.Resource, s}] = true
		}
	}
	return out
}

// compare holds a token to the second implementation.
func (p *player) compare(m mintedToken, v version) {
	c, want := m.claims, m.naive
	last := c.Evidence.Hops[len(c.Evidence.Hops)-1]
	slices.Sort(want.scopes)
	same := slices.Equal(c.Scope, want.scopes) && slices.Equal(audienceOf(c), want.audience) &&
		reachOf(c).within(want.reach) && want.reach.within(reachOf(c)) && c.Expires.Equal(want.expires) &&
		c.Evidence.Depth == want.depth && slices.Equal(c.Evidence.Bindings, want.bindings) &&
		slices.Equal(c.Evidence.Root.Groups, want.groups) && last.Rule == want.hops[len(want.hops)-1].rule
	if !same {
		p.Fatalf("minted %v for %v until %v, %+v\nby the second implementation %+v\n%s", c.Scope, c.Audience, c.Expires, c.Evidence, want, v.yaml())
	}
}

// narrower is the first promise.
func (p *player) narrower(child mintedToken, parent *mintedToken, v version) {
	c, of := child.claims, parent.claims
	allowed := v.still(parent.naive, parent.naive.reach, false)
	switch {
	case !child.usable.within(reachOf(c)):
		p.Fatalf("usable beyond its own reach: %v %v", child.usable, reachOf(c))
	case !reachOf(c).within(reachOf(of)), !reachOf(c).within(allowed):
		p.Fatalf("reaches further than its parent: %v, of %v", reachOf(c), reachOf(of))
	case c.Expires.After(of.Expires):
		p.Fatalf("outlives its parent")
	case c.Evidence.Depth >= of.Evidence.Depth:
		p.Fatalf("may be traded on %d times, its parent %d", c.Evidence.Depth, of.Evidence.Depth)
	case len(of.Evidence.Limited) > 0 && !slices.Equal(c.Evidence.Limited[:len(of.Evidence.Limited)], of.Evidence.Limited):
		p.Fatalf("a limited ancestor's uses aren't counted")
	case len(c.Lineage) <= len(of.Lineage) || !slices.Equal(c.Lineage[:len(of.Lineage)+1], slices.Concat(of.Lineage, []token.ID{of.ID})) || c.Task != of.Task || c.Rev != of.Rev:
		p.Fatalf("it isn't of its parent's lineage, task and sequence")
	}
}
