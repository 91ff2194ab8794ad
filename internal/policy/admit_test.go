package policy

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/principal"
)

// issuerWith compiles a policy whose issuer has the given fields.
func issuerWith(t testing.TB, fields string) *Policy {
	t.Helper()
	p, err := Compile([]byte("format: 1\nscopes: {}\nissuers:\n  corp:\n    url: https://id.example.com\n    audiences: [whittle]\n"+fields), "issuer.yaml", 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAnIssuerOnThisHostMayBePlainHTTP(t *testing.T) {
	for _, url := range []string{"http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"} {
		text := "format: 1\nscopes: {}\nissuers: { dev: { url: '" + url + "', audiences: [whittle] } }\n"
		if _, err := Compile([]byte(text), "issuer.yaml", 1); err != nil {
			t.Error(err)
		}
	}
}

func TestAdmit(t *testing.T) {
	for _, test := range []struct {
		name, fields string
		claims       map[string]any
		reason       string // of the refusal; empty: admitted
		groups       []string
		attributes   map[string]any
	}{
		{name: "a subject is enough", claims: map[string]any{"sub": "ana"}},
		{name: "no subject", claims: map[string]any{}, reason: "no_subject"},
		{name: "an empty subject", claims: map[string]any{"sub": ""}, reason: "no_subject"},
		{name: "a number as subject", claims: map[string]any{"sub": 7.0}, reason: "no_subject"},
		{name: "a subject with a line break", claims: map[string]any{"sub": "ana\nadmin"}, reason: "no_subject"},
		{name: "a long subject", claims: map[string]any{"sub": strings.Repeat("a", 257)}, reason: "no_subject"},
		{
			name: "groups, sorted, each once", fields: "    groups: claims.groups\n",
			claims: map[string]any{"sub": "ana", "groups": []any{"b", "a", "b"}}, groups: []string{"a", "b"},
		},
		{name: "absent groups are none", fields: "    groups: claims.groups\n", claims: map[string]any{"sub": "ana"}},
		{name: "null groups are none", fields: "    groups: claims.groups\n", claims: map[string]any{"sub": "ana", "groups": nil}},
		{
			name: "a group that isn't in a list", fields: "    groups: claims.groups\n",
			claims: map[string]any{"sub": "ana", "groups": "admin"}, reason: "bad_groups",
		},
		{
			name: "a group that isn't a text", fields: "    groups: claims.groups\n",
			claims: map[string]any{"sub": "ana", "groups": []any{"a", 1.0}}, reason: "bad_groups",
		},
		{
			name: "nested groups", fields: "    groups: claims.realm_access.roles.map(r, 'r:' + r)\n",
			claims: map[string]any{"sub": "ana", "realm_access": map[string]any{"roles": []any{"x"}}}, groups: []string{"r:x"},
		},
		{
			name: "accepted", fields: "    accept_when: claims.owner == 'example' && claims.level >= 3\n",
			claims: map[string]any{"sub": "ana", "owner": "example", "level": 3.0},
		},
		{
			name: "not accepted", fields: "    accept_when: claims.owner == 'example'\n",
			claims: map[string]any{"sub": "ana", "owner": "other"}, reason: "not_accepted",
		},
		{
			name: "true as a text isn't true", fields: "    accept_when: claims.ok\n",
			claims: map[string]any{"sub": "ana", "ok": "true"}, reason: "not_accepted",
		},
		{
			name: "attributes of all kinds", fields: "    attributes: { a: claims.s, b: claims.n, c: 'size(claims.l)', d: claims.l, e: claims.m, f: claims.m.x, g: 'claims.s == \"t\"' }\n",
			claims: map[string]any{"sub": "ana", "s": "t", "n": 1.5, "l": []any{"x", true}, "m": map[string]any{"x": 1.0}},
			attributes: map[string]any{
				"a": "t", "b": 1.5, "c": int64(2), "d": []any{"x", true}, "e": map[string]any{"x": 1.0}, "f": 1.0, "g": true,
			},
		},
		{
			name: "attributes that have no value are unset", fields: "    attributes: { a: claims.a, b: 'claims.s + 1', c: 'bytes(claims.s)', d: claims.n, e: claims.s.x, ok: claims.s }\n",
			claims: map[string]any{"sub": "ana", "s": "t", "n": nil}, attributes: map[string]any{"ok": "t"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			who, err := issuerWith(t, test.fields).Admit("corp", test.claims)
			if test.reason != "" {
				var refusal *Refusal
				if !errors.As(err, &refusal) || refusal.Reason != test.reason || refusal.Code != "invalid_request" {
					t.Fatalf("got %+v, %v; want %s", who, err, test.reason)
				}
				return
			}
			if err != nil || who.Subject != test.claims["sub"] || who.Issuer != "corp" {
				t.Fatalf("got %+v, %v", who, err)
			}
			if !slices.Equal(who.Groups, test.groups) || !reflect.DeepEqual(who.Attributes, test.attributes) {
				t.Errorf("got %q %v; want %q %v", who.Groups, who.Attributes, test.groups, test.attributes)
			}
		})
	}
	if _, err := issuerWith(t, "").Admit("evil", map[string]any{"sub": "ana"}); err == nil {
		t.Error("an unknown issuer was admitted")
	}
}

// TestAbsenceIsNeverTrue drops claims and attributes, alone and together, from expressions that
// are written so that absence would please them.
func TestAbsenceIsNeverTrue(t *testing.T) {
	for _, expression := range []string{
		"claims.blocked != true", "!(claims.blocked == true)", "claims.blocked != true || claims.level < 3", "true || claims.blocked == true",
		"claims.level < 3 || !claims.blocked", "claims.blocked == true ? false : true", "claims.names.all(n, n != 'x')",
		"!claims.names.exists(n, n == 'x')", "!('x' in claims.names)", "size(claims.names) < 5", "claims['blocked'] != true",
		"!('x' in claims.deep.names)", ".claims.blocked != true", "[1].all(x, claims.blocked != true)", "[1].exists(claims, true) || claims.blocked",
		"claims.names.exists(claims, .claims.blocked != true)",
	} {
		full := map[string]any{"blocked": false, "level": 1.0, "names": []any{"a"}, "deep": map[string]any{"names": []any{"a"}}}
		read := slices.DeleteFunc(slices.Collect(maps.Keys(full)), func(name string) bool { return !strings.Contains(expression, name) })
		p := issuerWith(t, fmt.Sprintf("    accept_when: %q\n    attributes: { a: %q }\n", expression, expression))
		full["sub"] = "ana"
		if who, err := p.Admit("corp", full); err != nil || who.Attributes["a"] != true {
			t.Errorf("%s: not true of what is all there: %v %v", expression, who.Attributes, err)
		}
		for _, name := range read {
			for _, value := range []any{nil, "absent"} {
				less := maps.Clone(full)
				if less[name] = value; value != nil {
					delete(less, name)
				}
				if name == "names" && strings.Contains(expression, "deep") {
					continue // the name of a nested claim
				}
				if _, err := p.Admit("corp", less); err == nil {
					t.Errorf("%s: true without %s", expression, name)
				}
			}
		}
	}
}

// TestFewerFactsNeverHold: whatever a `when` holds of, it doesn't hold because something is missing.
func TestFewerFactsNeverHold(t *testing.T) {
	for _, when := range []string{
		"principal.attributes.level != 3", "!principal.attributes.guest", "true || principal.attributes.guest",
		"'a' in principal.groups && 'b' in principal.groups", "'a' in principal.groups && principal.attributes.level < 3",
		"principal.issuer == 'corp' && principal.subject == 'ana' && principal.attributes.level == 1",
		"principal.attributes['level'] < 3 || principal.attributes.guest", "principal.attributes.deep.x != 'y'",
	} {
		source := strings.Replace(base+anyRule, "group: writers }", fmt.Sprintf("group: writers }, when: %q", when), 1)
		p, err := Compile([]byte(source), "when.yaml", 1)
		if err != nil {
			t.Fatal(err)
		}
		groups := []string{"a", "b", "writers"}
		attributes := map[string]any{"level": 1.0, "guest": false, "deep": map[string]any{"x": "z"}}
		holds := func(g []string, a map[string]any) bool {
			who := principal.Principal{ID: principal.ID{Issuer: "corp", Subject: "ana"}, Groups: g, Attributes: a}
			yes, _ := p.bindings["writers"].gives(&who, noon)
			return yes
		}
		if !holds(groups, attributes) {
			t.Errorf("%s: doesn't hold of what is all there", when)
		}
		for _, name := range []string{"level", "guest", "deep"} {
			less := maps.Clone(attributes)
			delete(less, name)
			if strings.Contains(when, name) && holds(groups, less) {
				t.Errorf("%s: holds without %s", when, name)
			}
		}
		if strings.Contains(when, "groups") && (holds([]string{"a", "writers"}, attributes) && strings.Contains(when, "'b'") || holds([]string{"b", "writers"}, attributes)) {
			t.Errorf("%s: holds without its groups", when)
		}
		if holds(groups[:2], attributes) {
			t.Errorf("%s: holds outside the binding's group", when)
		}
	}
}

func TestWhenMustBeTrueItself(t *testing.T) {
	p, err := Compile([]byte(strings.Replace(base+anyRule, "group: writers }", "group: writers }, when: principal.attributes.level", 1)), "when.yaml", 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []any{true, 1.0, "true", []any{true}} {
		who := ana("writers")
		who.Attributes = map[string]any{"level": level}
		if yes, _ := p.bindings["writers"].gives(&who, noon); yes != (level == true) {
			t.Errorf("%v: %v", level, yes)
		}
	}
}

// TestCostIsBounded: an expression whose estimate is fine stops when its input is huge.
func TestCostIsBounded(t *testing.T) {
	p := issuerWith(t, "    accept_when: claims.names.all(n, n != 'x')\n")
	names := make([]any, 100_000)
	for i := range names {
		names[i] = "y"
	}
	if _, err := p.Admit("corp", map[string]any{"sub": "ana", "names": names[:100]}); err != nil {
		t.Errorf("a hundred names: %v", err)
	}
	if _, err := p.Admit("corp", map[string]any{"sub": "ana", "names": names}); err == nil {
		t.Error("a hundred thousand names were read")
	}
}
