package issuer

import (
	"time"

	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

// Kind is what the caller says that a token is (RFC 8693 section 3). What it turns out to be
// must agree: each kind has its own `typ` values and rules.
type Kind uint8

// The kinds of outside tokens that are taken. Access tokens of other issuers come as JWT.
const (
	JWT Kind = iota
	IDToken
)

// Outside is what a verified token of another issuer says. It is shared: nobody changes it.
type Outside struct {
	Issuer   string   // the configured name, not the URL
	Subject  string   // `sub`; means nothing without Issuer
	ID       token.ID // from `jti`, or from the signing input of a token without one
	KeyID    string   // the key that verified it
	IssuedAt time.Time
	Expires  time.Time // the token's own `exp`, without skew

	// Claims is all of the payload, for expressions of the policy.
	Claims map[string]any
	// Actor is the `act` chain with its subjects in this issuer's name; nil if there is none.
	Actor *principal.Actor
	// MayAct is the members of `may_act`, all of which an actor must match; nil if there is none
	// or the issuer isn't trusted to say.
	MayAct map[string]string

	notBefore time.Time // zero if there is none
}
