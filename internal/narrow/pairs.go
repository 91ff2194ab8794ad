package narrow

import (
	"slices"
	"strings"

	"github.com/whittle-sts/whittle/internal/scope"
)

// Pair is a resource with the scopes that may be used there.
type Pair struct {
	Resource string
	Scopes   scope.Set
}

// Pairs is a set of (resource, scope) pairs. Pairs, since a product of a list of resources and
// a list of scopes would widen: holding (a, read) and (b, write) is not holding (a, write).
// It is sorted by resource, names each once, and holds no empty set; make it with [PairsOf].
// It is a value: no operation changes its operands. The zero Pairs is empty.
type Pairs struct{ list []Pair }

// PairsOf makes the set of the given pairs; a resource given twice gets both sets.
func PairsOf(pairs ...Pair) Pairs {
	out := Pairs{slices.Clone(pairs)}
	slices.SortStableFunc(out.list, func(a, b Pair) int { return strings.Compare(a.Resource, b.Resource) })
	kept := out.list[:0]
	for _, p := range out.list {
		if n := len(kept); n > 0 && kept[n-1].Resource == p.Resource {
			kept[n-1].Scopes = kept[n-1].Scopes.Or(p.Scopes)
		} else if !p.Scopes.IsEmpty() {
			kept = append(kept, p)
		}
	}
	out.list = kept
	return out
}

// At is the set of scopes that may be used at the resource.
func (p Pairs) At(resource string) scope.Set {
	i, ok := slices.BinarySearchFunc(p.list, resource, func(e Pair, r string) int { return strings.Compare(e.Resource, r) })
	if !ok {
		return scope.Set{}
	}
	return p.list[i].Scopes
}

// List is all pairs, by resource. The caller must not change the slice.
func (p Pairs) List() []Pair { return p.list }

// IsEmpty says whether there is no pair.
func (p Pairs) IsEmpty() bool { return len(p.list) == 0 }

// And is the set of pairs in both p and q.
func (p Pairs) And(q Pairs) Pairs {
	var out Pairs
	for _, e := range p.list {
		if both := e.Scopes.And(q.At(e.Resource)); !both.IsEmpty() {
			out.list = append(out.list, Pair{Resource: e.Resource, Scopes: both})
		}
	}
	return out
}

// Or is the set of pairs in p or q.
func (p Pairs) Or(q Pairs) Pairs { return PairsOf(slices.Concat(p.list, q.list)...) }

// SubsetOf says whether every pair of p is in q.
func (p Pairs) SubsetOf(q Pairs) bool {
	for _, e := range p.list {
		if !e.Scopes.SubsetOf(q.At(e.Resource)) {
			return false
		}
	}
	return true
}

// Scopes is the set of all scopes that occur in a pair.
func (p Pairs) Scopes() scope.Set {
	var all scope.Set
	for _, e := range p.list {
		all = all.Or(e.Scopes)
	}
	return all
}
