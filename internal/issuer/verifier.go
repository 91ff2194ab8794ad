package issuer

import (
	"context"
	"fmt"
	"slices"

	"github.com/whittle-sts/whittle/internal/lately"
	"github.com/whittle-sts/whittle/internal/token"
)

// Verify takes a token of one of the configured issuers. The order is that of RFC 8725 section 3:
// form, type, issuer, key, signature, claims, time. Nothing of the payload is used before the
// signature but `iss`, to find the issuer in the configuration.
//
// The error is one of this package's, with details that hold nothing of the token's text.
func (s *Set) Verify(ctx context.Context, text string, kind Kind) (*Outside, error) {
	if len(text) > token.MaxToken {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, token.MaxToken)
	}
	d := digestOf(text, kind)
	v, known := s.recall(ctx, d)
	if !known {
		var err error
		if v, err = s.examine(ctx, text, kind); err != nil {
			return nil, err
		}
	}
	if err := v.out.timely(s.now(), v.by.maxAge()); err != nil {
		return nil, err
	}
	if !known {
		s.memo.put(d, v)
	}
	return v.out, nil
}

// Identify says which token it is, of a configured issuer and under its signature, also if it isn't
// good at this moment: so that what isn't valid yet can be revoked. One that has ended for good is
// [ErrExpired].
func (s *Set) Identify(ctx context.Context, text string) (*Outside, error) {
	v, err := s.examine(ctx, text, JWT)
	if err != nil {
		return nil, err
	}
	if !s.now().Before(v.out.Expires.Add(skew)) {
		return nil, fmt.Errorf("%w: it has expired", ErrExpired)
	}
	return v.out, nil
}

// recall finds a token that was verified under today's configuration and the issuer's present keys.
func (s *Set) recall(ctx context.Context, d lately.Digest) (verified, bool) {
	v, ok := s.memo.get(d)
	if !ok || (*s.issuers.Load())[v.by.URL] != v.by {
		return verified{}, false
	}
	keys, err := v.by.keys.current(ctx)
	return v, err == nil && keys == v.keys
}

// examine does all that doesn't depend on the time.
func (s *Set) examine(ctx context.Context, text string, kind Kind) (verified, error) {
	jws, err := token.ParseJWS(text)
	if err != nil {
		return verified{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !slices.Contains(kind.types(), jws.Type()) {
		return verified{}, ErrType
	}
	claims, err := token.ParseClaims(jws.Payload())
	if err != nil {
		return verified{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	iss, err := claims.String("iss")
	by, configured := (*s.issuers.Load())[iss]
	if err != nil || !configured {
		return verified{}, ErrUnknownIssuer
	}
	keys, kid, err := by.checkSignature(ctx, jws)
	if err != nil {
		return verified{}, fmt.Errorf("issuer %s: %w", by.Name, err)
	}
	out, err := by.read(jws, claims, kind)
	if err != nil {
		return verified{}, fmt.Errorf("issuer %s: %w", by.Name, err)
	}
	out.KeyID = kid
	return verified{by: by, keys: keys, out: out, size: len(text)}, nil
}

// types lists the `typ` values of a kind, in the form of [token.JWS.Type]; empty is for a token that
// has none. Every other JWT has a type of its own by now (RFC 8725 section 3.11), and a proof, an
// event or an assertion never passes for a token that speaks for somebody.
func (k Kind) types() []string {
	switch k {
	case JWT:
		return []string{"", "jwt", "at+jwt"}
	case IDToken:
		return []string{"", "jwt"}
	default:
		return nil
	}
}

// checkSignature verifies with the issuer's keys, after one more look at these if none of them is
// the token's. It returns the keys and the id of the one that it was.
func (i *issuer) checkSignature(ctx context.Context, jws *token.JWS) (*token.KeySet, string, error) {
	if !i.allows(jws.Algorithm()) {
		return nil, "", fmt.Errorf("%w: algorithm isn't allowed", ErrSignature)
	}
	keys, err := i.keys.current(ctx)
	if err != nil {
		return nil, "", err
	}
	candidates := keys.Find(jws.KeyID(), jws.Algorithm())
	if len(candidates) == 0 {
		if keys, err = i.keys.afresh(ctx, keys); err != nil {
			return nil, "", err
		}
		candidates = keys.Find(jws.KeyID(), jws.Algorithm())
	}
	for _, key := range candidates {
		if jws.Verify(key) == nil {
			return keys, key.KeyID(), nil
		}
	}
	return nil, "", fmt.Errorf("%w: none of %d keys fits", ErrSignature, len(candidates))
}

// allows compares algorithms by their meaning: RFC 9864 gave Ed25519 a name of its own.
func (c *Config) allows(algorithm string) bool {
	return len(c.Algorithms) == 0 || slices.Contains(c.Algorithms, algorithm) ||
		algorithm == "EdDSA" && slices.Contains(c.Algorithms, "Ed25519") ||
		algorithm == "Ed25519" && slices.Contains(c.Algorithms, "EdDSA")
}
