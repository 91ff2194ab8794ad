package policy

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const compared = `format: 1
scopes:
  a: { description: A }
  b: { description: B, max_lifetime: 5m }
roles:
  reader: [a]
clients:
  agent: { auth: client_secret, ceiling: [a, b] }
  other: { auth: client_secret }
resources:
  urn:one: { accepts: [a, b] }
bindings:
  - { name: all, role: reader, to: { client: agent } }
rules:
  - { name: one, clients: [agent], resources: [urn:one], max_lifetime: 10m }
  - { name: two, clients: [other], resources: [urn:one] }
  - { name: three, clients: [other, agent], subject: [{ client: agent }, { client: other }], resources: [urn:one] }
`

func differences(t *testing.T, from, to string) []string {
	t.Helper()
	found, err := Differences([]byte(from), []byte(to), "policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range found {
		kind := []string{"", "added", "removed", "changed", "moved"}[d.Change]
		out = append(out, fmt.Sprintf("%s %s %s -%v +%v", kind, d.Section, d.Name, d.Removed, d.Added))
	}
	return out
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		replace, with string
		want          []string
	}{
		"nothing":            {"format", "format", nil},
		"a comment":          {"  urn:one: {", "  # the one\n  urn:one: {", nil},
		"another style":      {"reader: [a]", "\"reader\":\n    - a", nil},
		"an order of no use": {"ceiling: [a, b]", "ceiling: [b, a]", nil},
		"fields in an order": {"{ auth: client_secret, ceiling: [a, b] }", "{ ceiling: [a, b], auth: client_secret }", nil},
		"a scope more":       {"roles:", "  c: { description: C }\nroles:", []string{"added scopes c -[] +[description: C]"}},
		"a client less":      {"  other: { auth: client_secret }\n", "", []string{"removed clients other -[auth: client_secret] +[]"}},
		"a wider ceiling":    {"ceiling: [a, b]", "ceiling: [a, \"*\"]", []string{"changed clients agent -[ceiling: b] +[ceiling: *]"}},
		"a role of nothing":  {"reader: [a]", "reader: []", []string{"changed roles reader -[a] +[nothing]"}},
		"a longer life":      {"max_lifetime: 10m", "max_lifetime: 20m", []string{"changed rules one -[max_lifetime: 10m] +[max_lifetime: 20m]"}},
		"another group":      {"to: { client: agent }", "to: { client: other }", []string{"changed bindings all -[to.client: agent] +[to.client: other]"}},
		"a selector less":    {"subject: [{ client: agent }, { client: other }]", "subject: [{ client: other }]", []string{"changed rules three -[subject: {client: agent}] +[]"}},
		"a rule moved": {
			"  - { name: one, clients: [agent], resources: [urn:one], max_lifetime: 10m }\n  - { name: two, clients: [other], resources: [urn:one] }\n",
			"  - { name: two, clients: [other], resources: [urn:one] }\n  - { name: one, clients: [agent], resources: [urn:one], max_lifetime: 10m }\n",
			[]string{"moved rules one -[place 1] +[place 2]"},
		},
	} {
		edited := strings.Replace(compared, c.replace, c.with, 1)
		if got := differences(t, compared, edited); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestADocumentThatCannotBeReadHasNoDifferences(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "format: [", "format: 1\nscopez: {}\n", "format: 1\nscopes: &a {}\nroles: *a\n"} {
		if _, err := Differences([]byte(compared), []byte(bad), "policy.yaml"); err == nil {
			t.Errorf("%q was compared", bad)
		}
	}
}

// Whatever the order of the rules, those that didn't move explain it, and nothing is told of equal documents.
func TestMovesExplainTheOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c", "d", "e", "f"}
		shuffled := rapid.Permutation(names).Draw(t, "order")
		items := func(names []string) (out []item) {
			for _, n := range names {
				out = append(out, item{name: n})
			}
			return out
		}
		moved := moves(items(names), items(shuffled))
		left := slices.Clone(shuffled)
		for _, d := range moved {
			left = slices.DeleteFunc(left, func(n string) bool { return n == d.Name })
		}
		if !slices.IsSorted(left) || slices.Equal(names, shuffled) != (len(moved) == 0) {
			t.Fatalf("%v: moved %v", shuffled, moved)
		}
	})
}

func TestTheExampleHasNoDifferencesWithItself(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../examples/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := differences(t, string(text), string(text)); len(got) > 0 {
		t.Errorf("%q", got)
	}
}
