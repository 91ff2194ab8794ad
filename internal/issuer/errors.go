package issuer

import "errors"

// Why a token isn't taken. They are for the record: whoever presented it is told the same for
// all of them but ErrUnavailable.
var (
	ErrMalformed     = errors.New("not a well-formed JWT")
	ErrType          = errors.New("token is of another kind")
	ErrUnknownIssuer = errors.New("issuer isn't configured")
	ErrSignature     = errors.New("signature or key isn't the issuer's")
	ErrExpired       = errors.New("token isn't valid at this time")
	ErrTooOld        = errors.New("token was issued too long ago")
	ErrAudience      = errors.New("token isn't meant for us")
	ErrClaims        = errors.New("claims aren't acceptable")

	// ErrUnavailable says nothing about the token: the issuer's keys can't be had now.
	ErrUnavailable = errors.New("issuer's keys are not available")
)
