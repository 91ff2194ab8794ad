package narrow

import (
	"errors"
	"slices"
	"time"
)

// Why nothing could be granted.
var (
	ErrDepth   = errors.New("no exchange may follow this token")
	ErrNothing = errors.New("nothing is left of what was asked")
	ErrExpired = errors.New("the subject token ends before the new one could begin")
	ErrUses    = errors.New("no uses are left")
)

// Grant is what [Narrow] decided. A token is minted from a Grant and from nothing else.
// The zero Grant grants nothing and can't be minted from.
type Grant struct{ bounds *Bounds }

// Bounds is what was granted; ok is false for the zero Grant.
func (g Grant) Bounds() (b Bounds, ok bool) {
	if g.bounds == nil {
		return Bounds{}, false
	}
	b = *g.bounds
	b.Audience = slices.Clone(b.Audience) // all else in it is a value
	return b, true
}

// Narrow grants what is wanted as far as the parent's bounds hold it, at the moment now.
// In every dimension the result is at most the parent's and at most the wanted, and what is
// usable lies within the reach. A scope stays usable only if every wanted audience has it in
// reach, since a token's audience and scope are read as a product (RFC 8693 section 2.1.1).
//
// It never drops an audience: a token for fewer places than asked for would be a surprise.
// Nothing left is an error: [ErrDepth], [ErrNothing], [ErrExpired] or [ErrUses].
func Narrow(parent, wanted Bounds, now time.Time) (Grant, error) {
	child := Bounds{
		Audience: slices.Clone(wanted.Audience),
		Scopes:   wanted.Scopes,
		Reach:    wanted.Reach.And(parent.Reach),
		NotAfter: earlier(wanted.NotAfter, parent.NotAfter),
		Uses:     min(wanted.Uses, parent.Uses),
		Depth:    min(wanted.Depth, parent.Depth-1),
	}
	for _, resource := range child.Audience {
		child.Scopes = child.Scopes.And(child.Reach.At(resource))
	}
	if len(child.Audience) == 0 {
		child.Scopes = child.Scopes.And(child.Reach.Scopes())
	}
	switch {
	case child.Depth < 0:
		return Grant{}, ErrDepth
	case child.Scopes.IsEmpty():
		return Grant{}, ErrNothing
	case child.Uses == 0:
		return Grant{}, ErrUses
	case !now.Before(child.NotAfter):
		return Grant{}, ErrExpired
	}
	return Grant{bounds: &child}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
