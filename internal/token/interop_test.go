package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"maps"
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
