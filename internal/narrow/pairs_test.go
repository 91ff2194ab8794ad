package narrow_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/scope"
)

// drawPairs draws pairs, some of them for one resource and some empty, and the same as a plain map.
func drawPairs(t *rapid.T, c *scope.Catalogue) (narrow.Pairs, map[string]bool) {
	var list []narrow.Pair
	plain := make(map[string]bool)
	for range rapid.IntRange(0, 5).Draw(t, "pairs") {
		resource := rapid.SampledFrom(resources).Draw(t, "resource")
		set, _ := c.Of(rapid.SliceOf(rapid.SampledFrom(names)).Draw(t, "scopes")...)
		list = append(list, narrow.Pair{Resource: resource, Scopes: set})
		for _, name := range set.Names() {
			plain[resource+" "+name] = true
		}
	}
	return narrow.PairsOf(list...), plain
}

// plainOf lists the pairs of p, and fails if p isn't in its one form: sorted, each resource once, no
// empty set.
func plainOf(t *rapid.T, p narrow.Pairs) map[string]bool {
	plain := make(map[string]bool)
	last := ""
	for _, e := range p.List() {
		if e.Resource <= last || e.Scopes.IsEmpty() {
			t.Fatalf("%v is not in order or holds an empty set", p.List())
		}
		last = e.Resource
		for _, name := range e.Scopes.Names() {
			plain[e.Resource+" "+name] = true
		}
	}
	return plain
}

func TestPairsAreSetsOfPairs(t *testing.T) {
	t.Parallel()
	c := scopes(t)
	rapid.Check(t, func(t *rapid.T) {
		p, plainP := drawPairs(t, c)
		q, plainQ := drawPairs(t, c)
		and, or, subset := make(map[string]bool), make(map[string]bool), true
		for pair := range plainP {
			or[pair] = true
			if plainQ[pair] {
				and[pair] = true
			} else {
				subset = false
			}
		}
		for pair := range plainQ {
			or[pair] = true
		}
		for name, same := range map[string]bool{
			"PairsOf":  sameKeys(plainOf(t, p), plainP),
			"And":      sameKeys(plainOf(t, p.And(q)), and),
			"Or":       sameKeys(plainOf(t, p.Or(q)), or),
			"SubsetOf": p.SubsetOf(q) == subset,
			"IsEmpty":  p.IsEmpty() == (len(plainP) == 0),
		} {
			if !same {
				t.Fatalf("%s is wrong of %v and %v", name, p.List(), q.List())
			}
		}
	})
}

// What stands above a first token has all that no policy may exceed, and works nowhere itself.
func TestTheRootIsUsableNowhereAndHasTheDeepestDepth(t *testing.T) {
	t.Parallel()
	held := narrow.PairsOf(narrow.Pair{Resource: "https://a", Scopes: scopes(t).All()})
	root := narrow.Root(held, noon.Add(time.Hour))
	if !root.Usable().IsEmpty() || root.Depth != narrow.MaxDepth || root.Uses != narrow.Unlimited {
		t.Errorf("the root is %+v", root)
	}
}
