package narrow_test

import (
	"errors"
	"flag"
	"math/rand"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/scope"
)

var sequences = flag.Int("narrow.sequences", 3000, "random sequences of narrowings to try")

var (
	noon      = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	resources = []string{"https://a", "https://b", "https://c"}
	names     = []string{"p", "q", "r", "s"}
)

func scopes(t testing.TB) *scope.Catalogue {
	t.Helper()
	c, err := scope.NewCatalogue(names)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// model is Bounds over plain maps, narrowed in the most naive way: the second opinion.
type model struct {
	audience []string
	scope    map[string]bool
	reach    map[string]bool // "resource scope"
	notAfter time.Time
	uses     uint64
	depth    int
}

func modelOf(b narrow.Bounds) model {
	m := model{
		audience: b.Audience, scope: map[string]bool{}, reach: map[string]bool{},
		notAfter: b.NotAfter, uses: uint64(b.Uses), depth: b.Depth,
	}
	for _, name := range b.Scopes.Names() {
		m.scope[name] = true
	}
	for _, p := range b.Reach.List() {
		for _, name := range p.Scopes.Names() {
			m.reach[p.Resource+" "+name] = true
		}
	}
	return m
}

func (parent model) narrow(wanted model, now time.Time) (model, bool) {
	child := model{audience: wanted.audience, scope: map[string]bool{}, reach: map[string]bool{}}
	for pair := range wanted.reach {
		if parent.reach[pair] {
			child.reach[pair] = true
		}
	}
	for name := range wanted.scope {
		everywhere, somewhere := true, false
		for _, resource := range wanted.audience {
			everywhere = everywhere && child.reach[resource+" "+name]
		}
		for _, resource := range resources {
			somewhere = somewhere || child.reach[resource+" "+name]
		}
		if len(wanted.audience) > 0 && everywhere || len(wanted.audience) == 0 && somewhere {
			child.scope[name] = true
		}
	}
	child.notAfter = parent.notAfter
	if wanted.notAfter.Before(parent.notAfter) {
		child.notAfter = wanted.notAfter
	}
	child.uses = min(parent.uses, wanted.uses)
	child.depth = min(parent.depth-1, wanted.depth)
	return child, child.depth >= 0 && len(child.scope) > 0 && child.uses > 0 && child.notAfter.After(now)
}

// source draws choices, from rapid or from a plain generator in the longer run.
type source func(n int) int

func (pick source) bounds(c *scope.Catalogue) narrow.Bounds {
	b := narrow.Bounds{
		NotAfter: noon.Add(time.Duration(pick(9)-1) * time.Minute),
		Uses:     []narrow.Uses{0, 1, 2, narrow.Unlimited, narrow.Unlimited}[pick(5)],
		Depth:    pick(7) - 1,
	}
	for i, resource := range resources {
		if pick(3) == 0 {
			b.Audience = append(b.Audience, resources[i])
		}
		b.Reach = b.Reach.Or(narrow.PairsOf(narrow.Pair{Resource: resource, Scopes: pick.scopes(c)}))
	}
	b.Scopes = pick.scopes(c)
	return b
}

func (pick source) scopes(c *scope.Catalogue) scope.Set {
	var some []string
	for _, name := range names {
		if pick(4) > 0 {
			some = append(some, name)
		}
	}
	set, _ := c.Of(some...)
	return set
}

// sequence narrows again and again, whatever is wanted, and holds every child to its parent, to the
// root, and to the model. It returns what went wrong, and how many children there were.
func sequence(c *scope.Catalogue, pick source) (wrong string, children int) {
	root := narrow.Root(pick.bounds(c).Reach, noon.Add(5*time.Minute))
	parent := root
	for range 12 {
		wanted := pick.bounds(c)
		grant, err := narrow.Narrow(parent, wanted, noon)
		want, ok := modelOf(parent).narrow(modelOf(wanted), noon)
		child, granted := grant.Bounds()
		switch {
		case (err == nil) != ok || granted != ok:
			return "the model and Narrow disagree whether anything is granted", children
		case err != nil:
			continue
		case !equal(modelOf(child), want):
			return "the model grants something else", children
		case !narrower(child, parent) || !narrower(child, root) || child.Depth >= parent.Depth:
			return "the child is wider than its parent or root", children
		case !child.Usable().SubsetOf(child.Reach):
			return "what is usable is beyond the reach", children
		}
		parent = child
		children++
	}
	return "", children
}

func narrower(child, parent narrow.Bounds) bool {
	return child.Reach.SubsetOf(parent.Reach) && !child.NotAfter.After(parent.NotAfter) &&
		child.Uses <= parent.Uses && child.Depth <= parent.Depth
}

func equal(a, b model) bool {
	return slices.Equal(a.audience, b.audience) && sameKeys(a.scope, b.scope) && sameKeys(a.reach, b.reach) &&
		a.notAfter.Equal(b.notAfter) && a.uses == b.uses && a.depth == b.depth
}

func sameKeys(a, b map[string]bool) bool {
	for k := range a {
		if !b[k] {
			return false
		}
	}
	return len(a) == len(b)
}

func TestNoSequenceOfNarrowingsWidens(t *testing.T) {
	t.Parallel()
	c := scopes(t)
	rapid.Check(t, func(t *rapid.T) {
		wrong, _ := sequence(c, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") })
		if wrong != "" {
			t.Fatal(wrong)
		}
	})
}

// The longer run: go test ./internal/narrow -narrow.sequences=1000000
func TestManySequences(t *testing.T) {
	t.Parallel()
	c := scopes(t)
	children := 0
	for seed := range *sequences {
		random := rand.New(rand.NewSource(int64(seed)))
		wrong, n := sequence(c, random.Intn)
		if wrong != "" {
			t.Fatalf("seed %d: %s", seed, wrong)
		}
		children += n
	}
	if children < *sequences {
		t.Errorf("only %d children in %d sequences: the run sees too little", children, *sequences)
	}
}

func TestTheReasonsForNothing(t *testing.T) {
	t.Parallel()
	c := scopes(t)
	held := narrow.PairsOf(narrow.Pair{Resource: "https://a", Scopes: c.All()})
	good := narrow.Bounds{
		Audience: []string{"https://a"}, Scopes: c.All(), Reach: held,
		NotAfter: noon.Add(time.Minute), Uses: narrow.Unlimited, Depth: 1,
	}
	for _, tc := range []struct {
		name   string
		want   error
		parent func(*narrow.Bounds)
		wanted func(*narrow.Bounds)
	}{
		{"no exchange left", narrow.ErrDepth, func(p *narrow.Bounds) { p.Depth = 0 }, nil},
		{"none wanted to follow", nil, nil, func(w *narrow.Bounds) { w.Depth = 0 }},
		{"an audience beyond the reach", narrow.ErrNothing, nil, func(w *narrow.Bounds) { w.Audience = []string{"https://a", "https://b"} }},
		{"no uses left", narrow.ErrUses, func(p *narrow.Bounds) { p.Uses = 0 }, nil},
		{"ended at this very moment", narrow.ErrExpired, func(p *narrow.Bounds) { p.NotAfter = noon }, nil},
	} {
		parent, wanted := narrow.Root(held, noon.Add(time.Hour)), good
		if tc.parent != nil {
			tc.parent(&parent)
		}
		if tc.wanted != nil {
			tc.wanted(&wanted)
		}
		if _, err := narrow.Narrow(parent, wanted, noon); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

func TestTheZeroGrantGrantsNothing(t *testing.T) {
	t.Parallel()
	if b, ok := (narrow.Grant{}).Bounds(); ok || !b.Usable().IsEmpty() || !b.Reach.IsEmpty() {
		t.Errorf("it grants %+v", b)
	}
}

func TestAGrantIsNotChangedByItsReader(t *testing.T) {
	t.Parallel()
	c := scopes(t)
	held := narrow.PairsOf(narrow.Pair{Resource: "https://a", Scopes: c.All()})
	wanted := narrow.Bounds{Audience: []string{"https://a"}, Scopes: c.All(), Reach: held, NotAfter: noon.Add(time.Minute), Uses: 1, Depth: 1}
	grant, err := narrow.Narrow(narrow.Root(held, noon.Add(time.Hour)), wanted, noon)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := grant.Bounds()
	b.Uses, b.Audience[0] = narrow.Unlimited, "https://evil"
	wanted.Audience[0] = "https://evil"
	if again, _ := grant.Bounds(); again.Uses != 1 || again.Audience[0] != "https://a" {
		t.Errorf("the grant became %+v", again)
	}
}
