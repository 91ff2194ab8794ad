package engine

import (
	"slices"
	"time"

	"github.com/whittle-sts/whittle/internal/principal"
)

// A second implementation of 'what an exchange grants', in the plainest form: lists of names and sets of
// pairs. It shares nothing with the first but the document that both are told.

// pair is one scope at one resource.
type pair struct{ resource, scope string }

type pairs map[pair]bool

func (p pairs) within(q pairs) bool {
	for e := range p {
		if !q[e] {
			return false
		}
	}
	return true
}

// held is what the second implementation knows of a token: nil stands for an outside one.
type held struct {
	client   string
	audience []string
	scopes   []string
	reach    pairs
	bindings []string
	hops     []hopMade
	groups   []string
	expires  time.Time
	uses     int // as minted; -1: not counted
	depth    int // exchanges that may follow
}

type hopMade struct {
	client, rule string
	audience     []string
}

// wish is one request.
type wish struct {
	client    string
	resources []string
	scopes    []string
	lifetime  time.Duration
}

func in(groups []string, group string) bool { return group == "" || slices.Contains(groups, group) }

func (p plan) rule(name string) *planRule {
	for i := range p.rules {
		if p.rules[i].name == name {
			return &p.rules[i]
		}
	}
	return nil
}

// admits says whether the rule lets the client present what a hop made; nil is an outside token.
func (p plan) admits(r *planRule, client string, groups []string, from *hopMade) bool {
	switch {
	case !slices.Contains(r.clients, client) || !in(groups, r.group):
		return false
	case from == nil:
		return len(r.from) == 0
	case from.client == client || slices.Contains(r.from, from.client):
		return true
	}
	return slices.ContainsFunc(from.audience, func(id string) bool { return slices.Contains(p.serves[client], id) })
}

// roles is what the bindings give: those named, or all if names is nil.
func (p plan) roles(groups, named []string, all bool) map[string][]string {
	out := map[string][]string{}
	for _, b := range p.bindings {
		if in(groups, b.group) && (all || slices.Contains(named, b.name)) {
			out[b.name] = b.scopes
		}
	}
	return out
}

func gives(roles map[string][]string, scope string) bool {
	for _, scopes := range roles {
		if slices.Contains(scopes, scope) {
			return true
		}
	}
	return false
}

// still is the pairs of a token that today's plan gives; used: for use where it stands, not for trading.
func (p plan) still(h *held, list pairs, used bool) pairs {
	out := pairs{}
	roles := p.roles(h.groups, h.bindings, false)
	for e := range list {
		ok := gives(roles, e.scope) && slices.Contains(p.accepts[e.resource], e.scope)
		for i, hop := range h.hops {
			var from *hopMade
			if i > 0 {
				from = &h.hops[i-1]
			}
			r := p.rule(hop.rule)
			if r == nil || !p.admits(r, hop.client, h.groups, from) || !slices.Contains(p.ceiling[hop.client], e.scope) {
				ok = false
				break
			}
			named := slices.Contains(r.resources, e.resource)
			ok = ok && (named || slices.Contains(r.onward[e.resource], e.scope) && !(used && i == len(h.hops)-1))
		}
		if ok {
			out[e] = true
		}
	}
	return out
}

func product(audience, scopes []string) pairs {
	out := pairs{}
	for _, id := range audience {
		for _, s := range scopes {
			out[pair{id, s}] = true
		}
	}
	return out
}

