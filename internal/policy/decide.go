package policy

import (
	"fmt"
	"time"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

// Request is one exchange that somebody asks for.
type Request struct {
	Now       time.Time
	Client    string              // authenticated
	Principal principal.Principal // the root principal, whatever the depth
	Parent    *Parent             // nil: an outside token, or the client asks for itself
	NotAfter  time.Time           // when the subject token ends; zero if the client asks for itself
	Resources []string            // identifiers, each once
	Scope     []string            // well formed; nil: none named
	Lifetime  time.Duration       // wished for; 0: none
	Depth     int                 // number of the new token's hop, from 1
}

// Parent is the subject token, if it is one of ours.
type Parent struct {
	Bounds   narrow.Bounds // its reach in this policy's catalogue, looked at anew
	IssuedTo string        // the client
	Audience []string      // resources; empty if exchange-only
	Bindings []string      // names
}

// Decision is what the policy allows of a request.
type Decision struct {
	Rule        string
	Parent      narrow.Bounds       // what stands above the new token, for narrow.Narrow
	Wanted      narrow.Bounds       // what is allowed of what was asked, for narrow.Narrow
	Bindings    []string            // that give what was granted
	Principal   principal.Principal // with only what those bindings, and the rules' subjects, read
	Opaque      bool                // the token must be opaque
	Impersonate bool                // no `act` claim
	Removed     []Removal           // asked for and not given, where the rule narrows
}

// decision is one run of Decide; each phase adds what the next ones need.
type decision struct {
	*Request
	policy   *Policy
	client   *Client
	rule     *rule
	audience []*Resource // empty: exchange-only
	bindings []*binding  // that the principal holds now
	roles    scope.Set   // what they give
	granted  scope.Set
	removed  []Removal
}

// Decide says what the policy allows of an exchange; if nothing, the error is a [*Refusal]. What
// it allows is still narrowed against Decision.Parent by narrow.Narrow, which enforces.
func (p *Policy) Decide(req Request) (*Decision, error) {
	d := &decision{Request: &req, policy: p}
	for _, phase := range []func() *Refusal{d.match, d.depth, d.targets, d.hold, d.grant} {
		if refusal := phase(); refusal != nil {
			if d.rule != nil {
				refusal.Rule = d.rule.name
			}
			return nil, refusal
		}
	}
	return d.decide(), nil
}

// depth refuses a hop that the rule or the subject token leaves no room for.
func (d *decision) depth() *Refusal {
	switch {
	case d.Depth > d.rule.maxDepth:
		return &Refusal{Code: invalidRequest, Reason: "depth", Detail: fmt.Sprintf(
			"this would be exchange %d after one another, and the rule %q allows %d (max_depth)", d.Depth, d.rule.name, d.rule.maxDepth)}
	case d.Parent != nil && d.Parent.Bounds.Depth < 1:
		return &Refusal{Code: invalidRequest, Reason: "depth", Detail: fmt.Sprintf(
			"this would be exchange %d after one another, and the rules of the exchanges before allow no more (max_depth)", d.Depth)}
	}
	return nil
}

// hold finds the roles that the principal has now: for a token of ours, by no other bindings than
// those that it rests on.
func (d *decision) hold() *Refusal {
	var only []string
	if d.Parent != nil {
		only = d.Parent.Bindings
	}
	d.bindings, _ = d.policy.held(&d.Principal, d.Now, only, d.Parent != nil)
	d.roles = scopesOf(d.bindings)
	return nil
}

// allowed is what may be had at a resource, whichever the rule: roles ∩ ceiling ∩ what the
// resource accepts ∩ the subject token's reach.
func (d *decision) allowed(r *Resource) scope.Set {
	set := d.roles.And(d.client.Ceiling).And(r.Accepts)
	if d.Parent != nil {
		set = set.And(d.Parent.Bounds.Reach.At(r.ID))
	}
	return set
}

func (d *decision) decide() *Decision {
	wanted := narrow.Bounds{
		Scopes: d.granted,
		Reach:  d.reach(),
		Uses:   d.uses(),
		Depth:  d.rule.maxDepth - d.Depth,
	}
	for _, r := range d.audience {
		wanted.Audience = append(wanted.Audience, r.ID)
	}
	wanted.NotAfter = d.end()
	parent := d.above()
	resting := restingOn(d.bindings, wanted.Reach.Scopes())
	out := &Decision{
		Rule:        d.rule.name,
		Parent:      parent,
		Wanted:      wanted,
		Principal:   d.policy.trim(&d.Principal, resting),
		Opaque:      d.rule.opaque || min(wanted.Uses, parent.Uses) != narrow.Unlimited,
		Impersonate: d.rule.impersonate,
		Removed:     d.removed,
	}
	for _, b := range resting {
		out.Bindings = append(out.Bindings, b.name)
	}
	return out
}

// above is the bounds of what the new token comes from. Above a first token stand the roles, at
// the resources that the rule names: nothing else can be wanted.
func (d *decision) above() narrow.Bounds {
	if d.Parent != nil {
		return d.Parent.Bounds
	}
	var held []narrow.Pair
	for _, r := range d.rule.resources {
		held = append(held, narrow.Pair{Resource: r.ID, Scopes: d.roles.And(r.Accepts)})
	}
	for _, o := range d.rule.onward {
		held = append(held, narrow.Pair{Resource: o.Resource, Scopes: d.roles.And(d.policy.resources[o.Resource].Accepts)})
	}
	notAfter := d.NotAfter
	if notAfter.IsZero() {
		notAfter = d.Now.Add(narrow.MaxLifetime)
	}
	return narrow.Root(narrow.PairsOf(held...), notAfter)
}

// reach is what was granted and, for a token that works somewhere, what the rule lets its receiver trade
// it for. A token that works nowhere reaches what was asked for and nothing else.
func (d *decision) reach() narrow.Pairs {
	var pairs []narrow.Pair
	if len(d.audience) == 0 {
		for _, r := range d.rule.resources {
			pairs = append(pairs, narrow.Pair{Resource: r.ID, Scopes: d.granted.And(d.allowed(r))})
		}
		return narrow.PairsOf(pairs...)
	}
	for _, r := range d.audience {
		pairs = append(pairs, narrow.Pair{Resource: r.ID, Scopes: d.granted})
	}
	for _, o := range d.rule.onward {
		pairs = append(pairs, narrow.Pair{
			Resource: o.Resource, Scopes: o.Scopes.And(d.allowed(d.policy.resources[o.Resource])),
		})
	}
	return narrow.PairsOf(pairs...)
}

// end is when the token must end by the wish, the rule, the scopes and the subject token.
func (d *decision) end() time.Time {
	life := d.rule.maxTask
	if len(d.audience) > 0 {
		life = d.rule.maxLifetime
		d.eachLimit(func(l limits) {
			if l.lifetime > 0 {
				life = min(life, l.lifetime)
			}
		})
	}
	if d.Lifetime > 0 {
		life = min(life, d.Lifetime)
	}
	end := d.Now.Add(life)
	if !d.NotAfter.IsZero() && d.NotAfter.Before(end) {
		return d.NotAfter
	}
	return end
}

// uses is the fewest uses that a granted scope allows. What is usable nowhere isn't counted.
func (d *decision) uses() narrow.Uses {
	uses := narrow.Unlimited
	if len(d.audience) > 0 {
		d.eachLimit(func(l limits) {
			if l.uses > 0 {
				uses = min(uses, narrow.Uses(l.uses))
			}
		})
	}
	return uses
}

// eachLimit calls fn with the limits of each granted scope that has any.
func (d *decision) eachLimit(fn func(limits)) {
	if len(d.policy.limited) == 0 {
		return
	}
	for _, name := range d.granted.Names() {
		if l, ok := d.policy.limited[name]; ok {
			fn(l)
		}
	}
}
