package issuer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// cut takes a token apart.
func cut(text string) (header, payload, signature string) {
	parts := strings.SplitN(text, ".", 3)
	return parts[0], parts[1], parts[2]
}

func TestT36_MillionDots(t *testing.T) {
	c := newCorp(t)
	c.want(t, "a million dots", strings.Repeat(".", 1_000_000), JWT, ErrMalformed)
	c.want(t, "as many as fit", strings.Repeat(".", 16<<10), JWT, ErrMalformed)
}

func TestTextsThatAreNoJWT(t *testing.T) {
	c := newCorp(t)
	good := c.token(t, nil)
	header, payload, signature := cut(good)
	for name, text := range map[string]string{
		"nothing":                  "",
		"two parts":                header + "." + payload,
		"four parts":               good + ".x",
		"a newline inside":         header + "." + payload[:9] + "\n" + payload[9:] + "." + signature,
		"padding":                  good + "=",
		"a space behind":           good + " ",
		"JSON serialisation":       `{"payload":"` + payload + `","signatures":[]}`,
		"no JSON header":           b64("x") + "." + payload + "." + signature,
		"a payload that is a list": header + "." + b64(`[]`) + "." + signature,
		"a payload not in UTF-8":   header + "." + b64("{\"iss\":\"\xff\"}") + "." + signature,
		"a payload 10,000 deep":    header + "." + b64(`{"a":`+strings.Repeat("[", 10_000)) + "." + signature,
		"too long":                 good + strings.Repeat("a", 16<<10),
	} {
		c.want(t, name, text, JWT, ErrMalformed)
	}
	c.want(t, "the same, untouched", good, JWT, nil)
}

func TestSignaturesThatAreNot(t *testing.T) {
	c := newCorp(t, "EdDSA", "RS256", "ES256")
	header, payload, signature := cut(c.token(t, nil))
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", signature[len(signature)-1])
	spelled := signature[:len(signature)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last|1])
	c.want(t, "another spelling of it", header+"."+payload+"."+spelled, JWT, ErrMalformed)
	c.want(t, "of another payload", header+"."+b64(`{"iss":"`+c.URL+`","sub":"eve"}`)+"."+signature, JWT, ErrSignature)
	c.want(t, "all zero", header+"."+payload+"."+b64(string(make([]byte, 64))), JWT, ErrSignature)
	c.want(t, "too short", header+"."+payload+"."+signature[:len(signature)-6], JWT, ErrSignature)
	for _, alg := range []string{"none", "None", "NONE", "HS256", "ES384", "RS256", "PS256", "EdDSA", "ES256K"} {
		text := c.signed(t, map[string]any{"alg": alg}, nil)
		c.want(t, "said to be "+alg, text, JWT, ErrSignature)
		header, payload, _ := cut(text)
		c.want(t, "said to be "+alg+", unsigned", header+"."+payload+".", JWT, ErrMalformed)
	}
	c.want(t, "alg empty", c.signed(t, map[string]any{"alg": ""}, nil), JWT, ErrMalformed)
}

func TestThePublicKeyIsNoSecretToSignWith(t *testing.T) {
	c := newCorp(t, "RS256")
	res, err := http.Get(c.JWKSURI())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	jwks, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	header, payload, _ := cut(c.signed(t, map[string]any{"alg": "HS256"}, nil))
	mac := hmac.New(sha256.New, jwks)
	mac.Write([]byte(header + "." + payload))
	c.want(t, "HS256", header+"."+payload+"."+b64(string(mac.Sum(nil))), JWT, ErrSignature)
}

func TestSymmetricKeysInAKeySetVerifyNothing(t *testing.T) {
	c := newCorp(t)
	c.Answer(issuertest.Says(`{"keys":[{"kty":"oct","kid":"s","alg":"HS256","k":"` + b64("secret") + `"}]}`))
	header, payload, _ := cut(c.signed(t, map[string]any{"alg": "HS256", "kid": nil}, nil))
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write([]byte(header + "." + payload))
	c.want(t, "HS256", header+"."+payload+"."+b64(string(mac.Sum(nil))), JWT, ErrSignature)
}

