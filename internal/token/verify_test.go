package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestVerifyReadsWhatWasMinted(t *testing.T) {
	for _, alg := range SigningAlgorithms() {
		keys := ring(t, keyFor(alg))
		text, minted := mint(t, keys, usual(t))
		read, kid, err := NewVerifier(us).VerifyJWT(keys, text)
		if err != nil || kid != keyFor(alg).ID() {
			t.Fatalf("%s: key %q, %v", alg, kid, err)
		}
		if !same(*read.Actor.Act, *minted.Actor.Act) {
			t.Errorf("%s: act %v", alg, read.Actor)
		}
		read.Actor, minted.Actor = nil, nil
		if !same(read, minted) {
			t.Errorf("%s: read\n%#v, minted\n%#v", alg, read, minted)
		}
	}
}

// Each of RFC 9068 section 2.2's required claims, and each of ours, must be there and well typed.
func TestClaimsOfATokenOfOurs(t *testing.T) {
	key := keyFor("ES256")
	keys := ring(t, key)
	good, _ := mint(t, keys, usual(t))
	wrong := map[string][]any{
		"iss":       {nil, "", 1, us + "/", "HTTPS://sts.example", []any{us}},
		"sub":       {nil, "", 1, []any{"corp:00u1ana"}},
		"aud":       {nil, "", 1, []any{}, []any{""}, []any{1}, []any{"https://data.example", 1}, map[string]any{}},
		"client_id": {nil, "", 7},
		"iat":       {nil, "1795435200", true, -1, 1e300, noon.Add(10 * time.Minute).Unix(), noon.Add(time.Hour).Unix()},
		"exp":       {nil, "1795435800", true, -1, 1e300},
		"jti":       {nil, "", 1, "short", strings.Repeat("A", 21) + "B", strings.Repeat("A", 21) + "=", id(4).String()},
		"scope":     {nil, "", []any{"ai.training.read"}, "a  b", "a\"b", strings.Repeat("s ", 1000) + "s"},
		"act":       {"summarizer", []any{}, map[string]any{}, map[string]any{"sub": 1}, map[string]any{"sub": "a", "act": "b"}, nested(9)},
		"txn":       {nil, 1, "x"},
		"lineage":   {nil, "x", []any{"x"}, []any{1}},
		"rev":       {nil, "41", -1, 1.5},
		"evidence":  {nil, 1, "", "AA", "A A"},
	}
	for name, values := range wrong {
		for _, value := range values {
			text := resigned(t, key, good, nil, map[string]any{name: value})
			if name == "act" && value == nil {
				continue // impersonation
			}
			_, _, err := NewVerifier(us).VerifyJWT(keys, text)
			if !errors.Is(err, ErrClaims) && !(name == "iss" && errors.Is(err, ErrIssuer)) {
				t.Errorf("%s %#v: %v", name, value, err)
			}
		}
	}
	for name, payload := range map[string]string{"an array": `["iss"]`, "not UTF-8": "{\"iss\":\"\xff\"}", "10000 deep": strings.Repeat("[", 10000)} {
		header, _, _ := strings.Cut(good, ".")
		if _, _, err := NewVerifier(us).VerifyJWT(keys, signed(t, key, overlaid(t, header, nil), []byte(payload))); !errors.Is(err, ErrClaims) {
			t.Errorf("payload is %s: %v", name, err)
		}
	}
	harmless := map[string]any{"SUB": "root", "ſcope": "admin", "groups": 7}
	c, _, err := NewVerifier(us).VerifyJWT(keys, resigned(t, key, good, nil, harmless))
	if err != nil || c.Subject.Subject != "00u1ana" || len(c.Scope) != 2 {
		t.Errorf("unknown claims: %v, %v", c, err)
	}
}

func nested(depth int) any {
	act := map[string]any{"sub": "a"}
	for range depth - 1 {
		act = map[string]any{"sub": "a", "act": act}
	}
	return act
}

