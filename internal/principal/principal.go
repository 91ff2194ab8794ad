package principal

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/whittle-sts/whittle/internal/hush"
)

// MaxName is the most bytes that a subject or a group may have.
const MaxName = 256

// Nameable says whether somebody, or a group, may be called so: a name stands in policies, tokens, revocations and
// records, and people read it there. So it is nothing that looks like a token or a secret.
func Nameable(s string) bool {
	return s != "" && len(s) <= MaxName && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) &&
		!hush.Found(s)
}

// ID names a principal. For somebody whom an outside issuer speaks for, Issuer is the name
// that the policy gives that issuer; for a client that asks for itself, Issuer is empty and
// Subject is the client's id.
type ID struct {
	Issuer  string `json:"issuer,omitzero"`
	Subject string `json:"subject"`
}

// Client is the principal that a client is when it asks for itself (RFC 6749 section 4.4).
func Client(id string) ID { return ID{Subject: id} }

// IsClient says whether the principal is a client of ours.
func (id ID) IsClient() bool { return id.Issuer == "" }

// String is the `sub` claim of a token of ours: the client's id, or "issuer:subject". Neither
// client ids nor issuer names hold a colon, so no user can ever be taken for a client
// (RFC 9068 section 5, RFC 9700 section 4.15) or for a user of another issuer.
func (id ID) String() string {
	if id.IsClient() {
		return id.Subject
	}
	return id.Issuer + ":" + id.Subject
}

// ParseID reads what [ID.String] wrote.
func ParseID(s string) ID {
	issuer, subject, found := strings.Cut(s, ":")
	if !found {
		return Client(s)
	}
	return ID{Issuer: issuer, Subject: subject}
}

// Principal is who a token speaks for at its root. Groups and attributes count only together
// with the issuer in ID. Attribute values are what CEL knows: bool, int64, float64, string,
// []any and map[string]any of these.
type Principal struct {
	ID
	Groups     []string       `json:"groups,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// In says whether the principal is in the named group of its own issuer.
func (p *Principal) In(group string) bool { return slices.Contains(p.Groups, group) }

// Actor is one link of an `act` chain (RFC 8693 section 4.1): who acted, through which client.
// Only identity stands in it.
type Actor struct {
	Sub      string `json:"sub"`
	ClientID string `json:"client_id,omitzero"` // the client that wielded an actor token; empty if Sub is the client
	Act      *Actor `json:"act,omitzero"`       // who acted before; outermost is now
}

// MaxActors is the deepest `act` chain that is taken or made.
const MaxActors = 8

// All is who acts in the chain, the newest first; nobody in a nil chain.
func (a *Actor) All() iter.Seq[ID] {
	return func(yield func(ID) bool) {
		for ; a != nil && yield(ParseID(a.Sub)); a = a.Act {
		}
	}
}

// Depth is the number of actors in the chain; a nil chain has none.
func (a *Actor) Depth() int {
	n := 0
	for ; a != nil; a = a.Act {
		n++
	}
	return n
}
