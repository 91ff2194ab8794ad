package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/whittle-sts/whittle/internal/seal"
)

const (
	opaquePrefix = "wt_"
	opaqueBytes  = 32 // random
	opaqueLength = len(opaquePrefix) + 48
)

// Reference is the text of an opaque token, well formed. It doesn't print, as [Secret] doesn't.
type Reference struct{ text Secret }

// SealedOpaque is what is kept of an opaque token: nothing that tells its text, nor, without its
// text, its claims.
type SealedOpaque struct {
	Hash   [32]byte // the row's key
	Sealed []byte   // the claims
}

// IsOpaque says whether a text means to be an opaque token rather than a JWT.
func IsOpaque(text string) bool { return strings.HasPrefix(text, opaquePrefix) }

// ParseOpaque takes exactly what [Minter.MintOpaque] wrote: one spelling, with its checksum, so
// that garbage costs no look at the store.
func ParseOpaque(text string) (Reference, error) {
	if len(text) != opaqueLength || !IsOpaque(text) || broken(text) {
		return Reference{}, fmt.Errorf("%w: not an opaque token", ErrMalformed)
	}
	raw, err := strict.DecodeString(text[len(opaquePrefix):])
	if err != nil || binary.BigEndian.Uint32(raw[opaqueBytes:]) != crc32.ChecksumIEEE(raw[:opaqueBytes]) {
		return Reference{}, fmt.Errorf("%w: not an opaque token", ErrMalformed)
	}
	return Reference{NewSecret(text)}, nil
}

// Hash is the key of the token's row.
func (r Reference) Hash() [32]byte {
	return sha256.Sum256([]byte("whittle opaque row\x00" + r.text.Reveal()))
}

// key seals the claims: only the token's text gives it.
func (r Reference) key() (*seal.Key, error) {
	secret, err := hkdf.Key(sha256.New, []byte(r.text.Reveal()), nil, "whittle opaque claims", seal.KeySize)
	if err != nil {
		return nil, err
	}
	return seal.NewKey(secret)
}

// MintOpaque makes an opaque token. Its claims are those that a JWT would have; evidence stands
// among them unsealed, since all of them are.
func (m *Minter) MintOpaque(d Draft) (Secret, *Claims, SealedOpaque, error) {
	c, err := m.claims(d)
	if err != nil {
		return Secret{}, nil, SealedOpaque{}, err
	}
	raw := make([]byte, opaqueBytes, opaqueBytes+crc32.Size)
	if _, err := io.ReadFull(m.random, raw); err != nil {
		return Secret{}, nil, SealedOpaque{}, err
	}
	raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	ref := Reference{NewSecret(opaquePrefix + base64.RawURLEncoding.EncodeToString(raw))}
	evidence, err := encodeEvidence(&c.Evidence, besideOf(c))
	if err != nil {
		return Secret{}, nil, SealedOpaque{}, err
	}
	payload, err := appendClaims(nil, c, evidence)
	if err != nil {
		return Secret{}, nil, SealedOpaque{}, err
	}
	key, err := ref.key()
	if err != nil {
		return Secret{}, nil, SealedOpaque{}, err
	}
	hash := ref.Hash()
	return ref.text, c, SealedOpaque{Hash: hash, Sealed: key.Seal(payload, hash[:])}, nil
}

// Open reads the claims that were kept of the token, which must be of this issuer.
func (r Reference) Open(issuer string, sealed []byte) (*Claims, error) {
	key, err := r.key()
	if err != nil {
		return nil, err
	}
	hash := r.Hash()
	payload, err := key.Open(sealed, hash[:])
	if err != nil {
		return nil, fmt.Errorf("opaque token: %w", err)
	}
	c, evidence, err := readClaims(payload)
	if err != nil {
		return nil, err
	}
	if c.Issuer != issuer {
		return nil, ErrIssuer
	}
	if c.Evidence, err = decodeEvidence(evidence, besideOf(c)); err != nil {
		return nil, err
	}
	return c, nil
}
