package checkpoint

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"
)

// SeedSize is the bytes that a key is made of.
const SeedSize = ed25519.SeedSize

// Key signs the checkpoints of one log. It isn't a key of tokens: who holds one can't do the other's work.
type Key struct {
	origin   string
	private  ed25519.PrivateKey
	verifier string
	id       uint32
}

// NewKey is the key of the log with that origin, which is also its name.
func NewKey(origin string, seed []byte) (*Key, error) {
	if len(seed) != SeedSize {
		return nil, fmt.Errorf("a checkpoint key is made of %d bytes", SeedSize)
	}
	private := ed25519.NewKeyFromSeed(seed)
	public := ed25519.PublicKey(private[ed25519.SeedSize:])
	verifier, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return nil, fmt.Errorf("checkpoint key: %w", err)
	}
	if _, err := note.NewVerifier(verifier); err != nil {
		return nil, fmt.Errorf("checkpoint key: %q can't be its name: %w", origin, err)
	}
	return &Key{origin: origin, private: private, verifier: verifier, id: keyID(origin, algEd25519, public)}, nil
}

// Verifier is what others check the key's signatures with (C2SP signed-note, verifier keys): name, id and public key.
func (k *Key) Verifier() string { return k.verifier }

// Origin names the log.
func (k *Key) Origin() string { return k.origin }

// Sign is the note that says that the log has that size and root. That it doesn't say otherwise elsewhere is
// the caller's duty.
func (k *Key) Sign(size uint64, root [32]byte) ([]byte, error) {
	c := Checkpoint{Origin: k.origin, Size: size, Root: root}
	return note.Sign(&note.Note{Text: c.Text()}, signer{k})
}

// signer is the key as package note takes it.
type signer struct{ *Key }

func (s signer) Name() string                    { return s.origin }
func (s signer) KeyHash() uint32                 { return s.id }
func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.private, msg), nil }

// The algorithms of signed-note that this version knows.
const (
	algEd25519     = 0x01
	algCosignature = 0x04
)

// keyID is the first bytes of SHA-256 over name, newline, algorithm and public key (C2SP signed-note). It tells
// keys apart and proves nothing.
func keyID(name string, alg byte, public []byte) uint32 {
	sum := sha256.Sum256(slices.Concat([]byte(name), []byte{'\n', alg}, public))
	return binary.BigEndian.Uint32(sum[:])
}

var errVerifier = errors.New("not a verifier key")
