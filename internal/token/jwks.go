package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxKeySet = 512 << 10 // bytes
	maxKeys   = 100
	maxSameID = 4 // keys with one `kid` that are tried
)

// KeySet is the usable keys of another issuer's JWK Set (RFC 7517 section 5).
type KeySet struct{ keys []setKey }

// setKey is a key that says its algorithm, or one that could verify with several.
type setKey struct {
	kid string
	alg string // empty: any that fits
	key any
}

// ParseKeySet reads a JWK Set. Keys that can't verify signatures here are skipped, as other issuers
// publish what they like: other uses, symmetric keys, unknown types. A key with private members
// is skipped too; that it was published says that nobody should trust it.
func ParseKeySet(text []byte) (*KeySet, error) {
	if len(text) > maxKeySet {
		return nil, fmt.Errorf("%w: key set is larger than %d bytes", ErrMalformed, maxKeySet)
	}
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, fmt.Errorf("%w: not a JWK Set", ErrMalformed)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%w: %d keys, at most %d", ErrMalformed, len(set.Keys), maxKeys)
	}
	out := &KeySet{}
	for _, raw := range set.Keys {
		if key, ok := readKey(raw); ok {
			out.keys = append(out.keys, key)
		}
	}
	return out, nil
}

func readKey(raw jsontext.Value) (setKey, bool) {
	members, err := ParseClaims(raw)
	if err != nil || !forVerifying(members) {
		return setKey{}, false
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(raw); err != nil || !jwk.IsPublic() {
		return setKey{}, false
	}
	key := setKey{kid: jwk.KeyID, alg: canonicalAlg(jwk.Algorithm), key: jwk.Key}
	// Whatever algorithm it will be used with, an unsound key is caught here once.
	if _, err := NewPublicKey(key.kid, key.anyAlgorithm(), key.key); err != nil || len(key.kid) > maxKeyID {
		return setKey{}, false
	}
	return key, true
}

// forVerifying says whether a JWK is meant for verifying and gives nothing away.
func forVerifying(members ClaimSet) bool {
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if members.Has(private) {
			return false
		}
	}
	if use, err := members.String("use"); err != nil || use != "" && use != "sig" {
		return false
	}
	ops, err := members.StringOrList("key_ops")
	if err != nil {
		return false
	}
	for _, op := range ops {
		if op == "verify" {
			return true
		}
	}
	return !members.Has("key_ops")
}

// anyAlgorithm is one that a key of this sort could be used with.
func (k setKey) anyAlgorithm() string {
	if k.alg != "" {
		return k.alg
	}
	switch key := k.key.(type) {
	case *ecdsa.PublicKey:
		return map[elliptic.Curve]string{elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512"}[key.Curve]
	case *rsa.PublicKey:
		return "RS256"
	case ed25519.PublicKey:
		return "EdDSA"
	default:
		return ""
	}
}

// Find lists the keys to try for a token: those with its `kid` that fit its algorithm, at most a
// few. A token without `kid` finds a key only if exactly one fits.
func (s *KeySet) Find(kid, alg string) []PublicKey {
	var out []PublicKey
	for _, k := range s.keys {
		if kid != "" && k.kid != kid || k.alg != "" && k.alg != canonicalAlg(alg) {
			continue
		}
		if key, err := NewPublicKey(k.kid, alg, k.key); err == nil && len(out) < maxSameID {
			out = append(out, key)
		}
	}
	if kid == "" && len(out) != 1 {
		return nil
	}
	return out
}
