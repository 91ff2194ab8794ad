package issuer

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

// skew is how far the clocks of others may be off.
const skew = time.Minute

// read makes an Outside of claims whose signature verified, or says which of them can't stand.
func (i *issuer) read(jws *token.JWS, claims token.ClaimSet, kind Kind) (*Outside, error) {
	if err := enforceable(claims); err != nil {
		return nil, err
	}
	if err := i.meant(claims, kind); err != nil {
		return nil, err
	}
	out := &Outside{Issuer: i.Name, Claims: claims}
	for _, step := range []func() error{
		func() (err error) { out.Subject, err = subject(claims); return err },
		func() (err error) { out.ID, err = i.id(jws, claims); return err },
		func() error { return out.readTimes(claims) },
		func() error { return out.readActors(&i.Config, claims) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// enforceable refuses what limits a token in a way that Whittle doesn't follow: a key that must be
// proven (RFC 7800) and authorization details (RFC 9396). Leaving them out would widen the token.
func enforceable(claims token.ClaimSet) error {
	for _, name := range []string{"cnf", "authorization_details"} {
		if claims.Has(name) {
			return fmt.Errorf("%w: %s can't be enforced", ErrClaims, name)
		}
	}
	return nil
}

// meant checks that the token is for us: `aud` names a configured audience and, of an ID token, so
// does `azp` where there could be a doubt (OpenID Connect Core section 3.1.3.7), since ID tokens that
// the same issuer gave to other clients would pass otherwise.
func (c *Config) meant(claims token.ClaimSet, kind Kind) error {
	audience, err := claims.StringOrList("aud")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAudience, err)
	}
	ours := func(name string) bool { return slices.Contains(c.Audiences, name) }
	if slices.Contains(audience, "") || !slices.ContainsFunc(audience, ours) {
		return fmt.Errorf("%w: aud names none of our audiences", ErrAudience)
	}
	if kind != IDToken || len(audience) == 1 && !claims.Has("azp") {
		return nil
	}
	if azp, err := claims.String("azp"); err != nil || !ours(azp) {
		return fmt.Errorf("%w: azp isn't one of our audiences", ErrAudience)
	}
	return nil
}

func subject(claims token.ClaimSet) (string, error) {
	sub, err := claims.String("sub")
	if err != nil || !principal.Nameable(sub) {
		return "", fmt.Errorf("%w: sub must be a text of 1 to %d printable bytes that looks like no token or secret", ErrClaims, principal.MaxName)
	}
	return sub, nil
}

// maxJTI is the most bytes that a `jti` may have. It is only ever hashed, so it need be no name that people read.
const maxJTI = 512

// id is what the token is known by in revocations and lineages.
func (c *Config) id(jws *token.JWS, claims token.ClaimSet) (token.ID, error) {
	if !claims.Has("jti") {
		sum := sha256.Sum256(jws.SigningInput())
		return token.OutsideID(c.Name, "signing input", sum[:]), nil
	}
	jti, err := claims.String("jti")
	if err != nil || jti == "" || len(jti) > maxJTI {
		return token.ID{}, fmt.Errorf("%w: jti must be a string of 1 to %d bytes", ErrClaims, maxJTI)
	}
	return token.OutsideID(c.Name, "jti", []byte(jti)), nil
}

// readTimes takes no token that leaves out when it was issued or when it ends: a check made only
// where a claim is present is none.
func (o *Outside) readTimes(claims token.ClaimSet) error {
	for name, field := range map[string]*time.Time{"exp": &o.Expires, "iat": &o.IssuedAt, "nbf": &o.notBefore} {
		at, err := claims.NumericDate(name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrClaims, err)
		}
		*field = at
	}
	if o.Expires.IsZero() || o.IssuedAt.IsZero() {
		return fmt.Errorf("%w: exp and iat are needed", ErrClaims)
	}
	if !o.Expires.After(o.IssuedAt) {
		return fmt.Errorf("%w: exp isn't after iat", ErrClaims)
	}
	return nil
}

func (o *Outside) readActors(by *Config, claims token.ClaimSet) (err error) {
	if act, there := claims["act"]; there {
		if o.Actor, err = actors(by, act, 0); err != nil {
			return err
		}
	}
	if claim, there := claims["may_act"]; there {
		may, err := mayAct(claim)
		if err != nil {
			return err
		}
		if by.MayAct {
			o.MayAct = may
		}
	}
	return nil
}

// timely says whether the token is good at this moment. It is asked each time that one comes.
func (o *Outside) timely(now time.Time, maxAge time.Duration) error {
	switch {
	case !now.Before(o.Expires.Add(skew)):
		return fmt.Errorf("%w: it ended at %s", ErrExpired, o.Expires.UTC().Format(time.RFC3339))
	case !o.notBefore.IsZero() && now.Before(o.notBefore.Add(-skew)):
		return fmt.Errorf("%w: it isn't valid yet", ErrExpired)
	case o.IssuedAt.After(now.Add(skew)):
		return fmt.Errorf("%w: it was issued in the future", ErrExpired)
	case now.Sub(o.IssuedAt) > maxAge:
		return ErrTooOld
	}
	return nil
}

func (c *Config) maxAge() time.Duration {
	if c.MaxAge == 0 {
		return DefaultMaxAge
	}
	return c.MaxAge
}
