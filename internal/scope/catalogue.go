package scope

import (
	"fmt"
	"slices"
	"strings"
)

// Catalogue is the list of all scopes that can be asked for under one policy version.
// It never changes once made. Two catalogues are different even if they list the same names.
type Catalogue struct {
	names []string // sorted, so that sets list their names in one order
	index map[string]int
}

// NewCatalogue makes the catalogue of the given names. A name that is malformed, that occurs
// twice, or that could be read as a pattern is an error.
func NewCatalogue(names []string) (*Catalogue, error) {
	c := &Catalogue{names: slices.Sorted(slices.Values(names)), index: make(map[string]int, len(names))}
	for i, name := range c.names {
		if err := CheckName(name); err != nil {
			return nil, err
		}
		if strings.Contains(name, wildcard) {
			return nil, fmt.Errorf("%w: %q is a pattern, not a scope", ErrSyntax, name)
		}
		if _, ok := c.index[name]; ok {
			return nil, fmt.Errorf("scope %q is listed twice", name)
		}
		c.index[name] = i
	}
	return c, nil
}

// Names lists all scopes in order. The caller must not change the slice.
func (c *Catalogue) Names() []string { return c.names }

// Has says whether name is in the catalogue.
func (c *Catalogue) Has(name string) bool {
	_, ok := c.index[name]
	return ok
}

// Empty is the set of no scopes.
func (c *Catalogue) Empty() Set { return Set{of: c, bits: make([]uint64, (len(c.names)+63)/64)} }

// All is the set of every scope in the catalogue.
func (c *Catalogue) All() Set {
	s := c.Empty()
	for i := range c.names {
		s.bits[i/64] |= 1 << (i % 64)
	}
	return s
}

// Of makes the set of the given names and lists those that the catalogue doesn't know.
// An unknown name adds nothing: a scope that a policy dropped is simply no longer there.
func (c *Catalogue) Of(names ...string) (set Set, unknown []string) {
	set = c.Empty()
	for _, name := range names {
		i, ok := c.index[name]
		if !ok {
			unknown = append(unknown, name)
			continue
		}
		set.bits[i/64] |= 1 << (i % 64)
	}
	return set, unknown
}

// Expand makes the set of all scopes that the patterns match. A pattern is a scope's name, or
// a prefix of whole segments followed by ".*" ("ai.training.*" matches every scope below
// "ai.training", at any depth), or "*" for all. A pattern that matches nothing is an error:
// in a policy it is a misspelling.
func (c *Catalogue) Expand(patterns ...string) (Set, error) {
	set := c.Empty()
	for _, pattern := range patterns {
		prefix, wild := strings.CutSuffix(pattern, wildcard)
		if strings.Contains(prefix, wildcard) || wild && prefix != "" && !strings.HasSuffix(prefix, separator) {
			return Set{}, fmt.Errorf("pattern %q: a * may only stand for the last segments", pattern)
		}
		matched := false
		for i, name := range c.names {
			if name == pattern || wild && len(name) > len(prefix) && strings.HasPrefix(name, prefix) {
				set.bits[i/64] |= 1 << (i % 64)
				matched = true
			}
		}
		if !matched {
			return Set{}, fmt.Errorf("pattern %q matches no scope", pattern)
		}
	}
	return set, nil
}
