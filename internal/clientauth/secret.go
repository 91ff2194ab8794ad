package clientauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"time"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
)

// KindSecret is the kind of a credential whose verifier is the SHA-256 of a secret. The secret is
// 256 random bits of ours, so a password hash would cost every request much and gain nothing.
const KindSecret = live.SecretCredential

const secretPrefix = "ws_" // lets scanners of leaked secrets find it

// NewSecret makes a client secret and its verifier. The secret is shown once and never kept.
func NewSecret(random io.Reader) (secret token.Secret, verifier [32]byte, err error) {
	var bits [32]byte
	if _, err := io.ReadFull(random, bits[:]); err != nil {
		return token.Secret{}, verifier, err
	}
	text := secretPrefix + base64.RawURLEncoding.EncodeToString(bits[:])
	return token.NewSecret(text), sha256.Sum256([]byte(text)), nil
}

// nobody is compared for a client without credentials, so that it costs the same work.
func nobody() []live.Credential { return []live.Credential{{Disabled: true}} }

// secretMatches compares with every credential of the client, in time that doesn't depend on how
// far one matches, and names the one that does; nil: none.
func secretMatches(known []live.Credential, secret token.Secret, now time.Time) (match *live.Credential) {
	var room [64]byte // on the stack, which a secret of ours fits into
	digest := sha256.Sum256(append(room[:0], secret.Reveal()...))
	if len(known) == 0 {
		known = nobody()
	}
	for i := range known {
		c := &known[i]
		usable := 0
		if c.UsableAt(now) {
			usable = 1
		}
		if usable&subtle.ConstantTimeCompare(digest[:], c.Verifier[:]) == 1 {
			match = c
		}
	}
	return match
}
