package token

import "errors"

// Why a token could not be verified. They are for the record: a caller is told none of them. No
// error of this package holds any of a token's text.
var (
	ErrMalformed = errors.New("token is malformed")
	ErrAlgorithm = errors.New("algorithm is not the key's")
	ErrType      = errors.New("token is of another type")
	ErrKey       = errors.New("no usable key")
	ErrSignature = errors.New("signature does not verify")
	ErrIssuer    = errors.New("token is of another issuer")
	ErrClaims    = errors.New("malformed claims")
)

// Why a token could not be minted.
var (
	ErrGrant    = errors.New("nothing was granted")
	ErrEvidence = errors.New("what was granted is too large for a token")
)
