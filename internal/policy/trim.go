package policy

import (
	"slices"

	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

// restingOn lists the bindings that give any of the scopes.
func restingOn(list []*binding, granted scope.Set) []*binding {
	var out []*binding
	for _, b := range list {
		if !b.scopes.And(granted).IsEmpty() {
			out = append(out, b)
		}
	}
	return out
}

// trim leaves of the principal what a token must record: the groups and attributes that the
// bindings read, and the groups that rules name as subject, so that later exchanges find them.
func (p *Policy) trim(who *principal.Principal, bindings []*binding) principal.Principal {
	out := principal.Principal{ID: who.ID}
	for _, g := range who.Groups {
		if p.grouped[selector{issuer: who.Issuer, group: g}] || slices.ContainsFunc(bindings, func(b *binding) bool { return b.reads(who.Issuer, g) }) {
			out.Groups = append(out.Groups, g)
		}
	}
	for _, b := range bindings {
		if b.when == nil {
			continue
		}
		for _, path := range b.when.paths {
			if v, ok := who.Attributes[path[0]]; ok {
				if out.Attributes == nil {
					out.Attributes = map[string]any{}
				}
				out.Attributes[path[0]] = v
			}
		}
	}
	return out
}

// reads says whether the binding looks at the group of the issuer.
func (b *binding) reads(issuer, group string) bool {
	return slices.Contains(b.to, selector{issuer: issuer, group: group}) || b.when != nil && slices.Contains(b.when.groups, group)
}
