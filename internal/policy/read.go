package policy

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/document"
)

// reader turns nodes into values and collects what is wrong with them. Its functions take a nil
// node for a field that isn't there and give the zero value.
type reader struct{ problems *document.Problems }

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.problems.Add(n.Line, n.Column, format, args...)
}

// entry is one key of a mapping with its value.
type entry struct {
	name       string
	key, value *yaml.Node
}

// entries lists a mapping in its order. An entry that can't be read is left out.
func (r *reader) entries(n *yaml.Node, what string, limit int) []entry {
	if n == nil || r.problems.Full() || !r.problems.Plain(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s: write a mapping of names, as in {name: ...}", what)
		return nil
	}
	if len(n.Content)/2 > limit {
		r.fail(n, "%s: at most %d entries, here are %d", what, limit, len(n.Content)/2)
		return nil
	}
	out := make([]entry, 0, len(n.Content)/2)
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := r.text(key, "this name")
		if name == "" {
			continue
		}
		if line, ok := seen[name]; ok {
			r.fail(key, "%q is here twice, first in line %d; keep one", name, line)
			continue
		}
		seen[name] = key.Line
		out = append(out, entry{name, key, value})
	}
	return out
}

// member is the value of the name in a mapping; nil: there is none.
func member(n *yaml.Node, name string) *yaml.Node {
	for is, value := range members(n) {
		if is == name {
			return value
		}
	}
	return nil
}

// members goes through a mapping; anything else has none.
func members(n *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, n.Content[i+1]) {
				return
			}
		}
	}
}

// fields is a mapping with fixed names.
type fields struct {
	at     *yaml.Node
	values map[string]*yaml.Node
}

func (f fields) get(name string) *yaml.Node { return f.values[name] }

// shape is what a mapping with fixed names may hold; the names are separated by spaces.
type shape struct {
	what     string
	required string
	optional string
	later    string // known, but not enforced by this version
}

// fields reads a mapping with fixed names; ok is false if it is none or lacks what it must have.
func (r *reader) fields(n *yaml.Node, s shape) (f fields, ok bool) {
	f = fields{at: n, values: make(map[string]*yaml.Node)}
	if !r.problems.Plain(n) {
		return f, false
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "write %s as a mapping with the fields %s", s.what, strings.Join(strings.Fields(s.required+" "+s.optional), ", "))
		return f, false
	}
	required := strings.Fields(s.required)
	known := append(slices.Clone(required), strings.Fields(s.optional)...)
	for _, e := range r.entries(n, s.what, maxEntries) {
		switch {
		case slices.Contains(known, e.name):
			f.values[e.name] = e.value
		case slices.Contains(strings.Fields(s.later), e.name):
			r.fail(e.key, "remove %q: it comes in a later version, and this one could not enforce it", e.name)
		default:
			r.fail(e.key, "%s has no field %q%s", s.what, e.name, document.Instead(e.name, known))
		}
	}
	ok = true
	for _, name := range required {
		if f.values[name] == nil {
			r.fail(n, "%s needs %q", s.what, name)
			ok = false
		}
	}
	return f, ok
}

// list is the elements of a sequence.
func (r *reader) list(n *yaml.Node, what string, limit int) []*yaml.Node {
	if n == nil || r.problems.Full() || !r.problems.Plain(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "write %s as a list, as in [one, two]", what)
		return nil
	}
	if len(n.Content) > limit {
		r.fail(n, "%s: at most %d elements, here are %d", what, limit, len(n.Content))
		return nil
	}
	return n.Content
}

// notEmpty refuses a list that is there but empty: one reads it as all, and it would mean none.
func (r *reader) notEmpty(n *yaml.Node, what string) {
	if n != nil && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		r.fail(n, "%s is empty; name at least one", what)
	}
}

// text is a string. "" is a problem, or no node.
func (r *reader) text(n *yaml.Node, what string) string {
	if n == nil || !r.problems.Plain(n) {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		r.fail(n, "write %s as text; a number, date, true, false or null needs quotes to be text", what)
		return ""
	}
	if n.Value == "" {
		r.fail(n, "%s is empty", what)
	}
	return n.Value
}

// choice is a text that must be one of the options.
func (r *reader) choice(n *yaml.Node, what string, options ...string) string {
	value := r.text(n, what)
	if value != "" && !slices.Contains(options, value) {
		r.fail(n, "%s is one of %s, not %q%s", what, strings.Join(options, ", "), value, document.Instead(value, options))
		return ""
	}
	return value
}

// scalar is the text of a scalar of the given kind.
func (r *reader) scalar(n *yaml.Node, what, tag, form string) (string, bool) {
	if n == nil || !r.problems.Plain(n) {
		return "", false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != tag {
		r.fail(n, "write %s as %s", what, form)
		return "", false
	}
	return n.Value, true
}

func (r *reader) boolean(n *yaml.Node, what string) bool {
	value, _ := r.scalar(n, what, "!!bool", "true or false")
	return strings.EqualFold(value, "true")
}

// whole is a whole number from 1 to most; 0 is a problem, or no node.
func (r *reader) whole(n *yaml.Node, what string, most uint64) uint64 {
	value, ok := r.scalar(n, what, "!!int", "a whole number")
	if !ok {
		return 0
	}
	number, err := strconv.ParseUint(value, 10, 64)
	if err != nil || number == 0 || number > most {
		r.fail(n, "%s is a whole number from 1 to %d", what, most)
		return 0
	}
	return number
}

// duration is a time span of whole seconds up to most; without a node it is otherwise.
func (r *reader) duration(n *yaml.Node, what string, otherwise, most time.Duration) time.Duration {
	const form = "whole seconds, minutes or hours, as in 90s, 10m or 8h"
	value, ok := r.scalar(n, what, "!!str", form)
	if !ok {
		return otherwise
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < time.Second || d%time.Second != 0 {
		r.fail(n, "write %s as %s", what, form)
		return otherwise
	}
	if d > most {
		r.fail(n, "%s is at most %s", what, short(most))
		return otherwise
	}
	return d
}

// short writes a duration as people do: 24h, not 24h0m0s.
func short(d time.Duration) string {
	s, zero := strings.CutSuffix(d.String(), "m0s")
	if !zero {
		return s
	}
	if hours, even := strings.CutSuffix(s, "h0"); even {
		return hours + "h"
	}
	return s + "m"
}
