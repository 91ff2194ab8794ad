package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

const (
	// KeySize is the bytes of a key.
	KeySize = 32
	// Overhead is the bytes that a sealed text is longer than the text: a nonce and a tag.
	Overhead = 12 + 16
)

// ErrOpen says that a sealed text was changed, belongs elsewhere, or was sealed under another key.
var ErrOpen = errors.New("sealed text does not open")

// Key seals with AES-256-GCM under random nonces: good for 2^32 texts (NIST SP 800-38D section
// 8.3). A sealed text is the nonce, the ciphertext and the tag. It doesn't print.
type Key struct{ aead cipher.AEAD }

// NewKey makes a Key of 32 secret bytes.
func NewKey(secret []byte) (*Key, error) {
	if len(secret) != KeySize {
		return nil, fmt.Errorf("a sealing key has %d bytes, not %d", KeySize, len(secret))
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	return &Key{aead}, nil
}

// Seal encrypts the text and binds it to associated, without which it doesn't open.
func (k *Key) Seal(text, associated []byte) []byte {
	return k.aead.Seal(make([]byte, 0, len(text)+k.aead.Overhead()), nil, text, associated) //nolint:gosec // no nonce is given: the AEAD draws one
}

// Open is the reverse of Seal, or [ErrOpen].
func (k *Key) Open(sealed, associated []byte) ([]byte, error) {
	text, err := k.aead.Open(nil, nil, sealed, associated)
	if err != nil {
		return nil, ErrOpen
	}
	return text, nil
}

// String hides the key.
func (*Key) String() string { return "[key]" }

// GoString hides the key from %#v.
func (*Key) GoString() string { return "[key]" }
