package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // registers what crypto.Hash makes
	_ "crypto/sha512"
	"fmt"
	"math/big"
)

// algorithm is one signature algorithm of RFC 7518 section 3.1 and RFC 8037 section 3.1.
type algorithm struct {
	hash  crypto.Hash
	curve elliptic.Curve // of ECDSA
	pss   bool
}

var algorithms = map[string]algorithm{
	"ES256": {hash: crypto.SHA256, curve: elliptic.P256()},
	"ES384": {hash: crypto.SHA384, curve: elliptic.P384()},
	"ES512": {hash: crypto.SHA512, curve: elliptic.P521()},
	"RS256": {hash: crypto.SHA256},
	"RS384": {hash: crypto.SHA384},
	"RS512": {hash: crypto.SHA512},
	"PS256": {hash: crypto.SHA256, pss: true},
	"PS384": {hash: crypto.SHA384, pss: true},
	"PS512": {hash: crypto.SHA512, pss: true},
	"EdDSA": {}, // Ed25519 only
}

// canonicalAlg is the one name of an algorithm that has two: RFC 9864 calls EdDSA with Ed25519
// just Ed25519.
func canonicalAlg(alg string) string {
	if alg == "Ed25519" {
		return "EdDSA"
	}
	return alg
}

const (
	minRSA = 2048 // bits
	maxRSA = 8192
	maxExp = 1<<31 - 1
)

// PublicKey verifies with one algorithm and no other (RFC 8725 section 3.1).
type PublicKey struct {
	kid string
	alg string
	key crypto.PublicKey
}

// NewPublicKey checks that the key is sound and fits the algorithm.
func NewPublicKey(kid, alg string, key crypto.PublicKey) (PublicKey, error) {
	alg = canonicalAlg(alg)
	a, ok := algorithms[alg]
	if !ok {
		return PublicKey{}, fmt.Errorf("%w: algorithm is not taken here", ErrKey)
	}
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		ok = a.curve != nil && k.Curve == a.curve
		if _, err := k.Bytes(); ok && err != nil {
			return PublicKey{}, fmt.Errorf("%w: not a point on the curve", ErrKey)
		}
	case *rsa.PublicKey:
		ok = a.curve == nil && a.hash != 0
		if !soundRSA(k) {
			return PublicKey{}, fmt.Errorf("%w: RSA modulus or exponent out of range", ErrKey)
		}
	case ed25519.PublicKey:
		ok = alg == "EdDSA" && len(k) == ed25519.PublicKeySize
	default:
		ok = false
	}
	if !ok {
		return PublicKey{}, fmt.Errorf("%w: doesn't fit its algorithm", ErrKey)
	}
	return PublicKey{kid: kid, alg: alg, key: key}, nil
}

// soundRSA refuses what is weak, and what would make one signature cost too much.
func soundRSA(k *rsa.PublicKey) bool {
	if k.N == nil || k.N.Sign() <= 0 || k.N.Bit(0) == 0 {
		return false
	}
	bits := k.N.BitLen()
	return minRSA <= bits && bits <= maxRSA && 3 <= k.E && k.E <= maxExp && k.E%2 == 1
}

// KeyID is the key's `kid`.
func (k PublicKey) KeyID() string { return k.kid }

func (k PublicKey) takes(alg string) bool { return k.alg != "" && canonicalAlg(alg) == k.alg }

func (k PublicKey) verify(signed, signature []byte) bool {
	a := algorithms[k.alg]
	var digest []byte
	if a.hash != 0 {
		h := a.hash.New()
		h.Write(signed)
		digest = h.Sum(nil)
	}
	switch key := k.key.(type) {
	case *ecdsa.PublicKey:
		half := (a.curve.Params().BitSize + 7) / 8
		if len(signature) != 2*half {
			return false // DER and the like
		}
		r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
		return ecdsa.Verify(key, digest, r, s)
	case *rsa.PublicKey:
		if a.pss {
			return rsa.VerifyPSS(key, a.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(key, a.hash, digest, signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, signed, signature)
	default:
		return false
	}
}
