package token

import (
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

// Minter mints tokens of one issuer. What a token may do comes from its [narrow.Grant] alone.
type Minter struct {
	issuer string
	random io.Reader
}

// NewMinter makes a Minter for this server's issuer identifier.
func NewMinter(issuer string, random io.Reader) *Minter { return &Minter{issuer, random} }

// MintJWT makes an RFC 9068 access token, signed with the key that signs at the draft's IssuedAt.
// It names that key.
func (m *Minter) MintJWT(keys *Keyring, d Draft) (text Secret, c *Claims, kid string, err error) {
	if bounds, ok := d.Grant.Bounds(); ok && (bounds.Uses != narrow.Unlimited || len(d.Evidence.Limited) > 0) {
		return Secret{}, nil, "", fmt.Errorf("%w: a JWT's uses can't be counted", ErrGrant)
	}
	if c, err = m.claims(d); err != nil {
		return Secret{}, nil, "", err
	}
	key, err := keys.signer(d.IssuedAt)
	if err != nil {
		return Secret{}, nil, "", err
	}
	var room [2 << 10]byte // on the stack, which the usual token fits into: 1.7 KB less for each
	b, err := key.signingInput(room[:0], c)
	if err != nil {
		return Secret{}, nil, "", err
	}
	signature, err := key.sign(b)
	if err != nil {
		return Secret{}, nil, "", fmt.Errorf("signing: %w", err)
	}
	b = base64.RawURLEncoding.AppendEncode(append(b, '.'), signature)
	if len(b) > MaxToken {
		return Secret{}, nil, "", ErrEvidence
	}
	return NewSecret(string(b)), c, key.ID(), nil
}

// signingInput appends the encoded header and payload (RFC 7515 section 2).
func (k *SigningKey) signingInput(b []byte, c *Claims) ([]byte, error) {
	evidence, err := encodeEvidence(&c.Evidence, besideOf(c))
	if err != nil {
		return nil, err
	}
	sealed := k.evidence.Seal(evidence, boundTo(c.ID))
	if len(sealed) > MaxEvidence {
		return nil, ErrEvidence
	}
	payload, err := appendClaims(make([]byte, 0, usualClaims+base64.RawURLEncoding.EncodedLen(len(sealed))), c, sealed)
	if err != nil {
		return nil, err
	}
	b = append(append(b, k.header...), '.')
	return base64.RawURLEncoding.AppendEncode(b, payload), nil
}

// usualClaims is the bytes of the claims that stand in the clear, mostly.
const usualClaims = 768

// openEvidence reads the evidence of a token that the key signed.
func (k *SigningKey) openEvidence(c *Claims, sealed []byte) (Evidence, error) {
	text, err := k.evidence.Open(sealed, boundTo(c.ID))
	if err != nil {
		return Evidence{}, fmt.Errorf("%w: evidence: %w", ErrClaims, err)
	}
	return decodeEvidence(text, besideOf(c))
}

// boundTo is what sealed evidence is bound to: it opens in the token with this id and no other.
func boundTo(id ID) []byte { return append([]byte("whittle evidence\x00"), id[:]...) }

// claims writes out the draft with what the grant gives.
func (m *Minter) claims(d Draft) (*Claims, error) {
	bounds, ok := d.Grant.Bounds()
	if !ok {
		return nil, ErrGrant
	}
	c := &Claims{
		ID: d.ID, Issuer: m.issuer, Subject: d.Subject, Audience: bounds.Audience, ClientID: d.ClientID,
		Scope: bounds.Scopes.Names(), Actor: d.Actor, Task: d.Task,
		IssuedAt: d.IssuedAt.UTC().Truncate(time.Second), Expires: bounds.NotAfter.UTC().Truncate(time.Second),
		Lineage: d.Lineage, Rev: d.Rev, Evidence: d.Evidence,
	}
	if !c.IssuedAt.Before(c.Expires) {
		return nil, narrow.ErrExpired
	}
	if err := readable(c); err != nil {
		return nil, err
	}
	if len(c.Audience) == 0 {
		c.Audience = []string{m.issuer}
	}
	c.Evidence.Depth = bounds.Depth
	c.Evidence.Reach = nil
	for _, p := range bounds.Reach.List() {
		c.Evidence.Reach = append(c.Evidence.Reach, ReachEntry{Resource: p.Resource, Scopes: p.Scopes.Names()})
	}
	return c, nil
}

// readable refuses claims that nobody would read, or that would be read as somebody else's.
func readable(c *Claims) error {
	switch {
	case len(c.Scope) > scope.MaxNames || c.Actor.Depth() > principal.MaxActors:
		return ErrEvidence
	case c.ClientID == "" || c.Subject.Subject == "" || principal.ParseID(c.Subject.String()) != c.Subject:
		return fmt.Errorf("%w: client or subject has no name that can be written", ErrClaims)
	}
	return nil
}
