package token

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

func TestWhichKeySigns(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	first := newKey("ES256", at(0), func(r *KeyRecord) { r.Retired, r.Expires = at(10), at(20) })
	next := newKey("ES256", at(10))
	stolen := newKey("ES256", at(5), func(r *KeyRecord) { r.Revoked = true })
	keys := ring(t, stolen, first, next)
	for minute, want := range map[int]*SigningKey{-1: nil, 0: first, 6: first, 9: first, 10: next, 1000: next} {
		key, err := keys.signer(at(minute))
		if key != want || want == nil && !errors.Is(err, ErrKey) {
			t.Errorf("minute %d: %v, %v", minute, key, err)
		}
	}
	var several []*SigningKey
	for minute := range 8 {
		several = append(several, newKey("ES256", at(minute)))
		if key, err := ring(t, several...).signer(at(20)); err != nil || key != several[minute] {
			t.Errorf("of %d active keys not the newest signs: %v", minute+1, err)
		}
	}
	if r, err := NewKeyring(first, next, first); err == nil || r != nil {
		t.Error("a ring was made of a key and itself")
	}
	if key, err := ring(t, first).signer(at(10)); err == nil {
		t.Errorf("a retired key signs: %v", key.ID())
	}
	if !keys.NewestActive().Equal(at(10)) || !ring(t, stolen).NewestActive().IsZero() {
		t.Error("newest active")
	}
}

func TestWhichKeysVerify(t *testing.T) {
	key := newKey("ES256", noon)
	text, _ := mint(t, ring(t, key), usual(t))
	change := func(f func(*KeyRecord)) *SigningKey {
		record := key.Record()
		f(&record)
		changed, err := ParseSigningKey(record)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	retired := ring(t, change(func(r *KeyRecord) { r.Retired = noon.Add(time.Minute) }), newKey("ES256", noon.Add(time.Minute)))
	if _, kid, err := NewVerifier(us).VerifyJWT(retired, text); err != nil || kid != key.ID() {
		t.Errorf("a token of a retired key: %v", err)
	}
	revoked := ring(t, change(func(r *KeyRecord) { r.Revoked = true }), newKey("ES256", noon))
	if _, _, err := NewVerifier(us).VerifyJWT(revoked, text); !errors.Is(err, ErrKey) {
		t.Errorf("a token of a revoked key: %v", err)
	}
	if !revoked.Has(key.ID()) || revoked.Has("x") || revoked.Len() != 2 {
		t.Error("a revoked key is still one of ours")
	}
	for name, keys := range map[string]*Keyring{"retired": retired, "revoked": revoked} {
		published := bytes.Contains(keys.JWKS(), []byte(key.ID()))
		if published != (name == "retired") || bytes.Count(keys.JWKS(), []byte(`"kid"`)) != map[string]int{"retired": 2, "revoked": 1}[name] {
			t.Errorf("%s: %s", name, keys.JWKS())
		}
	}
	if empty := ring(t); string(empty.JWKS()) != `{"keys":[]}` {
		t.Errorf("no keys: %s", empty.JWKS())
	}
}

func TestSigningKeysAreKeptWhole(t *testing.T) {
	for _, alg := range SigningAlgorithms() {
		record := keyFor(alg).Record()
		again, err := ParseSigningKey(record)
		if err != nil || !same(again.Record(), record) || again.ID() != record.ID {
			t.Errorf("%s: %v", alg, err)
		}
	}
	es, rs := keyFor("ES256").Record(), keyFor("RS256").Record()
	for name, change := range map[string]func(*KeyRecord){
		"another kid":             func(r *KeyRecord) { r.ID = rs.ID },
		"another key":             func(r *KeyRecord) { r.Private = rs.Private },
		"another algorithm":       func(r *KeyRecord) { r.Alg = "RS256" },
		"another curve's":         func(r *KeyRecord) { r.Alg = "ES384" },
		"no algorithm":            func(r *KeyRecord) { r.Alg = "none" },
		"a cut private key":       func(r *KeyRecord) { r.Private = r.Private[:40] },
		"no private key":          func(r *KeyRecord) { r.Private = nil },
		"a short evidence key":    func(r *KeyRecord) { r.Evidence = r.Evidence[:16] },
		"RSA with PSS, not ours":  func(r *KeyRecord) { *r = rs; r.Alg = "PS256" },
		"RSA with SHA-512, not o": func(r *KeyRecord) { *r = rs; r.Alg = "RS512" },
	} {
		r := es
		change(&r)
		if key, err := ParseSigningKey(r); err == nil || key != nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := GenerateSigningKey("HS256", rand.Reader); err == nil {
		t.Error("a key for HS256 was made")
	}
	if _, err := GenerateSigningKey("ES256", bytes.NewReader(nil)); err == nil {
		t.Error("a key was made without randomness")
	}
}

// holder keeps secrets in unexported fields, which fmt prints without asking them.
type holder struct {
	secret Secret
	key    *SigningKey
	ref    Reference
	Secret Secret
	Key    *SigningKey
	Record KeyRecord
}

func TestSecretsDoNotPrint(t *testing.T) {
	key := keyFor("ES256")
	text, _, _, err := NewMinter(us, rand.Reader).MintOpaque(usual(t))
	if err != nil {
		t.Fatal(err)
	}
	ref, err := ParseOpaque(text.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	h := holder{secret: text, key: key, ref: ref, Secret: text, Key: key, Record: key.Record()}
	evidence := key.record.Evidence
	secrets := []string{
		text.Reveal(), fmt.Sprint(evidence), fmt.Sprintf("%x", evidence), fmt.Sprintf("%#v", evidence), encode(evidence), base64.StdEncoding.EncodeToString(evidence),
	}
	var shown []string
	for _, v := range []any{text, ref, key, *key, key.Record(), []Secret{text}, map[string]Secret{"a": text}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			shown = append(shown, fmt.Sprintf(verb, v))
		}
	}
	for _, v := range []any{h, &h, ring(t, key)} {
		shown = append(shown, fmt.Sprintf("%v %+v %#v", v, v, v))
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", text, "key", key, "ref", ref, "holder", h)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", text, "key", key, "ref", ref, "holder", h)
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	shown = append(shown, log.String(), string(out))
	for _, secret := range secrets {
		i := slices.IndexFunc(shown, func(s string) bool { return strings.Contains(s, secret) })
		if i >= 0 {
			t.Errorf("%d shows %.10s...: %.200s", i, secret, shown[i])
		}
	}
}
