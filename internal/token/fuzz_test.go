package token

import (
	"crypto/rand"
	"strings"
	"testing"
)

// What is read can be written again as the very same text: nothing has two spellings.
func FuzzParseJWS(f *testing.F) {
	text, _ := mint(f, ring(f, keyFor("ES256")), usual(f))
	f.Add(text)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	f.Add(encode([]byte(`{"alg":"ES256","kid":"k","crit":["b64"],"b64":false}`)) + ".e30.AAAA")
	f.Add(strings.Repeat(".", 100))
	f.Fuzz(func(t *testing.T, text string) {
		j, err := ParseJWS(text)
		if err != nil {
			return
		}
		if string(j.SigningInput())+"."+encode(j.signature) != text || !strings.HasSuffix(string(j.SigningInput()), "."+encode(j.Payload())) {
			t.Error("another text reads the same")
		}
		if j.Algorithm() == "" || len(j.KeyID()) > maxKeyID || len(text) > MaxToken {
			t.Error("a limit doesn't hold")
		}
	})
}

// What is read survives being written and read again, so that no two readers can differ on it.
func FuzzParseClaims(f *testing.F) {
	for _, text := range []string{
		`{"iss":"a","aud":["b"],"exp":1.5e9,"act":{"sub":"c"},"n":-0.0}`, `{"a":1,"a":2}`, `{"ſub":"\ud83d\ude00"}`,
		`{"x":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}`, `{"n":9223372036854775807,"f":1e400}`, "\uFEFF{}", `[]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseClaims(text)
		if err != nil {
			return
		}
		for name := range c {
			_, _ = c.String(name)
			_, _ = c.StringOrList(name)
			_, _ = c.Object(name)
			_, _ = c.Uint(name)
			if at, err := c.NumericDate(name); err == nil && (at.Unix() < 0 || at.Year() > 9999) {
				t.Errorf("date %v", at)
			}
		}
		_, _ = ReadActor(c)
		w := evidenceWriter{index: make(map[string]int)}
		if err := w.attributes(c); err != nil {
			t.Fatal(err)
		}
		if len(c) == 0 {
			return
		}
		again, err := ParseClaims([]byte(w.table[0]))
		if err != nil || !same(again, c) {
			t.Errorf("%#v reads as %#v: %v", c, again, err)
		}
	})
}

func FuzzParseKeySet(f *testing.F) {
	f.Add(ring(f, keyFor("ES256"), keyFor("RS256"), keyFor("EdDSA")).JWKS())
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AA"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":""},7,null,{"x5c":["MII"]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := ParseKeySet(text)
		if err != nil {
			return
		}
		for alg := range algorithms {
			for _, key := range append(set.Find("", alg), set.Find("a", alg)...) {
				if key.verify([]byte("x"), make([]byte, 64)) && alg != "EdDSA" {
					t.Error("zeros are a signature")
				}
			}
		}
	})
}

func FuzzParseOpaque(f *testing.F) {
	text, _, _, err := NewMinter(us, rand.Reader).MintOpaque(usual(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text.Reveal())
	f.Add("wt_" + strings.Repeat("A", 48))
	f.Add("wt_")
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := ParseOpaque(text)
		if err == nil && (ref.text.Reveal() != text || len(text) != opaqueLength) {
			t.Error("another text reads the same")
		}
	})
}

// Evidence is only read after its seal was opened, yet nothing in it may hang or crash a reader.
func FuzzDecodeEvidence(f *testing.F) {
	c, err := NewMinter(us, nil).claims(usual(f))
	if err != nil {
		f.Fatal(err)
	}
	b := besideOf(c)
	text, err := encodeEvidence(&c.Evidence, b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte{evidenceFormat, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := decodeEvidence(text, b)
		if err != nil {
			return
		}
		again, err := encodeEvidence(&e, b)
		if err != nil {
			t.Fatal(err)
		}
		if read, err := decodeEvidence(again, b); err != nil || !same(read.Hops, e.Hops) || !same(read.Limited, e.Limited) {
			t.Errorf("reads otherwise when written again: %v", err)
		}
	})
}
