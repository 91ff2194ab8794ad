package token

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
)

// ID is what a token is known by: 128 bits. For a token of ours they are random and its `jti`.
// A token is never known by its text, of which one JWT has several (ECDSA signatures and
// lenient base64 are malleable).
type ID [16]byte

var errID = errors.New("not a token id")

// NewID draws an ID from random.
func NewID(random io.Reader) (ID, error) {
	var id ID
	_, err := io.ReadFull(random, id[:])
	return id, err
}

// OutsideID is the ID of another issuer's token: derived from the issuer's configured name and
// its `jti` or, where it has none, from the SHA-256 of its signing input.
func OutsideID(issuer, kind string, value []byte) ID {
	h := sha256.New()
	for _, part := range [][]byte{[]byte("outside token"), []byte(issuer), []byte(kind)} {
		h.Write([]byte{byte(len(part) >> 8), byte(len(part))})
		h.Write(part)
	}
	h.Write(value)
	return ID(h.Sum(nil)[:16])
}

// String is the ID as `jti` and `lineage` write it: base64url, 22 characters.
func (id ID) String() string {
	var text [22]byte // on the stack: EncodeToString makes a slice first
	base64.RawURLEncoding.Encode(text[:], id[:])
	return string(text[:])
}

// ParseID reads what [ID.String] wrote, and nothing else.
func ParseID(s string) (ID, error) {
	if len(s) != 22 {
		return ID{}, errID
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 16 {
		return ID{}, errID
	}
	return ID(b), nil
}

// MarshalText writes [ID.String].
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads [ID.String].
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