func TestT37_MembersHaveOneNameAndOneValue(t *testing.T) {
	c := newCorp(t)
	c.want(t, "SUB beside sub", c.token(t, map[string]any{"SUB": "eve"}), JWT, nil)
	c.want(t, "a long s beside sub", c.token(t, map[string]any{"ſub": "eve"}), JWT, nil)
	c.want(t, "SUB instead", c.token(t, map[string]any{"sub": nil, "SUB": "eve"}), JWT, ErrClaims)
	c.want(t, "a long s instead", c.token(t, map[string]any{"sub": nil, "ſub": "eve"}), JWT, ErrClaims)
	c.want(t, "ISS instead", c.token(t, map[string]any{"iss": nil, "ISS": c.URL}), JWT, ErrUnknownIssuer)
	for name, payload := range map[string]string{
		"sub twice":         `{"iss":"` + c.URL + `","sub":"ana","sub":"eve"}`,
		"twice, deep below": `{"iss":"` + c.URL + `","a":{"b":[{"c":1,"c":2}]}}`,
		"something behind":  `{"iss":"` + c.URL + `"}{}`,
	} {
		text, err := c.SignRaw("", []byte(`{"alg":"ES256"}`), []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		c.want(t, name, text, JWT, ErrMalformed)
	}
}

func TestT38_ExtensionsThatMustBeUnderstoodAreNot(t *testing.T) {
	c := newCorp(t)
	for name, header := range map[string]map[string]any{
		"unknown":    {"crit": []any{"x"}, "x": 1},
		"standard":   {"crit": []any{"exp"}},
		"none":       {"crit": []any{}},
		"a string":   {"crit": "x"},
		"a null":     {"crit": []any{nil}},
		"null":       {"crit": rawNull},
		"b64 false":  {"b64": false},
		"b64 true":   {"b64": true},
		"compressed": {"zip": "DEF"},
		"kid 10 KB":  {"kid": strings.Repeat("k", 10<<10)},
		"kid a list": {"kid": []any{"x"}},
	} {
		c.want(t, name, c.signed(t, header, nil), JWT, ErrMalformed)
	}
	c.want(t, "kid that is a path", c.signed(t, map[string]any{"kid": "../../x"}, nil), JWT, ErrSignature)
}

func TestT39_KeysInTheHeaderCountForNothing(t *testing.T) {
	var asked atomic.Int32
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(evil.Close)
	c := newCorp(t)
	attacker, err := issuertest.Unstarted(c.URL, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	good, err := c.set.Verify(t.Context(), c.token(t, nil), JWT)
	if err != nil {
		t.Fatal(err)
	}
	jwk := attacker.JWK("")
	jwk["kid"] = good.KeyID
	bring := map[string]any{"jwk": jwk, "jku": evil.URL, "x5u": evil.URL, "x5c": []any{"MIIB"}}
	theirs := map[string]any{"kid": good.KeyID, "jwk": jwk, "jku": evil.URL, "x5u": evil.URL}
	text, err := attacker.Sign(theirs, map[string]any{
		"iss": c.URL, "sub": "eve", "aud": "whittle", "iat": c.Now().Unix(), "exp": c.Now().Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.want(t, "the attacker's key under the issuer's kid", text, JWT, ErrSignature)
	c.want(t, "a good token that brings keys along", c.signed(t, bring, nil), JWT, nil)
	if asked.Load() != 0 {
		t.Error("the header made a request")
	}
}

func TestT41_NothingInATokenMakesARequest(t *testing.T) {
	var asked atomic.Int32
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(evil.Close)
	c := newCorp(t)
	for _, iss := range []any{evil.URL, c.URL + "/", c.URL + "/tenant", strings.ToUpper(c.URL), "", nil, rawNull, 7, []any{c.URL}} {
		c.want(t, "another iss", c.token(t, map[string]any{"iss": iss, "aud": evil.URL}), JWT, ErrUnknownIssuer)
	}
	if keys, other := c.Fetches(); keys+other+int(asked.Load()) != 0 {
		t.Errorf("%d, %d and %d requests were made", keys, other, asked.Load())
	}
}

func TestOneIssuersKeyIsNotAnothers(t *testing.T) {
	a, b := newCorp(t), newCorp(t)
	other := b.cfg
	other.Name = "other"
	a.set.Configure([]Config{a.cfg, other})
	text, err := b.Sign(nil, map[string]any{
		"iss": a.URL, "sub": "ana", "aud": "whittle", "iat": a.Now().Unix(), "exp": a.Now().Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.want(t, "b's key under a's name", text, JWT, ErrSignature)
	out, err := a.set.Verify(t.Context(), b.token(t, nil), JWT)
	if err != nil || out.Issuer != "other" {
		t.Errorf("%v, %v", out, err)
	}
}

func TestErrorsHoldNothingOfTheToken(t *testing.T) {
	c := newCorp(t)
	for _, over := range []map[string]any{
		{"sub": []any{"topsecret"}}, {"aud": "topsecret"}, {"iss": "topsecret"}, {"exp": "topsecret"}, {"topsecret": 1, "act": 1},
		{"may_act": map[string]any{"topsecret": 7}}, {"jti": map[string]any{"topsecret": 1}},
	} {
		text := c.token(t, over)
		_, err := c.set.Verify(t.Context(), text, JWT)
		_, _, signature := cut(text)
		if err == nil || strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), signature) {
			t.Errorf("%v", err)
		}
	}
	if _, err := c.set.Verify(t.Context(), c.signed(t, map[string]any{"kid": "topsecret"}, nil), JWT); errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("%v", err)
	}
}
