package token

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Limits on a compact JWS, checked before anything is decoded.
const (
	MaxToken = 16 << 10 // bytes
	maxKeyID = 256      // bytes
)

// JWS is a compact JWS (RFC 7515 section 7.1) whose form is checked and whose signature isn't.
type JWS struct {
	alg, kid, typ string
	signed        string // header and payload as they were signed
	payload       []byte
	signature     []byte
}

// strict refuses non-zero trailing bits. It skips line breaks, so whoever decodes looks for these
// before: otherwise one signature would have many spellings.
var strict = base64.RawURLEncoding.Strict()

// ParseJWS reads the three parts by the strict rules (RFC 8725 section 3). Header members that
// would change what is verified, `crit` and `b64`, are refused; those that would bring a key
// along, such as `jwk` and `jku`, have no effect.
func ParseJWS(text string) (*JWS, error) {
	if len(text) > MaxToken {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxToken)
	}
	if broken(text) {
		return nil, fmt.Errorf("%w: has line breaks", ErrMalformed)
	}
	// Cut, since a token of a million dots must not cost a million strings. A third dot is not base64url.
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	var parts [3][]byte
	for i, part := range [...]string{header, payload, signature} {
		var err error
		if parts[i], err = strict.DecodeString(part); err != nil || len(part) == 0 {
			// An empty payload would be a detached one.
			return nil, fmt.Errorf("%w: part %d is empty or not base64url", ErrMalformed, i+1)
		}
	}
	j := &JWS{signed: text[:len(header)+1+len(payload)], payload: parts[1], signature: parts[2]}
	if err := j.readHeader(parts[0]); err != nil {
		return nil, err
	}
	return j, nil
}

// broken says whether a text has line breaks, which base64 decoders skip.
func broken(text string) bool {
	return strings.IndexByte(text, '\n') >= 0 || strings.IndexByte(text, '\r') >= 0
}

func (j *JWS) readHeader(text []byte) error {
	header, err := ParseClaims(text)
	if err != nil {
		return fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	for _, name := range []string{"crit", "b64", "zip"} {
		if header.Has(name) {
			return fmt.Errorf("%w: header has %s", ErrMalformed, name)
		}
	}
	for i, field := range [...]*string{&j.alg, &j.kid, &j.typ} {
		if *field, err = header.String([...]string{"alg", "kid", "typ"}[i]); err != nil {
			return fmt.Errorf("%w: header: %w", ErrMalformed, err)
		}
	}
	if j.alg == "" || len(j.kid) > maxKeyID {
		return fmt.Errorf("%w: header: alg is missing or kid is too long", ErrMalformed)
	}
	j.typ = strings.TrimPrefix(strings.ToLower(j.typ), "application/")
	return nil
}

// Algorithm is the header's `alg`, which has no say: the key knows its own.
func (j *JWS) Algorithm() string { return j.alg }

// KeyID is the header's `kid`, for looking a key up and nothing else.
func (j *JWS) KeyID() string { return j.kid }

// Type is the header's `typ` in lower case, without "application/" (RFC 7515 section 4.1.9); empty if
// there is none.
func (j *JWS) Type() string { return j.typ }

// SigningInput is what the signature covers (RFC 7515 section 2).
func (j *JWS) SigningInput() []byte { return []byte(j.signed) }

// Payload is what was signed; nothing of it may be acted on before [JWS.Verify].
func (j *JWS) Payload() []byte { return j.payload }

// Verify checks the signature. The header's algorithm must be the key's.
func (j *JWS) Verify(key PublicKey) error {
	if !key.takes(j.alg) {
		return ErrAlgorithm
	}
	if !key.verify([]byte(j.signed), j.signature) {
		return ErrSignature
	}
	return nil
}
