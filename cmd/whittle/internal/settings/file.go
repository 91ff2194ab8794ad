package settings

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/document"
)

// given is one setting's value in the file.
type given struct {
	line   int
	values []string
}

// readFile reads the document. Every value is tried, so that all mistakes show with their places.
func readFile(file string, source []byte) (map[string]given, error) {
	r := &reader{
		file: file, problems: document.New(file, source), values: make(map[string]given),
		table: make(map[string]Setting), groups: make(map[string][]string), scratch: standard(),
	}
	for _, s := range Table() {
		r.table[s.Path] = s
		r.grow(s.Path)
	}
	if root, _ := document.Load(source, r.problems); root != nil {
		r.mapping("", root)
	}
	return r.values, r.problems.Err()
}

type reader struct {
	file     string
	problems *document.Problems
	table    map[string]Setting
	groups   map[string][]string // names of members by path of their mapping; "" is the document
	values   map[string]given
	scratch  *target
}

// grow puts a path and all above it into the groups.
func (r *reader) grow(path string) {
	above, name := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		above, name = path[:i], path[i+1:]
	}
	if slices.Contains(r.groups[above], name) {
		return
	}
	r.groups[above] = append(r.groups[above], name)
	if above != "" {
		r.grow(above)
	}
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.problems.Add(n.Line, n.Column, format, args...)
}

// mapping reads the members below a path.
func (r *reader) mapping(path string, n *yaml.Node) {
	what := "the document"
	if path != "" {
		what = path
	}
	if !r.problems.Plain(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "write %s as a mapping with the members %s", what, strings.Join(r.groups[path], ", "))
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if first, twice := seen[key.Value]; twice {
			r.fail(key, "%q is here twice, first in line %d; keep one", key.Value, first)
			continue
		}
		seen[key.Value] = key.Line
		if !r.problems.Plain(key) {
			continue
		}
		if key.Kind != yaml.ScalarNode || !slices.Contains(r.groups[path], key.Value) {
			r.fail(key, "%s has no member %q%s", what, key.Value, r.instead(path, key.Value))
			continue
		}
		r.member(strings.TrimPrefix(path+"."+key.Value, "."), value)
	}
}

// instead suggests a member of the same mapping, or says in which other one the name is.
func (r *reader) instead(path, name string) string {
	if near := document.Instead(name, r.groups[path]); near != "" {
		return near
	}
	for _, s := range slices.Sorted(maps.Keys(r.table)) {
		if strings.HasSuffix("."+s, "."+name) {
			return "; it is " + s
		}
	}
	return ""
}

func (r *reader) member(path string, n *yaml.Node) {
	s, leaf := r.table[path]
	if !leaf {
		r.mapping(path, n)
		return
	}
	if !r.problems.Plain(n) {
		return
	}
	g := given{line: n.Line}
	nodes := []*yaml.Node{n}
	if s.List {
		if n.Kind != yaml.SequenceNode {
			r.fail(n, "write %s as a list, as in [one, two]", path)
			return
		}
		nodes = n.Content
	}
	for _, e := range nodes {
		text, ok := r.scalar(path, e)
		if !ok {
			return
		}
		if s.resolve != nil {
			text = s.resolve(r.file, text)
		}
		g.values = append(g.values, text)
	}
	if err := s.read(r.scratch, g.values); err != nil {
		r.fail(n, "%s: %v", path, err)
		return
	}
	r.values[path] = g
}

// scalar is the text of one value. One that is there says something: null and "" don't.
func (r *reader) scalar(path string, n *yaml.Node) (string, bool) {
	if !r.problems.Plain(n) {
		return "", false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.Value == "" {
		r.fail(n, "%s: write one value, or leave it out", path)
		return "", false
	}
	return n.Value, true
}
