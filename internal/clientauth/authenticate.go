package clientauth

import (
	"errors"
	"time"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/token"
)

// ErrInvalid is every failure to authenticate. It says nothing more, so that a stranger learns
// neither which clients there are nor what was wrong (RFC 6749 section 5.2, invalid_client).
var ErrInvalid = errors.New("client authentication failed")

// Method is how a client proves who it is, by the names of the OAuth registry.
type Method string

// The methods of this version.
const (
	SecretBasic Method = "client_secret_basic" // RFC 6749 section 2.3.1; also gRPC metadata and Connect headers
	SecretPost  Method = "client_secret_post"
)

// Methods lists what this version takes, for the metadata document.
func Methods() []string { return []string{string(SecretBasic), string(SecretPost)} }

// Credentials is what one request brought, with exactly one method (RFC 6749 section 2.3).
type Credentials struct {
	Method   Method
	ClientID string
	Secret   token.Secret
}

// Authenticator verifies credentials against the memory image.
type Authenticator struct {
	image *live.Image
	now   func() time.Time
}

// New makes an Authenticator that reads the image at each request.
func New(image *live.Image, now func() time.Time) *Authenticator {
	return &Authenticator{image: image, now: now}
}

// Authenticate says who calls, or [ErrInvalid]. A client that is blocked can't do anything any more, least
// of all lift its block; the bootstrap credential, which an operator can always make anew, can.
func (a *Authenticator) Authenticate(c Credentials, from Origin) (Caller, error) {
	view := a.image.View()
	now := a.now()
	match := secretMatches(view.Credentials[c.ClientID], c.Secret, now)
	if match == nil {
		return Caller{}, ErrInvalid
	}
	if c.ClientID == policy.Bootstrap {
		match.Use.Mark(now)
		return Caller{ID: policy.Bootstrap, Credential: match.ID, Origin: from, may: policy.Administrative()}, nil
	}
	client, ok := view.Policy.Client(c.ClientID)
	if _, blocked := a.image.Revocations.Blocked(live.OfClient(c.ClientID)); !ok || blocked {
		return Caller{}, ErrInvalid
	}
	match.Use.Mark(now)
	return Caller{ID: client.ID, Credential: match.ID, Origin: from, may: client.May}, nil
}
