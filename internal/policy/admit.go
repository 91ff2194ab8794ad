package policy

import (
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/whittle-sts/whittle/internal/document"
	"github.com/whittle-sts/whittle/internal/principal"
)

// maxGroups is the most groups that an outside token may name.
const maxGroups = 1_000

// Admit turns the verified claims of an issuer's token into the principal that it speaks for.
// Claims are JSON values as map[string]any, []any, string, bool, nil and float64 (or int64);
// expressions see numbers as CEL's double or int, which compare with each other but don't add up.
// A token that the policy doesn't take is a [*Refusal].
func (p *Policy) Admit(issuer string, claims map[string]any) (principal.Principal, error) {
	i, ok := p.issuers[issuer]
	if !ok {
		return principal.Principal{}, notAdmitted("unknown_issuer", "the policy has no issuer "+issuer)
	}
	subject, ok := claims["sub"].(string)
	if !ok || !principal.Nameable(subject) {
		return principal.Principal{}, notAdmitted("no_subject", "sub is not a text of 1 to 256 printable bytes, or looks like a token or a secret")
	}
	vars := claimsVars(claims)
	if i.acceptWhen != nil {
		if v, ok := i.acceptWhen.value(claims, vars); !ok || v != types.True {
			return principal.Principal{}, notAdmitted("not_accepted", "accept_when of issuer "+issuer+" is not true")
		}
	}
	groups, ok := i.groupsOf(claims)
	if !ok {
		return principal.Principal{}, notAdmitted("bad_groups", "groups of issuer "+issuer+" is not a list of names")
	}
	who := principal.Principal{ID: principal.ID{Issuer: issuer, Subject: subject}, Groups: groups}
	for _, a := range i.attributes {
		v, ok := a.value.value(claims, vars)
		if !ok {
			continue
		}
		if value, ok := plainValue(v, 0); ok {
			if who.Attributes == nil {
				who.Attributes = map[string]any{}
			}
			who.Attributes[a.name] = value
		}
	}
	return who, nil
}

func notAdmitted(reason, detail string) *Refusal {
	return &Refusal{Code: invalidRequest, Reason: reason, Detail: detail}
}

// groupsOf is the groups that the claims name: none if a claim is absent; not ok if what is there
// is something else than a list of names, since a group that went unread might have mattered.
func (i *Issuer) groupsOf(claims map[string]any) (groups []string, ok bool) {
	if i.groups == nil {
		return nil, true
	}
	for _, path := range i.groups.paths {
		if !present(claims, path) {
			return nil, true
		}
	}
	v, ok := i.groups.value(claims, claimsVars(claims))
	if !ok {
		return nil, false
	}
	value, _ := plainValue(v, 0)
	list, ok := value.([]any)
	if !ok || len(list) > maxGroups {
		return nil, false
	}
	for _, e := range list {
		name, ok := e.(string)
		if !ok || !principal.Nameable(name) {
			return nil, false
		}
		groups = append(groups, name)
	}
	slices.Sort(groups)
	return slices.Compact(groups), true
}

// plainValue is a CEL value as an attribute holds it; not ok for what has no such form.
func plainValue(v ref.Val, depth int) (any, bool) {
	if depth > document.MaxNested {
		return nil, false
	}
	switch v := v.(type) {
	case types.Bool:
		return bool(v), true
	case types.Int:
		return int64(v), true
	case types.Double:
		return float64(v), true
	case types.String:
		return string(v), true
	case traits.Mapper:
		return plainMap(v, depth)
	case traits.Lister:
		return plainList(v, depth)
	}
	return nil, false
}

func plainList(v traits.Lister, depth int) (any, bool) {
	list := []any{}
	for it := v.Iterator(); it.HasNext() == types.True; {
		e, ok := plainValue(it.Next(), depth+1)
		if !ok {
			return nil, false
		}
		list = append(list, e)
	}
	return list, true
}

func plainMap(v traits.Mapper, depth int) (any, bool) {
	object := map[string]any{}
	for it := v.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.(types.String)
		if !ok {
			return nil, false
		}
		if object[string(name)], ok = plainValue(v.Get(key), depth+1); !ok {
			return nil, false
		}
	}
	return object, true
}
