package caller

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/token"
)

// Limits on what a stranger may send.
const (
	maxHeader = 4096 // bytes of the Authorization value
	maxID     = 256  // bytes of a client id
	maxSecret = 1024 // bytes of a client secret
)

// The headers as net/http spells them, and the metadata as gRPC does: another spelling costs an allocation for each look.
const (
	authorizationHeader = "Authorization"
	dpopHeader          = "Dpop"

	authorizationMetadata = "authorization"
	dpopMetadata          = "dpop"
)

// FromHeaders reads a request's headers, of which values gives those of one name. Without
// credentials, or with a scheme that this version doesn't take, the answer is
// [clientauth.ErrInvalid]. Several values, also joined by commas, are malformed: which one counts
// would be a guess.
func FromHeaders(values func(name string) []string) (clientauth.Credentials, error) {
	return read(values(authorizationHeader), values(dpopHeader))
}

// FromMetadata is FromHeaders for gRPC's metadata, whose names are in lower case.
func FromMetadata(values func(name string) []string) (clientauth.Credentials, error) {
	return read(values(authorizationMetadata), values(dpopMetadata))
}

func read(authorization, dpop []string) (clientauth.Credentials, error) {
	switch {
	case len(dpop) > 0:
		// Taking the request and leaving the proof out would give a token that is good for any thief.
		return clientauth.Credentials{}, malformed("this server takes no DPoP proofs")
	case len(authorization) == 0:
		return clientauth.Credentials{}, clientauth.ErrInvalid
	case len(authorization) > 1 || strings.Contains(authorization[0], ","):
		return clientauth.Credentials{}, malformed("more than one Authorization value")
	case len(authorization[0]) > maxHeader:
		return clientauth.Credentials{}, malformed("the Authorization value is too long")
	}
	scheme, rest, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Basic") { // RFC 9110 section 11.1
		return clientauth.Credentials{}, clientauth.ErrInvalid
	}
	return basic(strings.TrimLeft(rest, " "))
}

// strict refuses non-zero trailing bits.
var strict = base64.StdEncoding.Strict()

// basic reads the credentials of the Basic scheme. Id and secret were form-urlencoded before they
// were joined (RFC 6749 section 2.3.1), so a colon or a percent sign in a secret is no trouble.
func basic(text string) (clientauth.Credentials, error) {
	if strings.IndexByte(text, '\n') >= 0 || strings.IndexByte(text, '\r') >= 0 { // the decoder skips them
		return clientauth.Credentials{}, clientauth.ErrInvalid
	}
	var room [256]byte // on the stack, which the usual credentials fit into
	raw, err := strict.AppendDecode(room[:0], []byte(text))
	if err != nil {
		return clientauth.Credentials{}, clientauth.ErrInvalid
	}
	id, secret, found := strings.Cut(string(raw), ":")
	if !found {
		return clientauth.Credentials{}, clientauth.ErrInvalid
	}
	if id, err = url.QueryUnescape(id); err != nil {
		return clientauth.Credentials{}, clientauth.ErrInvalid
	}
	if secret, err = url.QueryUnescape(secret); err != nil {
		return clientauth.Credentials{}, clientauth.ErrInvalid
	}
	return credentials(clientauth.SecretBasic, id, secret)
}

func credentials(method clientauth.Method, id, secret string) (clientauth.Credentials, error) {
	if id == "" || secret == "" || len(id) > maxID || len(secret) > maxSecret {
		return clientauth.Credentials{}, clientauth.ErrInvalid
	}
	return clientauth.Credentials{Method: method, ClientID: id, Secret: token.NewSecret(secret)}, nil
}

func malformed(description string) error {
	return engine.Refuse(engine.InvalidRequest, "credentials", description)
}
