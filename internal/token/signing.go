package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/whittle-sts/whittle/internal/seal"
)

// SigningAlgorithms lists what our own tokens can be signed with. ES256 is the default; RFC 9068
// section 2.1 wants RS256 to be there.
func SigningAlgorithms() []string { return []string{"ES256", "RS256", "EdDSA"} }

// KeyRecord is a signing key as the store keeps it; its fields are store.Key's.
type KeyRecord struct {
	ID       string
	Alg      string
	Private  []byte
	Evidence []byte
	Created  time.Time
	Active   time.Time
	Retired  time.Time
	Expires  time.Time
	Revoked  bool
}

// String hides the secrets.
func (r KeyRecord) String() string { return "[signing key " + r.ID + "]" }

// MarshalText hides the secrets from encoders and logs; the store keeps a type of its own.
func (r KeyRecord) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// GoString hides the secrets from %#v.
func (r KeyRecord) GoString() string { return r.String() }

// SigningKey signs our tokens and seals their evidence. It doesn't print.
type SigningKey struct {
	record   KeyRecord
	signer   crypto.Signer
	public   PublicKey
	evidence *seal.Key
	header   string // of every token that it signs, encoded
}

// GenerateSigningKey makes a key for one of [SigningAlgorithms], with no times set. The signing
// key is drawn by the crypto library itself; the key for evidence from random.
func GenerateSigningKey(alg string, random io.Reader) (*SigningKey, error) {
	var signer crypto.Signer
	var err error
	switch alg {
	case "ES256":
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256":
		signer, err = rsa.GenerateKey(rand.Reader, minRSA)
	case "EdDSA":
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, fmt.Errorf("signing algorithm %q is not one of %v", alg, SigningAlgorithms())
	}
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	record := KeyRecord{Alg: alg, Evidence: make([]byte, seal.KeySize)}
	if record.Private, err = x509.MarshalPKCS8PrivateKey(signer); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(random, record.Evidence); err != nil {
		return nil, err
	}
	if record.ID, err = thumbprint(signer.Public()); err != nil {
		return nil, err
	}
	return ParseSigningKey(record)
}

// ParseSigningKey reads what the store kept. A record whose parts don't belong together is an error.
func ParseSigningKey(r KeyRecord) (*SigningKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(r.Private)
	if err != nil {
		return nil, errors.New("private key is malformed")
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("private key can't sign")
	}
	kid, err := thumbprint(signer.Public())
	if err != nil {
		return nil, err
	}
	if kid != r.ID {
		return nil, errors.New("private key is not the one that the kid names")
	}
	if !slices.Contains(SigningAlgorithms(), r.Alg) {
		return nil, fmt.Errorf("signing algorithm %q is not one of %v", r.Alg, SigningAlgorithms())
	}
	public, err := NewPublicKey(kid, r.Alg, signer.Public())
	if err != nil {
		return nil, err
	}
	evidence, err := seal.NewKey(r.Evidence)
	if err != nil {
		return nil, err
	}
	header := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, r.Alg, kid)
	return &SigningKey{
		record: r, signer: signer, public: public, evidence: evidence,
		header: base64.RawURLEncoding.EncodeToString([]byte(header)),
	}, nil
}

// thumbprint is the `kid` of a key: RFC 7638 over SHA-256.
func thumbprint(public crypto.PublicKey) (string, error) {
	jwk := jose.JSONWebKey{Key: public}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// ID is the `kid`.
func (k *SigningKey) ID() string { return k.record.ID }

// Record is the key for the store, secrets and all.
func (k *SigningKey) Record() KeyRecord { return k.record }

// String hides the key.
func (SigningKey) String() string { return "[signing key]" }

// GoString hides the key from %#v.
func (SigningKey) GoString() string { return "[signing key]" }

// sign is the signature of a signing input as a JWS carries it (RFC 7518 section 3.4).
func (k *SigningKey) sign(input []byte) ([]byte, error) {
	if k.record.Alg == "EdDSA" {
		return k.signer.Sign(rand.Reader, bytes.Clone(input), crypto.Hash(0)) // a clone, so that others' inputs may stay on the stack
	}
	digest := sha256.Sum256(input)
	if private, ok := k.signer.(*ecdsa.PrivateKey); ok {
		return signES256(private, digest[:])
	}
	return k.signer.Sign(rand.Reader, digest[:], crypto.SHA256)
}

// signES256 draws the nonce from the key and the digest, as RFC 8725 section 3.2 asks for (RFC 6979): no weakness of a random
// source can give the key away. It also costs 5 µs of 30 less than one from crypto/rand, which is hedged by SHA-512.
func signES256(key *ecdsa.PrivateKey, digest []byte) ([]byte, error) {
	der, err := key.Sign(nil, digest, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var numbers struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &numbers); err != nil {
		return nil, err
	}
	raw := make([]byte, 64)
	numbers.R.FillBytes(raw[:32])
	numbers.S.FillBytes(raw[32:])
	return raw, nil
}
