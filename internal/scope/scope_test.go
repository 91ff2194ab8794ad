package scope_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/scope"
)

func TestParseTakesTheGrammarAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		want []string
		ok   bool
	}{
		{"", nil, true},
		{"a", []string{"a"}, true},
		{"b a b", []string{"b", "a"}, true},
		{"!#[]~", []string{"!#[]~"}, true},
		{"a  b", nil, false},
		{" a", nil, false},
		{"a ", nil, false},
		{"a\tb", nil, false},
		{"a\nb", nil, false},
		{`a"b`, nil, false},
		{`a\b`, nil, false},
		{"a\x7f", nil, false},
		{"é", nil, false},
		{"\xff", nil, false},
		{strings.Repeat("a", scope.MaxName), []string{strings.Repeat("a", scope.MaxName)}, true},
		{strings.Repeat("a", scope.MaxName+1), nil, false},
		{strings.TrimSuffix(strings.Repeat("a ", scope.MaxNames+1), " "), nil, false},
	} {
		got, err := scope.Parse(tc.text)
		if (err == nil) != tc.ok || !slices.Equal(got, tc.want) {
			t.Errorf("Parse(%.20q) = %q, %v", tc.text, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a", "a b", "a  b", "ai.training.* x", `"`, "\x7f", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, err := scope.Parse(text)
		if err != nil {
			return
		}
		again, err := scope.Parse(scope.Join(names))
		if err != nil || !slices.Equal(names, again) {
			t.Errorf("%q parses to %q, which parses to %q, %v", text, names, again, err)
		}
		for _, name := range names {
			if scope.CheckName(name) != nil {
				t.Errorf("%q yields the malformed %q", text, name)
			}
		}
	})
}

func catalogue(t *testing.T, names ...string) *scope.Catalogue {
	t.Helper()
	c, err := scope.NewCatalogue(names)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACatalogueRefusesWhatIsAmbiguous(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"a", "a"}, {"a b"}, {"a.*"}, {"*"}, {""}} {
		if _, err := scope.NewCatalogue(names); err == nil {
			t.Errorf("took %q", names)
		}
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	c := catalogue(t, "ai.deploy", "ai.training", "ai.training.", "ai.training.read", "ai.training.logs.read", "ai.trainings.read")
	for pattern, want := range map[string]string{
		"ai.training":   "ai.training",
		"ai.training.*": "ai.training.logs.read ai.training.read",
		"ai.*":          "ai.deploy ai.training ai.training. ai.training.logs.read ai.training.read ai.trainings.read",
		"*":             "ai.deploy ai.training ai.training. ai.training.logs.read ai.training.read ai.trainings.read",
		"ai.train*":     "",
		"*.read":        "",
		"ai.*.read":     "",
		"ai.unknown":    "",
		"ai.unknown.*":  "",
		"":              "",
	} {
		set, err := c.Expand(pattern)
		if (err == nil) != (want != "") || err == nil && set.String() != want {
			t.Errorf("%q matches %q, %v; want %q", pattern, set, err, want)
		}
	}
}

func TestAnUnknownNameAddsNothing(t *testing.T) {
	t.Parallel()
	c := catalogue(t, "a", "b")
	set, unknown := c.Of("b", "gone")
	if set.String() != "b" || !slices.Equal(unknown, []string{"gone"}) {
		t.Errorf("Of = %q, unknown %q", set, unknown)
	}
}

func TestSetsOfTwoCataloguesNeverMix(t *testing.T) {
	t.Parallel()
	a, b := catalogue(t, "x").All(), catalogue(t, "x").All()
	for name, mix := range map[string]func(){
		"And": func() { a.And(b) }, "Or": func() { a.Or(b) }, "Minus": func() { a.Minus(b) }, "SubsetOf": func() { a.SubsetOf(b) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s mixed them", name)
				}
			}()
			mix()
		}()
	}
	if !a.And(scope.Set{}).IsEmpty() || !(scope.Set{}).Or(a).Equal(a) {
		t.Error("the zero set doesn't mix as the empty one")
	}
}

// Sets behave as maps of names do.
func TestSetsAreSets(t *testing.T) {
	t.Parallel()
	names := make([]string, 130) // more than two words
	for i := range names {
		names[i] = "s" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	c := catalogue(t, names...)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) (scope.Set, map[string]bool) {
			picked := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string]).Draw(t, label)
			set, _ := c.Of(picked...)
			model := make(map[string]bool)
			for _, name := range picked {
				model[name] = true
			}
			return set, model
		}
		a, am := draw("a")
		b, bm := draw("b")
		and, or, minus := make(map[string]bool), maps.Clone(am), maps.Clone(am)
		for name := range bm {
			or[name] = true
			delete(minus, name)
			if am[name] {
				and[name] = true
			}
		}
		for label, got := range map[string]struct {
			set   scope.Set
			model map[string]bool
		}{"and": {a.And(b), and}, "or": {a.Or(b), or}, "minus": {a.Minus(b), minus}} {
			if want := slices.Sorted(maps.Keys(got.model)); !slices.Equal(got.set.Names(), want) || got.set.Len() != len(want) {
				t.Fatalf("%s = %q, want %q", label, got.set.Names(), want)
			}
		}
		if a.SubsetOf(b) != (len(minus) == 0) || a.Equal(b) != maps.Equal(am, bm) || a.IsEmpty() != (len(am) == 0) {
			t.Fatalf("SubsetOf, Equal or IsEmpty is wrong of %q and %q", a, b)
		}
		for name := range or {
			if a.Has(name) != am[name] {
				t.Fatalf("Has(%q) = %v", name, a.Has(name))
			}
		}
	})
}