func TestHeaderOfATokenOfOurs(t *testing.T) {
	key := keyFor("ES256")
	keys := ring(t, key, keyFor("RS256"), keyFor("EdDSA"))
	good, _ := mint(t, ring(t, key), usual(t))
	for _, row := range []struct {
		name   string
		header map[string]any
		want   error
	}{
		{"typ in capitals", map[string]any{"typ": "AT+JWT"}, nil},
		{"typ in full", map[string]any{"typ": "application/at+jwt"}, nil},
		{"typ JWT", map[string]any{"typ": "JWT"}, ErrType},
		{"no typ, as an ID token", map[string]any{"typ": nil}, ErrType},
		{"a DPoP proof", map[string]any{"typ": "dpop+jwt"}, ErrType},
		{"an introspection answer", map[string]any{"typ": "token-introspection+jwt"}, ErrType},
		{"a transaction token", map[string]any{"typ": "txntoken+jwt"}, ErrType},
		{"a security event", map[string]any{"typ": "secevent+jwt"}, ErrType},
		{"a type of another family", map[string]any{"typ": "text/at+jwt"}, ErrType},
		{"no kid", map[string]any{"kid": nil}, ErrKey},
		{"an unknown kid", map[string]any{"kid": "../../x"}, ErrKey},
		{"the kid of another key of ours", map[string]any{"kid": keyFor("EdDSA").ID()}, ErrAlgorithm},
		{"alg none", map[string]any{"alg": "none"}, ErrAlgorithm},
		{"alg None", map[string]any{"alg": "None"}, ErrAlgorithm},
		{"alg NONE", map[string]any{"alg": "NONE"}, ErrAlgorithm},
		{"no alg", map[string]any{"alg": nil}, ErrMalformed},
		{"an empty alg", map[string]any{"alg": ""}, ErrMalformed},
		{"alg in small letters", map[string]any{"alg": "es256"}, ErrAlgorithm},
		{"alg of another curve", map[string]any{"alg": "ES384"}, ErrAlgorithm},
		{"alg of another family", map[string]any{"alg": "RS256"}, ErrAlgorithm},
		{"an HMAC", map[string]any{"alg": "HS256"}, ErrAlgorithm},
		{"jku", map[string]any{"jku": "http://127.0.0.1:1/"}, nil}, // without effect; nothing here can fetch
	} {
		_, _, err := NewVerifier(us).VerifyJWT(keys, resigned(t, key, good, row.header, nil))
		if !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
}

func TestForgedSignatures(t *testing.T) {
	key, rsaKey := keyFor("ES256"), keyFor("RS256")
	keys := ring(t, key, rsaKey)
	good, _ := mint(t, ring(t, key), usual(t))
	input := good[:strings.LastIndexByte(good, '.')]
	digest := sha256.Sum256([]byte(input))
	der, err := key.signer.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		t.Fatal(err)
	}
	other := newKey("ES256", noon)
	for name, signature := range map[string][]byte{
		"all zero":         make([]byte, 64),
		"one byte":         {0},
		"DER":              der,
		"63 bytes":         make([]byte, 63),
		"of another key":   raw(t, other, input),
		"r and s of 33":    append(rs.R.FillBytes(make([]byte, 33)), rs.S.FillBytes(make([]byte, 33))...),
		"65 bytes":         slices.Concat(rs.R.FillBytes(make([]byte, 32)), []byte{0}, rs.S.FillBytes(make([]byte, 32))),
		"r = n, s = n":     append(key.signer.Public().(*ecdsa.PublicKey).Params().N.Bytes(), key.signer.Public().(*ecdsa.PublicKey).Params().N.Bytes()...),
		"of another token": raw(t, key, input[:len(input)-4]+"AAAA"),
	} {
		if _, _, err := NewVerifier(us).VerifyJWT(keys, input+"."+encode(signature)); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// A public key as the secret of an HMAC, the oldest trick.
	public, err := x509.MarshalPKIXPublicKey(rsaKey.signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{public, rsaKey.signer.Public().(*rsa.PublicKey).N.Bytes()} {
		forged := resigned(t, key, good, map[string]any{"alg": "HS256", "kid": rsaKey.ID()}, nil)
		input := forged[:strings.LastIndexByte(forged, '.')]
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		if _, _, err := NewVerifier(us).VerifyJWT(keys, input+"."+encode(mac.Sum(nil))); !errors.Is(err, ErrAlgorithm) {
			t.Errorf("HMAC: %v", err)
		}
	}
}

func raw(t *testing.T, key *SigningKey, input string) []byte {
	t.Helper()
	signature, err := key.sign([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func TestT39_AKeyInTheHeaderIsNoKey(t *testing.T) {
	key, attacker := keyFor("ES256"), newKey("ES256", noon)
	good, _ := mint(t, ring(t, key), usual(t))
	jwk := jose.JSONWebKey{Key: attacker.signer.Public(), KeyID: key.ID(), Algorithm: "ES256"}
	forged := resigned(t, attacker, good, map[string]any{"jwk": jwk, "x5c": []string{"MII"}, "jku": "https://evil.example"}, nil)
	if _, _, err := NewVerifier(us).VerifyJWT(ring(t, key), forged); !errors.Is(err, ErrSignature) {
		t.Errorf("a key that came with the token: %v", err)
	}
	if _, _, err := NewVerifier(us).VerifyJWT(ring(t, attacker), good); !errors.Is(err, ErrKey) {
		t.Errorf("a key of another server: %v", err)
	}
}

func TestT40_AudienceOfNobody(t *testing.T) {
	key := keyFor("ES256")
	good, _ := mint(t, ring(t, key), usual(t))
	for _, aud := range []any{[]any{}, []any{""}, "", []any{nil}, []any{"a", ""}} {
		if _, _, err := NewVerifier(us).VerifyJWT(ring(t, key), resigned(t, key, good, nil, map[string]any{"aud": aud})); !errors.Is(err, ErrClaims) {
			t.Errorf("aud %#v: %v", aud, err)
		}
	}
}

func TestATokenIsKnownByItsIDWhateverItsSignature(t *testing.T) {
	key := keyFor("ES256")
	good, _ := mint(t, ring(t, key), usual(t))
	cut := strings.LastIndexByte(good, '.') + 1
	signature, err := strict.DecodeString(good[cut:])
	if err != nil {
		t.Fatal(err)
	}
	n := key.signer.Public().(*ecdsa.PublicKey).Params().N
	new(big.Int).Sub(n, new(big.Int).SetBytes(signature[32:])).FillBytes(signature[32:])
	twin := good[:cut] + encode(signature)
	first, _, err := NewVerifier(us).VerifyJWT(ring(t, key), good)
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := NewVerifier(us).VerifyJWT(ring(t, key), twin)
	if err != nil || twin == good || second.ID != first.ID {
		t.Errorf("(r, n-s) is another token: %v", err)
	}
}

func TestATokenIsGoodStrictlyBeforeItsEnd(t *testing.T) {
	_, c := mint(t, ring(t, keyFor("ES256")), usual(t))
	if !c.Expires.Equal(noon.Add(10 * time.Minute)) {
		t.Fatal(c.Expires)
	}
	for at, live := range map[time.Duration]bool{-time.Second: true, -1: true, 0: false, time.Second: false} {
		if c.LiveAt(c.Expires.Add(at)) != live {
			t.Errorf("%v after exp: live is %v", at, !live)
		}
	}
}

func TestErrorsHoldNothingOfTheToken(t *testing.T) {
	key := keyFor("ES256")
	good, _ := mint(t, ring(t, key), usual(t))
	for name, claims := range map[string]map[string]any{
		"a secret in jti": {"jti": "hunter2"}, "in act": {"act": map[string]any{"hunter2": 1}}, "in aud": {"aud": []any{"hunter2", 1}},
		"in a scope": {"scope": "hunter2  hunter2"}, "in iss": {"iss": "hunter2"},
	} {
		_, _, err := NewVerifier(us).VerifyJWT(ring(t, key), resigned(t, key, good, nil, claims))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// ReadJWT leaves the signature to the caller's knowledge, and nothing else.
func TestReadingLooksAtAllButTheSignature(t *testing.T) {
	key := keyFor("ES256")
	keys := ring(t, key)
	good, minted := mint(t, keys, usual(t))
	forged := good[:len(good)-4] + "AAAA"
	if _, _, err := NewVerifier(us).VerifyJWT(keys, forged); !errors.Is(err, ErrSignature) {
		t.Fatalf("a forged signature: %v", err)
	}
	for name, text := range map[string]string{"as minted": good, "with a forged signature": forged} {
		c, kid, err := NewVerifier(us).ReadJWT(keys, text)
		if err != nil || kid != key.ID() || c.ID != minted.ID {
			t.Errorf("%s: %v, key %q", name, err, kid)
		}
	}
	for name, row := range map[string]struct {
		issuer string
		keys   *Keyring
		text   string
		want   error
	}{
		"its key has left":       {us, ring(t, keyFor("EdDSA")), good, ErrKey},
		"another issuer's":       {us + "/", keys, good, ErrIssuer},
		"another type":           {us, keys, resigned(t, key, good, map[string]any{"typ": "JWT"}, nil), ErrType},
		"another token's claims": {us, keys, resigned(t, key, good, nil, map[string]any{"jti": id(4).String()}), ErrClaims},
	} {
		if _, _, err := NewVerifier(row.issuer).ReadJWT(row.keys, row.text); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
}
