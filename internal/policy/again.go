package policy

import (
	"time"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

// Standing is what a token of ours rests on, as its evidence recorded it.
type Standing struct {
	Principal principal.Principal
	Bindings  []string // names
	Hops      []Hop    // the first first, the token's own last
	Audience  []string // resources; empty: look at Reach instead
	Scope     []string // names; read only with Audience
	// Reach, in this policy's catalogue, is read only without Audience: for an exchange-only token,
	// and to learn what a token may still be traded for.
	Reach narrow.Pairs
}

// Hop is one exchange in a token's history.
type Hop struct {
	Client, Rule string
	Audience     []string // empty if exchange-only
}

// Again looks anew at a token: which pairs of its Audience × Scope, or of its Reach, this policy
// still gives. Until is when time alone may change that; zero if it can't.
func (p *Policy) Again(now time.Time, s Standing) (usable narrow.Pairs, until time.Time) {
	hops := make([]hop, len(s.Hops))
	for i := range s.Hops {
		var previous *Hop
		if i > 0 {
			previous = &s.Hops[i-1]
		}
		var ok bool
		if hops[i], ok = p.hop(&s.Hops[i], previous, &s.Principal); !ok {
			return narrow.Pairs{}, time.Time{}
		}
	}
	if len(hops) == 0 {
		return narrow.Pairs{}, time.Time{}
	}
	bindings, until := p.held(&s.Principal, now, s.Bindings, true)
	most := scopesOf(bindings)
	for _, h := range hops {
		most = most.And(h.client.Ceiling)
	}
	var pairs []narrow.Pair
	for _, pair := range p.recorded(&s) {
		if r, ok := p.resources[pair.Resource]; ok {
			pair.Scopes = still(pair.Scopes.And(most).And(r.Accepts), r, hops, len(s.Audience) > 0)
			pairs = append(pairs, pair)
		}
	}
	return narrow.PairsOf(pairs...), until
}

// hop is a recorded exchange under this policy.
type hop struct {
	client *Client
	rule   *rule
}

// hop finds the client and the rule of a recorded exchange; ok says whether the rule would still
// match that exchange, of a token that the previous one made.
func (p *Policy) hop(h, previous *Hop, who *principal.Principal) (hop, bool) {
	client, known := p.clients[h.Client]
	r, exists := p.rules[h.Rule]
	if !known || !exists || !r.clients[h.Client] || !r.subject.match(who) {
		return hop{}, false
	}
	if previous == nil {
		return hop{client, r}, r.starts(client, who)
	}
	return hop{client, r}, r.presentable(client, previous.Client, previous.Audience)
}

// recorded is the pairs that are looked at.
func (p *Policy) recorded(s *Standing) []narrow.Pair {
	if len(s.Audience) == 0 {
		return s.Reach.List()
	}
	scopes, _ := p.catalogue.Of(s.Scope...)
	pairs := make([]narrow.Pair, 0, len(s.Audience))
	for _, resource := range s.Audience {
		pairs = append(pairs, narrow.Pair{Resource: resource, Scopes: scopes})
	}
	return pairs
}

// still is what of the scopes each hop's rule gives at the resource: all where the rule names it,
// what may go onward where it doesn't. A token's own hop gives use only where its rule names it.
func still(scopes scope.Set, r *Resource, hops []hop, used bool) scope.Set {
	for i, h := range hops {
		switch {
		case h.rule.allows[r.ID]:
		case used && i == len(hops)-1:
			return scope.Set{}
		default:
			scopes = scopes.And(h.rule.onwardAt[r.ID])
		}
	}
	return scopes
}
