package narrow

import (
	"math"
	"time"

	"github.com/whittle-sts/whittle/internal/scope"
)

// The most that any token may have, whatever a policy says.
const (
	MaxDepth    = 8                  // exchanges after one another; each adds an actor
	MaxLifetime = 7 * 24 * time.Hour // of an exchange-only token; how long a revocation must be kept
)

// Uses is how often a token may be used. The zero Uses is none.
type Uses uint32

// Unlimited is the Uses of a token that isn't counted.
const Unlimited Uses = math.MaxUint32

// Bounds is the most that a token may ever give, in every dimension.
// The zero Bounds gives nothing.
type Bounds struct {
	// Audience × Scopes is where the token works now (`aud` and `scope`). It is a product since
	// that is how a resource server reads the two claims. No audience: an exchange-only token.
	Audience []string
	Scopes   scope.Set

	// Reach is all that the token and its descendants may ever hold.
	Reach Pairs

	NotAfter time.Time // the token is good strictly before it
	Uses     Uses      // uses left, counted at introspection
	Depth    int       // how many exchanges may still follow
}

// Usable is Audience × Scopes as pairs.
func (b Bounds) Usable() Pairs {
	pairs := make([]Pair, 0, len(b.Audience))
	for _, resource := range b.Audience {
		pairs = append(pairs, Pair{Resource: resource, Scopes: b.Scopes})
	}
	return PairsOf(pairs...)
}

// Root is the bounds of what stands above a first token: an outside token, or a client that
// asks for itself. It has no reach of ours; it starts from what its principal's roles give.
func Root(held Pairs, notAfter time.Time) Bounds {
	return Bounds{Reach: held, NotAfter: notAfter, Uses: Unlimited, Depth: MaxDepth}
}
