package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"maps"
	"math/big"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// Our tokens verify with an independent library that knows only our published key set.
func TestOthersVerifyOurTokens(t *testing.T) {
	keys := ring(t, keyFor("ES256"), keyFor("RS256"), keyFor("EdDSA"))
	var published jose.JSONWebKeySet
	if err := json.Unmarshal(keys.JWKS(), &published); err != nil {
		t.Fatal(err)
	}
	for _, alg := range SigningAlgorithms() {
		text, c := mint(t, ring(t, keyFor(alg)), usual(t))
		jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		found := published.Key(jws.Signatures[0].Header.KeyID)
		if len(found) != 1 || found[0].Algorithm != alg {
			t.Fatalf("%s: %d keys for its kid", alg, len(found))
		}
		payload, err := jws.Verify(found[0])
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		var claims struct {
			Jti, Sub, Aud, Scope string
			Exp                  int64
		}
		if err := json.Unmarshal(payload, &claims, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		if claims.Jti != c.ID.String() || claims.Sub != "corp:00u1ana" || claims.Exp != c.Expires.Unix() || claims.Scope != "ai.training.list ai.training.read" {
			t.Errorf("%s: %+v", alg, claims)
		}
	}
}

// Tokens of an independent library verify with ours, for all that we take, and only with their key.
func TestWeVerifyTokensOfOthers(t *testing.T) {
	rsaKey := keyFor("RS256").signer
	private := map[string]crypto.Signer{"EdDSA": keyFor("EdDSA").signer, "ES256": keyFor("ES256").signer}
	for alg, curve := range map[string]elliptic.Curve{"ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		private[alg] = key
	}
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		private[alg] = rsaKey
	}
	if len(private) != len(algorithms) {
		t.Errorf("%d of %d algorithms are tried", len(private), len(algorithms))
	}
	for alg, key := range private {
		text := signedByOthers(t, alg, key)
		set := setOf(t, jwkOf(t, key.Public(), map[string]any{"kid": alg, "alg": alg}))
		j, err := ParseJWS(text)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		found := set.Find(j.KeyID(), j.Algorithm())
		if len(found) != 1 || j.Verify(found[0]) != nil || j.Type() != "at+jwt" {
			t.Errorf("%s: %d keys", alg, len(found))
			continue
		}
		j.signature[len(j.signature)-1] ^= 1
		if !errors.Is(j.Verify(found[0]), ErrSignature) {
			t.Errorf("%s: a changed signature verifies", alg)
		}
		for other := range maps.Keys(private) {
			k, err := NewPublicKey("k", other, private[other].Public())
			if err != nil {
				t.Fatal(err)
			}
			if other != alg && !errors.Is(j.Verify(k), ErrAlgorithm) {
				t.Errorf("%s: a key for %s is tried", alg, other)
			}
		}
	}
	if !errors.Is((&JWS{alg: "ES256"}).Verify(PublicKey{}), ErrAlgorithm) || !errors.Is((&JWS{}).Verify(PublicKey{}), ErrAlgorithm) {
		t.Error("the zero key verifies")
	}
}

func signedByOthers(t *testing.T, alg string, key crypto.Signer) string {
	t.Helper()
	opts := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", alg)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(`{"iss":"https://idp.example"}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestKeysThatAreNotSound(t *testing.T) {
	ec, ed := keyFor("ES256").signer.Public(), keyFor("EdDSA").signer.Public()
	n := keyFor("RS256").signer.Public().(*rsa.PublicKey).N
	of := func(bits uint) *big.Int { return new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1) }
	for _, row := range []struct {
		name, alg string
		key       crypto.PublicKey
		sound     bool
	}{
		{"RSA of 2048 bits", "RS256", &rsa.PublicKey{N: of(2048), E: 65537}, true},
		{"RSA of 2047 bits", "RS256", &rsa.PublicKey{N: of(2047), E: 65537}, false},
		{"RSA of 8192 bits", "PS512", &rsa.PublicKey{N: of(8192), E: 3}, true},
		{"RSA of 8193 bits", "PS512", &rsa.PublicKey{N: of(8193), E: 3}, false},
		{"an even modulus", "RS256", &rsa.PublicKey{N: new(big.Int).Lsh(n, 1), E: 65537}, false},
		{"a negative modulus", "RS256", &rsa.PublicKey{N: new(big.Int).Neg(n), E: 65537}, false},
		{"no modulus", "RS256", &rsa.PublicKey{E: 65537}, false},
		{"exponent 1", "RS256", &rsa.PublicKey{N: n, E: 1}, false},
		{"exponent -1", "RS256", &rsa.PublicKey{N: n, E: -1}, false},
		{"an even exponent", "RS256", &rsa.PublicKey{N: n, E: 65536}, false},
		{"exponent 2^31-1", "RS256", &rsa.PublicKey{N: n, E: 1<<31 - 1}, true},
		{"exponent 2^31+1", "RS256", &rsa.PublicKey{N: n, E: 1<<31 + 1}, false},
		{"RSA for ES256", "ES256", &rsa.PublicKey{N: n, E: 65537}, false},
		{"RSA for EdDSA", "EdDSA", &rsa.PublicKey{N: n, E: 65537}, false},
		{"P-256 for ES384", "ES384", ec, false},
		{"P-256 for RS256", "RS256", ec, false},
		{"P-256 for EdDSA", "EdDSA", ec, false},
		{"Ed25519 for ES256", "ES256", ed, false},
		{"Ed25519 for RS256", "RS256", ed, false},
		{"a point off the curve", "ES256", &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}, false}, //nolint:staticcheck // only a literal makes one
		{"a symmetric key", "ES256", []byte("0123456789abcdef0123456789abcdef"), false},
		{"a private key", "ES256", keyFor("ES256").signer, false},
		{"nothing", "ES256", nil, false},
	} {
		if _, err := NewPublicKey("k", row.alg, row.key); (err == nil) != row.sound || !row.sound && !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// RFC 7518 section 3.5: the salt of PSS is as long as the hash.
func TestPSSWithAnotherSalt(t *testing.T) {
	private := keyFor("RS256").signer.(*rsa.PrivateKey)
	public, err := NewPublicKey("k", "PS256", private.Public())
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("x"))
	for salt, want := range map[int]bool{32: true, 20: false, 1: false} {
		signature, err := rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		if public.verify([]byte("x"), signature) != want {
			t.Errorf("salt of %d bytes: %v", salt, !want)
		}
	}
}

// RFC 9864 gave Ed25519 a name of its own; both are taken, for one key.
func TestBothNamesOfEd25519(t *testing.T) {
	key := keyFor("EdDSA")
	keys := ring(t, key)
	good, _ := mint(t, keys, usual(t))
	text := resigned(t, key, good, map[string]any{"alg": "Ed25519"}, nil)
	if _, _, err := NewVerifier(us).VerifyJWT(keys, text); err != nil {
		t.Error(err)
	}
	if _, _, err := NewVerifier(us).VerifyJWT(keys, resigned(t, key, good, map[string]any{"alg": "Ed448"}, nil)); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("Ed448: %v", err)
	}
	if _, err := NewPublicKey("k", "EdDSA", ed25519.PublicKey(make([]byte, 57))); !errors.Is(err, ErrKey) {
		t.Errorf("a key of Ed448's size: %v", err)
	}
}
