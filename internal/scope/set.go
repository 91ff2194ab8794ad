package scope

import "math/bits"

// Set is a set of scopes of one catalogue. It is a value: no operation changes its operands.
// The zero Set belongs to no catalogue and is empty; it mixes with any set.
//
// An operation on sets of two catalogues panics. Bit 3 of one policy version is another scope
// in the next, so the only safe outcome of such a programming error is no outcome.
type Set struct {
	of   *Catalogue
	bits []uint64
}

func (s Set) common(t Set) *Catalogue {
	if s.of != nil && t.of != nil && s.of != t.of {
		panic("scope: sets of two catalogues were mixed")
	}
	if s.of == nil {
		return t.of
	}
	return s.of
}

// with makes a copy of s that is as wide as s and t.
func (s Set) with(t Set) Set {
	out := Set{of: s.common(t), bits: make([]uint64, max(len(s.bits), len(t.bits)))}
	copy(out.bits, s.bits)
	return out
}

// And is the set of scopes in both s and t.
func (s Set) And(t Set) Set {
	out := s.with(t)
	for i := range out.bits {
		out.bits[i] &= t.word(i)
	}
	return out
}

// Or is the set of scopes in s or t.
func (s Set) Or(t Set) Set {
	out := s.with(t)
	for i, w := range t.bits {
		out.bits[i] |= w
	}
	return out
}

// Minus is the set of scopes in s that are not in t.
func (s Set) Minus(t Set) Set {
	out := s.with(t)
	for i, w := range t.bits {
		out.bits[i] &^= w
	}
	return out
}

// SubsetOf says whether every scope of s is in t.
func (s Set) SubsetOf(t Set) bool {
	s.common(t)
	for i, w := range s.bits {
		if w&^t.word(i) != 0 {
			return false
		}
	}
	return true
}

// word is the i-th word of s, which is empty beyond its last.
func (s Set) word(i int) uint64 {
	if i < len(s.bits) {
		return s.bits[i]
	}
	return 0
}

// Equal says whether s and t hold the same scopes.
func (s Set) Equal(t Set) bool { return s.SubsetOf(t) && t.SubsetOf(s) }

// IsEmpty says whether s holds no scope.
func (s Set) IsEmpty() bool {
	for _, w := range s.bits {
		if w != 0 {
			return false
		}
	}
	return true
}

// Len is the number of scopes in s.
func (s Set) Len() int {
	n := 0
	for _, w := range s.bits {
		n += bits.OnesCount64(w)
	}
	return n
}

// Has says whether s holds the named scope.
func (s Set) Has(name string) bool {
	if s.of == nil {
		return false
	}
	i, ok := s.of.index[name]
	return ok && s.bits[i/64]&(1<<(i%64)) != 0
}

// Names lists the scopes of s in the catalogue's order.
func (s Set) Names() []string {
	names := make([]string, 0, s.Len())
	for i, w := range s.bits {
		for ; w != 0; w &= w - 1 {
			names = append(names, s.of.names[i*64+bits.TrailingZeros64(w)])
		}
	}
	return names
}

// String is the set as a scope parameter or claim writes it.
func (s Set) String() string { return Join(s.Names()) }
