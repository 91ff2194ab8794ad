package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"testing"
)

// The bare signature stands beside what it is the floor of.
func BenchmarkSign(b *testing.B) {
	digest := sha256.Sum256([]byte("x"))
	private := keyFor("ES256").signer.(*ecdsa.PrivateKey)
	for b.Loop() {
		if _, err := private.Sign(nil, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMintJWT(b *testing.B) {
	b.Run("whole", func(b *testing.B) {
		keys, d, m := ring(b, keyFor("ES256")), usual(b), NewMinter(us, rand.Reader)
		b.ReportAllocs()
		for b.Loop() {
			if _, _, _, err := m.MintJWT(keys, d); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("without signature", func(b *testing.B) {
		key, d, m := keyFor("ES256"), usual(b), NewMinter(us, rand.Reader)
		b.ReportAllocs()
		for b.Loop() {
			c, err := m.claims(d)
			if err != nil {
				b.Fatal(err)
			}
			var room [2 << 10]byte
			if _, err := key.signingInput(room[:0], c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMintOpaque(b *testing.B) {
	d, m := usual(b), NewMinter(us, rand.Reader)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := m.MintOpaque(d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyJWT(b *testing.B) {
	key := keyFor("ES256")
	keys := ring(b, key)
	text, _ := mint(b, keys, usual(b))
	b.Run("bare signature", func(b *testing.B) {
		digest := sha256.Sum256([]byte("x"))
		signature, err := ecdsa.SignASN1(rand.Reader, key.signer.(*ecdsa.PrivateKey), digest[:])
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if !ecdsa.VerifyASN1(key.signer.Public().(*ecdsa.PublicKey), digest[:], signature) {
				b.Fatal("doesn't verify")
			}
		}
	})
	b.Run("whole", func(b *testing.B) {
		v := NewVerifier(us)
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := v.VerifyJWT(keys, text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("form and claims", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			j, err := ParseJWS(text)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := readClaims(j.Payload()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("evidence", func(b *testing.B) {
		j, err := ParseJWS(text)
		if err != nil {
			b.Fatal(err)
		}
		c, sealed, err := readClaims(j.Payload())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := key.openEvidence(c, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpenOpaque(b *testing.B) {
	text, _, row := opaque(b)
	b.ReportAllocs()
	for b.Loop() {
		ref, err := ParseOpaque(text)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ref.Open(us, row.Sealed); err != nil {
			b.Fatal(err)
		}
	}
}
