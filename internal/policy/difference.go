package policy

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/document"
)

// Change is what happened to an item of the document.
type Change uint8

// The changes.
const (
	Added Change = iota + 1
	Removed
	Changed
	Moved // in a list whose order matters: the first rule that matches decides
)

// Difference is one item that one document has otherwise than another. Removed and Added say how, each in
// words that stand for one thing that the item says.
type Difference struct {
	Section string // scopes, roles, issuers, bindings, clients, resources or rules
	Name    string
	Change  Change
	Removed []string
	Added   []string
}

// sections is the document's, in the order in which it names them, and in which differences are told.
var sections = []string{"scopes", "roles", "issuers", "bindings", "clients", "resources", "rules"}

// Differences compares two documents item by item. Formatting, comments and the order of what has none
// mean nothing. The documents are only read, not checked; what can't be read is a [*Problems].
func Differences(from, to []byte, file string) ([]Difference, error) {
	older, err := itemsOf(from, file)
	if err != nil {
		return nil, err
	}
	newer, err := itemsOf(to, file)
	if err != nil {
		return nil, err
	}
	var out []Difference
	for _, section := range sections {
		out = append(out, compare(section, older[section], newer[section])...)
	}
	return append(out, moves(older["rules"], newer["rules"])...), nil
}

// item is one item of a section with all that it says, sorted.
type item struct {
	name string
	says []string
}

func itemsOf(source []byte, file string) (map[string][]item, error) {
	problems := document.New(file, source)
	out := make(map[string][]item)
	root, ok := document.Load(source, problems)
	if root == nil {
		if ok {
			problems.Add(1, 1, "the document is empty; begin with format: 1")
		}
		return nil, problems.Err()
	}
	r := reader{problems}
	f, _ := r.fields(root, shape{what: "the document", required: "format", optional: strings.Join(sections, " ")})
	for _, section := range sections {
		out[section] = r.items(f.get(section), section)
	}
	return out, problems.Err()
}

// items reads a section: a mapping of names, or a list of mappings that each have one.
func (r *reader) items(n *yaml.Node, section string) []item {
	var out []item
	if n == nil || n.Kind == yaml.MappingNode {
		for _, e := range r.entries(n, section, maxEntries) {
			out = append(out, item{e.name, said("", e.value)})
		}
		return out
	}
	for _, e := range r.list(n, section, maxEntries) {
		name := ""
		for is, value := range members(e) {
			if is == "name" {
				name = value.Value
			}
		}
		out = append(out, item{name, slices.DeleteFunc(said("", e), func(s string) bool { return s == "name: "+name })})
	}
	return out
}

// said is what a value says, one statement for each scalar and each element of a list, sorted and each once.
func said(path string, n *yaml.Node) []string {
	var out []string
	switch n.Kind {
	case yaml.MappingNode:
		for name, value := range members(n) {
			out = append(out, said(join(path, name), value)...)
		}
	case yaml.SequenceNode:
		for _, e := range n.Content {
			if e.Kind == yaml.ScalarNode {
				out = append(out, statement(path, e.Value))
			} else {
				out = append(out, statement(path, "{"+strings.Join(said("", e), ", ")+"}"))
			}
		}
	default:
		out = append(out, statement(path, n.Value))
	}
	if len(out) == 0 {
		out = append(out, statement(path, "nothing"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func statement(path, value string) string {
	if path == "" {
		return value
	}
	return path + ": " + value
}

// compare tells what was added, removed and changed, in the order of the names.
func compare(section string, older, newer []item) []Difference {
	before, after := byName(older), byName(newer)
	var out []Difference
	for _, name := range slices.Sorted(maps.Keys(union(before, after))) {
		was, had := before[name]
		is, has := after[name]
		d := Difference{Section: section, Name: name, Removed: without(was, is), Added: without(is, was)}
		switch {
		case !had:
			d.Change = Added
		case !has:
			d.Change = Removed
		case len(d.Removed)+len(d.Added) > 0:
			d.Change = Changed
		default:
			continue
		}
		out = append(out, d)
	}
	return out
}

func byName(items []item) map[string][]string {
	out := make(map[string][]string, len(items))
	for _, i := range items {
		out[i.name] = i.says
	}
	return out
}

func union(a, b map[string][]string) map[string][]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// without is the elements of a sorted list that another sorted one doesn't have.
func without(list, other []string) []string {
	var out []string
	for _, s := range list {
		if _, found := slices.BinarySearch(other, s); !found {
			out = append(out, s)
		}
	}
	return out
}

// moves tells which rules stand elsewhere among those that both documents have: as few as explain the new
// order.
func moves(older, newer []item) []Difference {
	was := places(older, newer)
	is := places(newer, older)
	order := slices.SortedFunc(maps.Keys(was), func(a, b string) int { return cmp.Compare(was[a], was[b]) })
	stay := longestRising(order, is)
	var out []Difference
	for _, name := range order {
		if !stay[name] {
			out = append(out, Difference{
				Section: "rules", Name: name, Change: Moved,
				Removed: []string{"place " + strconv.Itoa(was[name])}, Added: []string{"place " + strconv.Itoa(is[name])},
			})
		}
	}
	return out
}

// places numbers, from 1, the items that the other document has too.
func places(items, other []item) map[string]int {
	shared, out := byName(other), make(map[string]int)
	for _, i := range items {
		if _, ok := shared[i.name]; ok {
			out[i.name] = len(out) + 1
		}
	}
	return out
}

// longestRising is the most names, of those in order, whose places rise (patience sorting).
func longestRising(order []string, places map[string]int) map[string]bool {
	var tops []string // tops[i] ends the best row of i+1 names
	before := make(map[string]string)
	for _, name := range order {
		i, _ := slices.BinarySearchFunc(tops, places[name], func(top string, place int) int { return cmp.Compare(places[top], place) })
		if i > 0 {
			before[name] = tops[i-1]
		}
		if i == len(tops) {
			tops = append(tops, name)
		} else {
			tops[i] = name
		}
	}
	out := make(map[string]bool)
	if len(tops) == 0 {
		return out
	}
	for name, more := tops[len(tops)-1], true; more; name, more = before[name], before[name] != "" {
		out[name] = true
	}
	return out
}