// grant is what the plan gives of a wish; nil: nothing.
func (p plan) grant(now time.Time, groups []string, parent *held, notAfter time.Time, usesLeft int, w wish) *held {
	depth, named := 1, []string(nil)
	var from *hopMade
	reach := pairs(nil) // nil: no parent of ours, so everything
	if parent != nil {
		groups, named, depth, from = parent.groups, parent.bindings, len(parent.hops)+1, &parent.hops[len(parent.hops)-1]
		reach = p.still(parent, parent.reach, false)
	}
	var rule *planRule
	for i := range p.rules {
		r := &p.rules[i]
		if p.admits(r, w.client, groups, from) && !slices.ContainsFunc(w.resources, func(id string) bool { return !slices.Contains(r.resources, id) }) {
			rule = r
			break
		}
	}
	if rule == nil || depth > rule.depth || parent != nil && parent.depth < 1 || usesLeft == 0 {
		return nil
	}
	roles := p.roles(groups, named, parent == nil)
	can := func(id, s string) bool {
		return gives(roles, s) && slices.Contains(p.ceiling[w.client], s) && slices.Contains(p.accepts[id], s) && (reach == nil || reach[pair{id, s}])
	}
	out := &held{client: w.client, audience: w.resources, reach: pairs{}, groups: groups, uses: usesLeft, expires: notAfter}
	if len(out.audience) == 0 && rule.defaultResource != "" {
		out.audience = []string{rule.defaultResource}
	}
	if len(out.audience) > 1 && !rule.multi {
		return nil
	}
	for _, id := range out.audience {
		if len(p.accepts[id]) == 0 || reach != nil && !slices.ContainsFunc(planScopes, func(s string) bool { return reach[pair{id, s}] }) {
			return nil
		}
	}
	asked := w.scopes
	if len(asked) == 0 {
		asked = rule.defaultScope
	}
	for _, s := range asked {
		ok := len(out.audience) > 0
		for _, id := range out.audience {
			ok = ok && can(id, s)
		}
		if len(out.audience) == 0 {
			ok = slices.ContainsFunc(rule.resources, func(id string) bool { return can(id, s) })
		}
		if ok {
			out.scopes = append(out.scopes, s)
		} else if !rule.narrows {
			return nil
		}
	}
	if len(out.scopes) == 0 {
		return nil
	}
	places := out.audience
	if len(places) == 0 {
		places = rule.resources
	}
	for e := range product(places, out.scopes) {
		if can(e.resource, e.scope) {
			out.reach[e] = true
		}
	}
	for id, scopes := range rule.onward {
		if len(out.audience) == 0 {
			break // an exchange-only token goes nowhere, so nothing goes on from there
		}
		for e := range product([]string{id}, scopes) {
			if can(e.resource, e.scope) {
				out.reach[e] = true
			}
		}
	}
	minutes := rule.task
	if len(out.audience) > 0 {
		minutes = rule.life
		for _, s := range out.scopes {
			if m := p.minutes[s]; m > 0 {
				minutes = min(minutes, m)
			}
			if n := p.uses[s]; n > 0 && (out.uses < 0 || n < out.uses) {
				out.uses = n
			}
		}
	}
	end := now.Add(time.Duration(minutes) * time.Minute)
	if w.lifetime > 0 && now.Add(w.lifetime).Before(end) {
		end = now.Add(w.lifetime)
	}
	if end.Before(out.expires) {
		out.expires = end
	}
	out.expires = out.expires.Truncate(time.Second)
	if !now.Truncate(time.Second).Before(out.expires) {
		return nil
	}
	out.depth = rule.depth - depth
	if parent != nil {
		out.depth = min(out.depth, parent.depth-1)
		out.hops = slices.Clone(parent.hops)
	}
	out.depth = min(out.depth, 7) // eight in all
	out.hops = append(out.hops, hopMade{w.client, rule.name, out.audience})
	out.remember(p, roles)
	return out
}

// remember keeps the bindings that give any of the reach, and the groups that these or a rule read.
func (h *held) remember(p plan, roles map[string][]string) {
	for _, b := range p.bindings {
		if scopes, ok := roles[b.name]; ok && slices.ContainsFunc(scopes, func(s string) bool { return h.reaches(s) }) {
			h.bindings = append(h.bindings, b.name)
		}
	}
	h.groups = slices.DeleteFunc(slices.Clone(h.groups), func(g string) bool {
		return !slices.ContainsFunc(p.rules, func(r planRule) bool { return r.group == g }) &&
			!slices.ContainsFunc(p.bindings, func(b planBinding) bool { return b.group == g && slices.Contains(h.bindings, b.name) })
	})
}

func (h *held) reaches(scope string) bool {
	for e := range h.reach {
		if e.scope == scope {
			return true
		}
	}
	return false
}

func ana(groups []string) principal.Principal {
	return principal.Principal{ID: principal.ID{Issuer: "corp", Subject: "ana"}, Groups: groups}
}
