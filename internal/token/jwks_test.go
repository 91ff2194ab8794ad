package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// jwkOf is a JWK with members laid over it; nil takes one away.
func jwkOf(t *testing.T, key any, over map[string]any) string {
	t.Helper()
	raw, err := (&jose.JSONWebKey{Key: key, KeyID: "k"}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(overlaid(t, encode(raw), over))
}

func setOf(t *testing.T, jwks ...string) *KeySet {
	t.Helper()
	set, err := ParseKeySet([]byte(`{"keys":[` + strings.Join(jwks, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestUnusableKeysAreLeftOut(t *testing.T) {
	ec, rs, ed := keyFor("ES256").signer, keyFor("RS256").signer, keyFor("EdDSA").signer
	modulus := rs.Public().(*rsa.PublicKey).N
	number := func(n *big.Int) string { return encode(n.Bytes()) }
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		key    any
		over   map[string]any
		usable bool
	}{
		{"an EC key", ec.Public(), nil, true},
		{"an RSA key", rs.Public(), nil, true},
		{"an Ed25519 key", ed.Public(), nil, true},
		{"a key for signatures", ec.Public(), map[string]any{"use": "sig", "alg": "ES256", "key_ops": []string{"verify"}}, true},
		{"Ed25519 by its newer name", ed.Public(), map[string]any{"alg": "Ed25519"}, true},
		{"members that nobody knows", ec.Public(), map[string]any{"x-owner": map[string]any{"d": "1"}}, true},
		{"for encryption", ec.Public(), map[string]any{"use": "enc"}, false},
		{"use is a list", ec.Public(), map[string]any{"use": []string{"sig"}}, false},
		{"for signing only", ec.Public(), map[string]any{"key_ops": []string{"sign"}}, false},
		{"for nothing", ec.Public(), map[string]any{"key_ops": []string{}}, false},
		{"an EC private key", ec, nil, false},
		{"an RSA private key", rs, nil, false},
		{"an Ed25519 private key", ed, nil, false},
		{"a private member that is null", ec.Public(), map[string]any{"d": jsonNull}, false},
		{"a symmetric key", []byte("0123456789abcdef0123456789abcdef"), nil, false},
		{"a symmetric key that claims ES256", []byte("0123456789abcdef0123456789abcdef"), map[string]any{"alg": "ES256"}, false},
		{"an unknown kty", ec.Public(), map[string]any{"kty": "PQ"}, false},
		{"an unknown curve", ec.Public(), map[string]any{"crv": "secp256k1"}, false},
		{"a P-256 point on P-384", ec.Public(), map[string]any{"crv": "P-384"}, false},
		{"a P-256 key for ES384", ec.Public(), map[string]any{"alg": "ES384"}, false},
		{"a P-521 key for ES512", p521.Public(), map[string]any{"alg": "ES512"}, true},
		{"an EC key for RS256", ec.Public(), map[string]any{"alg": "RS256"}, false},
		{"an RSA key for HS256", rs.Public(), map[string]any{"alg": "HS256"}, false},
		{"an RSA key for none", rs.Public(), map[string]any{"alg": "none"}, false},
		{"a point off the curve", ec.Public(), map[string]any{"y": encode(make([]byte, 32))}, false},
		{"the point at infinity", ec.Public(), map[string]any{"x": encode(make([]byte, 32)), "y": encode(make([]byte, 32))}, false},
		{"a short coordinate", ec.Public(), map[string]any{"x": encode(make([]byte, 31))}, false},
		{"an Ed25519 key of 31 bytes", ed.Public(), map[string]any{"x": encode(make([]byte, 31))}, false},
		{"an Ed25519 key of 33 bytes", ed.Public(), map[string]any{"x": encode(make([]byte, 33))}, false},
		{"RSA of 1024 bits", rs.Public(), map[string]any{"n": number(new(big.Int).Rsh(modulus, 1024))}, false},
		{"RSA of 16384 bits", rs.Public(), map[string]any{"n": number(odd(new(big.Int).Lsh(modulus, 14336)))}, false},
		{"an even modulus", rs.Public(), map[string]any{"n": number(new(big.Int).Lsh(modulus, 1))}, false},
		{"exponent 1", rs.Public(), map[string]any{"e": "AQ"}, false},
		{"exponent 2", rs.Public(), map[string]any{"e": "Ag"}, false},
		{"exponent 3", rs.Public(), map[string]any{"e": "Aw"}, true},
		{"exponent 2^32+1", rs.Public(), map[string]any{"e": "AQAAAAE"}, false},
		{"an exponent of 9 bytes", rs.Public(), map[string]any{"e": "AQAAAAAAAAAB"}, false},
		{"no exponent", rs.Public(), map[string]any{"e": nil}, false},
		{"kid is a number", ec.Public(), map[string]any{"kid": 7}, false},
		{"kid of 10 KB", ec.Public(), map[string]any{"kid": strings.Repeat("k", 10_000)}, false},
	} {
		set := setOf(t, jwkOf(t, row.key, row.over), jwkOf(t, ed.Public(), map[string]any{"kid": "other"}))
		if got := len(set.keys) == 2; got != row.usable {
			t.Errorf("%s: usable is %v", row.name, got)
		}
	}
	if set := setOf(t, `7`, `"x"`, `null`, `{}`, `[]`); len(set.keys) != 0 {
		t.Errorf("%d usable keys in rubbish", len(set.keys))
	}
}

type null struct{}

func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

var jsonNull = null{}

func odd(n *big.Int) *big.Int { return n.SetBit(n, 0, 1) }

func TestWhatIsNoKeySet(t *testing.T) {
	many := `{"keys":[` + strings.Repeat(`{},`, 100) + `{}]}`
	for name, text := range map[string]string{
		"nothing": ``, "HTML": `<html>`, "an array": `[]`, "no keys": `{}`, "keys is null": `{"keys":null}`,
		"keys is an object": `{"keys":{}}`, "a member twice in a key": `{"keys":[{"kty":"EC","kty":"RSA"}]}`, "keys twice": `{"keys":[],"keys":[]}`, "something behind": `{"keys":[]}x`,
		"101 keys": many, "a million levels": strings.Repeat("[", 500_000),
		"more than 512 KiB": `{"keys":[],"x":"` + strings.Repeat("x", 512<<10) + `"}`,
	} {
		if set, err := ParseKeySet([]byte(text)); !errors.Is(err, ErrMalformed) || set != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseKeySet([]byte(strings.Replace(many, "{},", "", 1))); err != nil {
		t.Errorf("100 keys: %v", err)
	}
	if set, err := ParseKeySet([]byte(`{"keys":[]}`)); err != nil || len(set.keys) != 0 {
		t.Errorf("an empty set: %v", err)
	}
}

func TestFind(t *testing.T) {
	jwk := func(key crypto.PublicKey, kid, alg string) string {
		over := map[string]any{"kid": kid, "alg": alg}
		for name, v := range over {
			if v == "" {
				over[name] = nil
			}
		}
		return jwkOf(t, key, over)
	}
	ec, rs, ed := keyFor("ES256").signer.Public(), keyFor("RS256").signer.Public(), keyFor("EdDSA").signer.Public()
	for _, row := range []struct {
		name, kid, alg string
		keys           []string
		found          int
	}{
		{"by kid", "a", "ES256", []string{jwk(ec, "a", ""), jwk(ec, "b", "")}, 1},
		{"an unknown kid", "c", "ES256", []string{jwk(ec, "a", ""), jwk(ec, "b", "")}, 0},
		{"one kid for two algorithms", "a", "RS256", []string{jwk(ec, "a", ""), jwk(rs, "a", "")}, 1},
		{"the algorithm that the key names", "a", "PS256", []string{jwk(rs, "a", "PS256")}, 1},
		{"PS256 with a key for RS256", "a", "PS256", []string{jwk(rs, "a", "RS256")}, 0},
		{"an RSA key that names none", "a", "PS512", []string{jwk(rs, "a", "")}, 1},
		{"a curve that doesn't fit", "a", "ES384", []string{jwk(ec, "a", "")}, 0},
		{"no kid, one key that fits", "", "EdDSA", []string{jwk(ec, "a", ""), jwk(ed, "b", "")}, 1},
		{"no kid, two keys that fit", "", "ES256", []string{jwk(ec, "a", ""), jwk(ec, "b", "")}, 0},
		{"a kid, and a key without", "a", "ES256", []string{jwk(ec, "", "")}, 0},
		{"Ed25519 by either name", "b", "Ed25519", []string{jwk(ed, "b", "EdDSA")}, 1},
		{"a crowd with one kid", "a", "ES256", []string{jwk(ec, "a", ""), jwk(ec, "a", ""), jwk(ec, "a", ""), jwk(ec, "a", ""), jwk(ec, "a", "")}, 4},
		{"none", "a", "none", []string{jwk(ec, "a", ""), jwk(rs, "a", "")}, 0},
		{"an HMAC", "a", "HS256", []string{jwk(rs, "a", "")}, 0},
	} {
		found := setOf(t, row.keys...).Find(row.kid, row.alg)
		if len(found) != row.found {
			t.Errorf("%s: %d keys, want %d", row.name, len(found), row.found)
		}
		for _, k := range found {
			if k.alg != canonicalAlg(row.alg) {
				t.Errorf("%s: a key for %s", row.name, k.alg)
			}
		}
	}
}

func TestOurKeySetIsPublicOnly(t *testing.T) {
	keys := ring(t, keyFor("ES256"), keyFor("RS256"), keyFor("EdDSA"))
	var doc struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(keys.JWKS(), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Keys) != 3 {
		t.Fatalf("%d keys", len(doc.Keys))
	}
	members := map[any]string{"EC": "alg crv kid kty use x y", "RSA": "alg e kid kty n use", "OKP": "alg crv kid kty use x"}
	for _, jwk := range doc.Keys {
		got := ""
		for _, name := range strings.Fields("alg crv d dp dq e k kid kty n p q qi use x x5c y") {
			if _, there := jwk[name]; there {
				got += " " + name
			}
		}
		if want := members[jwk["kty"]]; got[1:] != want || jwk["use"] != "sig" {
			t.Errorf("members of %v: %s, want %s", jwk["kty"], got, want)
		}
		if _, ours := keys.byID[fmt.Sprint(jwk["kid"])]; !ours {
			t.Errorf("kid %v is no key of ours", jwk["kid"])
		}
	}
}
