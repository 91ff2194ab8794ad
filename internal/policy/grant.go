package policy

import (
	"fmt"

	"github.com/whittle-sts/whittle/internal/scope"
)

// What removes a scope.
const (
	byParent   = "parent"
	byRole     = "role"
	byCeiling  = "ceiling"
	byResource = "resource"
	byRule     = "rule"
	byUnknown  = "unknown"
)

// grant gives what may be had of the scopes asked for.
func (d *decision) grant() *Refusal {
	names := d.Scope
	if len(names) == 0 {
		names = d.rule.defaultScope
	}
	if len(names) == 0 {
		return &Refusal{Code: invalidScope, Reason: "no_scope", Detail: "no scope was asked for and the rule has no default_scope"}
	}
	asked, unknown := d.policy.catalogue.Of(names...)
	if len(unknown) > 0 {
		return &Refusal{
			Code: invalidScope, Reason: "unknown_scope", Detail: fmt.Sprintf("%d scopes are not in the catalogue", len(unknown)),
			Removed: unknownOnes(unknown),
		}
	}
	d.granted = asked.And(d.available())
	for _, name := range asked.Minus(d.granted).Names() {
		d.removed = append(d.removed, d.why(name))
	}
	switch {
	case d.granted.IsEmpty():
		return &Refusal{Code: invalidScope, Reason: "nothing_left", Detail: "none of the scopes may be had", Removed: d.removed}
	case len(d.removed) > 0 && !d.rule.narrows:
		return &Refusal{Code: invalidScope, Reason: "partly_refused", Detail: "some of the scopes may not be had", Removed: d.removed}
	}
	return nil
}

func unknownOnes(names []string) []Removal {
	var out []Removal
	for _, name := range names {
		out = append(out, Removal{Scope: name, By: byUnknown})
	}
	return out
}

// available is what may be had at every resource of the audience, since a token's audience and
// scope are read as a product; or, for an exchange-only token, at any of the rule's resources.
func (d *decision) available() scope.Set {
	var all scope.Set
	if len(d.audience) == 0 {
		for _, r := range d.rule.resources {
			all = all.Or(d.allowed(r))
		}
		return all
	}
	all = d.allowed(d.audience[0])
	for _, r := range d.audience[1:] {
		all = all.And(d.allowed(r))
	}
	return all
}

// why says what removed a scope.
func (d *decision) why(name string) Removal {
	if len(d.audience) == 0 {
		return d.whyAmong(name, d.rule.resources)
	}
	for _, r := range d.audience {
		if !d.allowed(r).Has(name) {
			removal := d.whyAmong(name, []*Resource{r})
			removal.Resource = r.ID
			return removal
		}
	}
	return Removal{Scope: name, By: byRule, Name: d.rule.name} // unreachable: what is allowed everywhere was granted
}

// whyAmong says what keeps a scope from being had at all of the resources.
func (d *decision) whyAmong(name string, resources []*Resource) Removal {
	accepted, reached := false, false
	for _, r := range resources {
		accepts := r.Accepts.Has(name)
		accepted = accepted || accepts
		reached = reached || accepts && (d.Parent == nil || d.Parent.Bounds.Reach.At(r.ID).Has(name))
	}
	switch {
	case !accepted && len(d.audience) == 0:
		return Removal{Scope: name, By: byRule, Name: d.rule.name}
	case !accepted:
		return Removal{Scope: name, By: byResource, Name: resources[0].ID}
	case !reached:
		return Removal{Scope: name, By: byParent}
	case !d.roles.Has(name):
		return Removal{Scope: name, By: byRole}
	}
	return Removal{Scope: name, By: byCeiling, Name: d.client.ID}
}
