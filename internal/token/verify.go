package token

import "time"

// Verifier verifies JWT access tokens of one issuer: this server.
type Verifier struct{ issuer string }

// NewVerifier makes a Verifier for this server's issuer identifier.
func NewVerifier(issuer string) *Verifier { return &Verifier{issuer} }

// VerifyJWT reads a JWT access token of ours (RFC 9068 section 4) and names the key that signed it.
// It says nothing of whether the token is still live: see [Claims.LiveAt] and the revocations.
func (v *Verifier) VerifyJWT(keys *Keyring, text string) (c *Claims, kid string, err error) {
	return v.read(keys, text, func(j *JWS, key *SigningKey) error { return j.Verify(key.public) })
}

// ReadJWT is VerifyJWT without a look at the signature, for a text that the caller knows to be, byte for byte, one that this
// process signed. All else is looked at as ever: the key may have left the ring.
func (v *Verifier) ReadJWT(keys *Keyring, text string) (c *Claims, kid string, err error) {
	return v.read(keys, text, func(*JWS, *SigningKey) error { return nil })
}

func (v *Verifier) read(keys *Keyring, text string, verify func(*JWS, *SigningKey) error) (c *Claims, kid string, err error) {
	j, err := ParseJWS(text)
	if err != nil {
		return nil, "", err
	}
	if j.Type() != "at+jwt" {
		return nil, "", ErrType
	}
	key, err := keys.verifier(j.KeyID())
	if err != nil {
		return nil, "", err
	}
	if err := verify(j, key); err != nil {
		return nil, "", err
	}
	c, sealed, err := readClaims(j.Payload())
	if err != nil {
		return nil, "", err
	}
	if c.Issuer != v.issuer {
		return nil, "", ErrIssuer
	}
	if c.Evidence, err = key.openEvidence(c, sealed); err != nil {
		return nil, "", err
	}
	return c, key.ID(), nil
}

// LiveAt says whether now is before the token's end. There is no skew for tokens of ours.
func (c *Claims) LiveAt(now time.Time) bool { return now.Before(c.Expires) }
