package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"testing"
)

// The key, the message and the signature are RFC 6979's own (appendix A.2.5, P-256 with SHA-256): a nonce from
// any random source gives another signature.
func TestES256DrawsItsNonceFromKeyAndMessage(t *testing.T) {
	secret, err := hex.DecodeString("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
	if err != nil {
		t.Fatal(err)
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret)
	if err != nil {
		t.Fatal(err)
	}
	key := &SigningKey{record: KeyRecord{Alg: "ES256"}, signer: private}
	signature, err := key.sign([]byte("sample"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" +
		"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
	if got := hex.EncodeToString(signature); got != want {
		t.Errorf("signed %s, not %s", got, want)
	}
}
