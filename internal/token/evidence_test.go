package token

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/principal"
)

// drawnEvidence is any evidence, with the claims beside it that it may refer to.
func drawnEvidence(t *rapid.T) (Evidence, beside) {
	name := rapid.StringMatching(`[a-z.]{0,8}`)
	names := rapid.Custom(func(t *rapid.T) []string { return orNil(rapid.SliceOfN(name, 0, 4).Draw(t, "names")) })
	who := rapid.Custom(func(t *rapid.T) principal.ID {
		return principal.ID{Issuer: name.Draw(t, "issuer"), Subject: rapid.String().Draw(t, "subject")}
	})
	b := beside{
		ids:      []ID{id(1), id(2), id(3)},
		scope:    rapid.SliceOfNDistinct(rapid.StringMatching(`[a-f]{1,3}`), 1, 20, rapid.ID[string]).Draw(t, "scope"),
		audience: names.Draw(t, "audience"),
	}
	if rapid.Bool().Draw(t, "sorted") {
		slices.Sort(b.scope)
	}
	many := rapid.SliceOfN(rapid.StringMatching(`[a-z]{2}`), 0, 3*searched) // beyond what is looked through one by one
	aToken := rapid.SampledFrom(b.ids)
	e := Evidence{
		Root:     principal.Principal{ID: who.Draw(t, "root"), Groups: orNil(many.Draw(t, "groups")), Attributes: drawnAttributes(t)},
		Bindings: names.Draw(t, "bindings"), Actors: orNil(rapid.SliceOfN(who, 0, 3).Draw(t, "actors")),
		Depth: rapid.IntRange(0, 8).Draw(t, "depth"), Limited: orNil(rapid.SliceOfN(aToken, 0, 3).Draw(t, "limited")),
		Label: rapid.String().Draw(t, "label"), Beyond: names.Draw(t, "beyond"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "hops") {
		e.Hops = append(e.Hops, Hop{
			Token: aToken.Draw(t, "hop"), Client: name.Draw(t, "client"), Rule: name.Draw(t, "rule"),
			Audience: names.Draw(t, "for"), Key: name.Draw(t, "key"),
		})
	}
	e.Reach = drawnReach(t, b)
	return e, b
}

// drawnReach is audience × scope as often as not, since that has a short form, or a little less.
func drawnReach(t *rapid.T, b beside) []ReachEntry {
	var reach []ReachEntry
	if rapid.Bool().Draw(t, "as usable") {
		less := rapid.IntRange(0, 1).Draw(t, "less")
		for _, resource := range b.audience {
			reach = append(reach, ReachEntry{resource, b.scope})
		}
		if len(reach) > 0 && len(b.scope) > less {
			reach[0].Scopes = b.scope[less:]
		}
		return reach
	}
	some := rapid.OneOf(rapid.SampledFrom(b.scope), rapid.StringMatching(`[a-f]{1,3}`))
	where := rapid.OneOf(rapid.SampledFrom(append(b.audience, "r")), rapid.StringMatching(`[a-z]{1,3}`))
	for range rapid.IntRange(0, 3).Draw(t, "resources") {
		scopes := rapid.SliceOfNDistinct(some, 1, 8, rapid.ID[string]).Draw(t, "scopes")
		reach = append(reach, ReachEntry{where.Draw(t, "resource"), scopes})
	}
	return reach
}

func drawnAttributes(t *rapid.T) map[string]any {
	value := rapid.OneOf(
		rapid.Int64().AsAny(), rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Float64Range(-1e300, 1e300).AsAny(),
		rapid.Custom(func(t *rapid.T) any { return map[string]any{"list": []any{rapid.Int64().Draw(t, "n"), nil, "x"}} }),
	)
	if m := rapid.MapOfN(rapid.String(), value, 0, 3).Draw(t, "attributes"); len(m) > 0 {
		return m
	}
	return nil
}

func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// A reach's scopes are sorted when read, as a grant's are; a scope claim that isn't may keep its order.
func TestPropertyEvidenceReadsAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, b := drawnEvidence(t)
		text, err := encodeEvidence(&e, b)
		if err != nil {
			t.Fatal(err)
		}
		read, err := decodeEvidence(text, b)
		if err != nil {
			t.Fatal(err)
		}
		sortScopes(e.Reach)
		if !slices.IsSorted(b.scope) {
			sortScopes(read.Reach)
		}
		if !same(read, e) {
			t.Fatalf("read\n%#v\nof\n%#v", read, e)
		}
		for cut := range text {
			if _, err := decodeEvidence(text[:cut], b); !errors.Is(err, ErrClaims) {
				t.Fatalf("%d of %d bytes are read: %v", cut, len(text), err)
			}
		}
		if _, err := decodeEvidence(append(text, 0), b); !errors.Is(err, ErrClaims) {
			t.Fatalf("a byte behind the end: %v", err)
		}
	})
}

func sortScopes(reach []ReachEntry) {
	for i := range reach {
		reach[i].Scopes = slices.Sorted(slices.Values(reach[i].Scopes))
	}
}

func TestEvidenceThatNobodyWouldReadIsNotWritten(t *testing.T) {
	b := beside{ids: []ID{id(1)}, scope: []string{"a"}}
	var many []string
	for i := range maxList + 1 {
		many = append(many, fmt.Sprint(i))
	}
	for name, row := range map[string]struct {
		e    Evidence
		want error
	}{
		"a token of another lineage":   {Evidence{Limited: []ID{id(2)}}, ErrClaims},
		"a hop of another lineage":     {Evidence{Hops: []Hop{{Token: id(2)}}}, ErrClaims},
		"more scopes than are read":    {Evidence{Reach: []ReachEntry{{"r", many}}}, ErrEvidence},
		"more groups than are read":    {Evidence{Root: principal.Principal{Groups: many}}, ErrEvidence},
		"more strings than are read":   {Evidence{Bindings: many[:3000], Root: principal.Principal{Groups: many[2000:]}}, ErrEvidence},
		"more resources than are read": {Evidence{Reach: slices.Repeat([]ReachEntry{{"r", []string{"a"}}}, maxList)}, ErrEvidence},
	} {
		if _, err := encodeEvidence(&row.e, b); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformedEvidence(t *testing.T) {
	b := beside{ids: []ID{id(1)}, scope: []string{"a"}}
	good, err := encodeEvidence(&Evidence{Limited: []ID{id(1)}}, b)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(at int, to byte) string {
		out := slices.Clone(good)
		out[at] = to
		return string(out)
	}
	for name, text := range map[string]string{
		"nothing":            "",
		"another format":     changed(0, 2),
		"no such string":     changed(3, 200&0x7f),
		"no such token":      changed(len(good)-2, 9),
		"a number of 2^63":   "\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"a number too long":  "\x01" + strings.Repeat("\xff", 11),
		"a million strings":  "\x01\xc0\x84\x3d",
		"2^31 strings":       "\x01\x80\x80\x80\x80\x08", // took minutes to say no
		"a string of 2 GiB":  "\x01\x01\xff\xff\xff\xff\x07",
		"a list of 2^31":     "\x01\x01\x00\x00\x00\x80\x80\x80\x80\x08",
		"bitmaps cut in two": string(good[:len(good)-3]),
	} {
		if _, err := decodeEvidence([]byte(text), b); !errors.Is(err, ErrClaims) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
