package live

import (
	"crypto/sha256"
	"fmt"

	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

// Kind is what a revocation selects tokens by. Its text is store.Revocation's Kind.
type Kind string

// All that can be revoked.
const (
	Token   Kind = "token"   // a token and all its descendants
	Task    Kind = "task"    // all tokens of one task
	Subject Kind = "subject" // all tokens of a principal, as root or as actor, now or before
	Client  Kind = "client"  // all tokens with the client among their hops
	Group   Kind = "group"   // all tokens that rest on a group
	Issuer  Kind = "issuer"  // all tokens with the issuer at their root or among their actors
	Key     Kind = "key"     // all tokens with the key among their hops
)

// kinds is how many sorts of revocations are told apart: those above, and what a later version may have written.
const kinds = 8

// place is where the revocations of the kind are kept.
func (k Kind) place() uint8 {
	switch k {
	case Token:
		return 0
	case Task:
		return 1
	case Subject:
		return 2
	case Client:
		return 3
	case Group:
		return 4
	case Issuer:
		return 5
	case Key:
		return 6
	default:
		return kinds - 1
	}
}

// Unconditional says whether the kind kills whatever a token's revocation sequence is, and new
// tokens too, until it is lifted: what a stolen key or a rogue issuer says of time is worth nothing.
func (k Kind) Unconditional() bool { return k == Issuer || k == Key }

// Selector names what one revocation takes away.
type Selector struct {
	Kind  Kind
	Value string
}

// String is the selector for people, and for the evidence of a token: the kind, a space, the value.
func (s Selector) String() string { return fmt.Sprintf("%s %s", s.Kind, s.Value) }

// digest is what the image keeps of a selector: 16 bytes instead of a text of any length.
type digest [16]byte

func (s Selector) digest() digest {
	var room [128]byte // on the stack, which the usual selector fits into
	h := sha256.Sum256(append(append(append(room[:0], s.Kind...), 0), s.Value...))
	return digest(h[:16])
}

// OfToken selects a token by its id.
func OfToken(id token.ID) Selector { return Selector{Token, id.String()} }

// OfTask selects the tokens of a task.
func OfTask(id token.ID) Selector { return Selector{Task, id.String()} }

// OfSubject selects the tokens of a principal.
func OfSubject(id principal.ID) Selector { return Selector{Subject, id.String()} }

// OfClient selects the tokens that a client asked for.
func OfClient(id string) Selector { return Selector{Client, id} }

// OfGroup selects the tokens that rest on a group, which means nothing without its issuer.
func OfGroup(issuer, group string) Selector { return Selector{Group, issuer + ":" + group} }

// OfIssuer selects the tokens that an outside issuer stands behind.
func OfIssuer(name string) Selector { return Selector{Issuer, name} }

// OfKey selects the tokens that a key stands behind: a kid of ours, or "issuer/kid".
func OfKey(name string) Selector { return Selector{Key, name} }
