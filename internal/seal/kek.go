package seal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// KEK is a key-encryption key, wherever it lives: it wraps the few data keys that seal everything else, so
// only these ever go to it. A cloud's key service fits behind it.
type KEK interface {
	// ID names the key and not its place, so that two places of one key are told to be the same. It is no secret.
	ID() string
	// Wrap encrypts a data key and binds it to associated, without which it doesn't unwrap.
	Wrap(ctx context.Context, key, associated []byte) ([]byte, error)
	// Unwrap is the reverse of Wrap, or [ErrOpen].
	Unwrap(ctx context.Context, wrapped, associated []byte) ([]byte, error)
}

// LocalKEK is a key-encryption key in this process's memory. It doesn't print.
type LocalKEK struct {
	key *Key
	id  string
}

// NewLocalKEK makes a LocalKEK of 32 secret bytes.
func NewLocalKEK(secret []byte) (*LocalKEK, error) {
	key, err := NewKey(secret)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(append([]byte("whittle key-encryption key\x00"), secret...))
	return &LocalKEK{key, hex.EncodeToString(digest[:8])}, nil
}

// ID implements [KEK].
func (k *LocalKEK) ID() string { return k.id }

// Wrap implements [KEK].
func (k *LocalKEK) Wrap(_ context.Context, key, associated []byte) ([]byte, error) {
	return k.key.Seal(key, associated), nil
}

// Unwrap implements [KEK].
func (k *LocalKEK) Unwrap(_ context.Context, wrapped, associated []byte) ([]byte, error) {
	return k.key.Open(wrapped, associated)
}

// String hides the key.
func (k *LocalKEK) String() string { return "[key " + k.id + "]" }

// GoString hides the key from %#v.
func (k *LocalKEK) GoString() string { return k.String() }

var errDigits = fmt.Errorf("it does not hold %d hexadecimal digits", 2*KeySize)

// parseKEK reads a key as files, variables and commands hold it. The error never shows what was there.
func parseKEK(text string) (*LocalKEK, error) {
	secret, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(secret) != KeySize {
		return nil, errDigits
	}
	return NewLocalKEK(secret)
}

var _ KEK = (*LocalKEK)(nil)

// ErrSource says that a text names no place of a key.
var ErrSource = errors.New("write where the key is as file:PATH, env:NAME or command:PROGRAM ARGUMENTS")
