package token

import (
	"time"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
)

// Claims is all that a token of ours says: what everybody may read, and the evidence that only
// Whittle reads. The JWT and the opaque form carry the same claims (docs/decisions/0001).
type Claims struct {
	ID       ID               // `jti`
	Issuer   string           // `iss`: this server, byte for byte as configured
	Subject  principal.ID     // `sub`: the root principal (its String)
	Audience []string         // `aud`: resources; for an exchange-only token just the issuer
	ClientID string           // `client_id`: the client that it was issued to (RFC 8693 section 4.3)
	Scope    []string         // `scope`
	Actor    *principal.Actor // `act`; nil only where a rule allows impersonation, or the client is the subject
	Task     ID               // `txn`: minted by Whittle, shared by all tokens of one task
	IssuedAt time.Time        // `iat`, whole seconds
	Expires  time.Time        // `exp`, whole seconds; the token is good strictly before it

	// Lineage is the IDs of all tokens that this one descends from, root first: subject tokens and
	// actor tokens, outside ones by their [OutsideID].
	Lineage []ID
	// Rev is the revocation sequence read before the first liveness check of the root exchange. A
	// revocation by selector, numbered n, kills every matching token with Rev < n.
	Rev uint64

	Evidence Evidence // sealed, bound to ID
}

// ExchangeOnly says whether the token works nowhere and can only be traded for narrower ones.
func (c *Claims) ExchangeOnly() bool { return len(c.Audience) == 1 && c.Audience[0] == c.Issuer }

// Evidence is what a token rests on: just enough to look at it anew under today's policy.
type Evidence struct {
	// Root is the principal with only those groups and attributes that the bindings below read.
	Root principal.Principal
	// Bindings are the names of the policy's bindings that gave the roles.
	Bindings []string
	// Actors are the principals of the actor tokens used on the way, so that revoking an actor
	// kills what it acted in.
	Actors []principal.ID
	// Beyond is what else can end those actor tokens and the tokens that this one comes from, each as live.Selector writes it.
	Beyond []string
	// Hops are the exchanges so far, the first first, this token's own last.
	Hops []Hop
	// Reach is all that the token and its descendants may ever hold, by scope name.
	Reach []ReachEntry
	// Depth is how many exchanges may still follow.
	Depth int
	// Limited are the tokens of the lineage, and this one, whose uses are counted.
	Limited []ID
	// Label is the caller's own name for the task; empty if it gave none.
	Label string
}

// Hop is one exchange in a token's history.
type Hop struct {
	Token    ID       // the token that the exchange minted
	Client   string   // who asked for it
	Rule     string   // the rule that decided
	Audience []string // what it was for; empty for an exchange-only token
	// Key is what the subject token was verified with: "issuer/kid" for an outside token, the kid
	// of ours for a JWT of ours, empty for an opaque one or a client that asked for itself.
	Key string
}

// ReachEntry is the scopes that may be held at one resource.
type ReachEntry struct {
	Resource string
	Scopes   []string
}

// MaxEvidence is the most bytes that sealed evidence may take in a JWT; beyond it the exchange
// is refused, since headers that carry tokens are bounded everywhere.
const MaxEvidence = 1024

// Secret is a token's text. It doesn't print: Reveal is called only where it leaves for its holder.
// It points to the text, since fmt doesn't ask the String of a Secret in an unexported field.
type Secret struct{ text *string }

// NewSecret wraps a token's text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal is the text itself; of the zero Secret it is empty.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String hides the text, also from fmt and slog.
func (Secret) String() string { return "[secret]" }

// GoString hides the text from %#v.
func (Secret) GoString() string { return "[secret]" }

// MarshalText hides the text from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Form is how a token travels.
type Form uint8

// The two forms. A use-limited token is always opaque.
const (
	JWT    Form = iota // RFC 9068, `typ: at+jwt`
	Opaque             // a reference: "wt_" and 48 characters
)

// Draft is what the engine knows of a token before it is minted; what it may do is the grant's.
type Draft struct {
	ID       ID
	Subject  principal.ID
	ClientID string
	Actor    *principal.Actor
	Task     ID
	IssuedAt time.Time
	Lineage  []ID
	Rev      uint64
	Evidence Evidence // its Reach and Depth are set from the grant
	Grant    narrow.Grant
}

// String is the form as the record writes it.
func (f Form) String() string {
	if f == Opaque {
		return "opaque"
	}
	return "jwt"
}
