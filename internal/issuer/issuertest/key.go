package issuertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
)

// key is a key pair with the one algorithm it is for.
type key struct {
	id        string
	algorithm string
	private   crypto.Signer
	withdrawn bool // not published
}

func newKey(algorithm string) (*key, error) {
	private, err := generate(algorithm)
	if err != nil {
		return nil, err
	}
	return &key{id: algorithm + "-" + rand.Text()[:10], algorithm: algorithm, private: private}, nil
}

func generate(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "EdDSA":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, fmt.Errorf("no keys for %q are made here", algorithm)
}

// jwk is the public key as RFC 7517 writes it.
func (k *key) jwk() map[string]any {
	jwk := map[string]any{"kid": k.id, "alg": k.algorithm, "use": "sig"}
	switch public := k.private.Public().(type) {
	case *ecdsa.PublicKey:
		point, _ := public.Bytes() // on the curve: it was generated
		jwk["kty"], jwk["crv"] = "EC", "P-256"
		jwk["x"], jwk["y"] = encode(point[1:33]), encode(point[33:])
	case *rsa.PublicKey:
		jwk["kty"] = "RSA"
		jwk["n"], jwk["e"] = encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", encode(public)
	}
	return jwk
}

// sign makes a JWS signature (RFC 7518 section 3, RFC 8037).
func (k *key) sign(input string) ([]byte, error) {
	sum := sha256.Sum256([]byte(input))
	switch private := k.private.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	case ed25519.PrivateKey:
		return private.Sign(nil, []byte(input), crypto.Hash(0))
	}
	return k.private.Sign(rand.Reader, sum[:], crypto.SHA256)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
