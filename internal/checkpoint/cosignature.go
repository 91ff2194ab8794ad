package checkpoint

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// cosigner verifies a witness's signatures: Ed25519 over the time and the checkpoint (C2SP tlog-cosignature).
// Its algorithm isn't that of a log's signature, so neither passes for the other.
type cosigner struct {
	name   string
	id     uint32
	public ed25519.PublicKey
}

var _ note.Verifier = (*cosigner)(nil)

// newCosigner reads a verifier key of type 0x04: name+hex8+base64(type‖key).
func newCosigner(vkey string) (*cosigner, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, text, _ := strings.Cut(rest, "+")
	hash, errID := strconv.ParseUint(id, 16, 32)
	key, errKey := base64.StdEncoding.Strict().DecodeString(text)
	if errID != nil || errKey != nil || len(id) != 8 || len(key) != 1+ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: %.200q", errVerifier, vkey)
	}
	public := key[1:]
	if key[0] != algCosignature {
		return nil, fmt.Errorf("%w of a witness: %.200q has type %d, not %d", errVerifier, vkey, key[0], algCosignature)
	}
	if !validName(name) || keyID(name, algCosignature, public) != uint32(hash) {
		return nil, fmt.Errorf("%w: %.200q is of another name or key", errVerifier, vkey)
	}
	return &cosigner{name: name, id: uint32(hash), public: public}, nil
}

// validName says whether package note takes the name.
func validName(name string) bool {
	_, err := note.NewEd25519VerifierKey(name, make(ed25519.PublicKey, ed25519.PublicKeySize))
	return err == nil && name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '+' || r == 0xFFFD })
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.id }

func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(signature)
	if at == 0 || at > math.MaxInt64 { // a witness says when
		return false
	}
	message := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text)
	return ed25519.Verify(c.public, message, signature[8:])
}
