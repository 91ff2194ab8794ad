package caller

import "github.com/whittle-sts/whittle/internal/clientauth"

// Parameters is a form of which no parameter is repeated. A missing parameter is empty, and an empty
// one counts as missing (RFC 6749 section 3.2).
type Parameters interface{ Get(name string) string }

// FromForm reads the credentials of a request to one of the OAuth endpoints: client_secret_basic or
// client_secret_post. A bare client_id may stand beside the header, but must name the same client.
func FromForm(values func(name string) []string, form Parameters) (clientauth.Credentials, error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	assertion, kind := form.Get("client_assertion"), form.Get("client_assertion_type")
	inHeader := len(values(authorizationHeader)) > 0 || len(values(dpopHeader)) > 0
	switch {
	case count(inHeader, secret != "", assertion != "" || kind != "") > 1:
		return clientauth.Credentials{}, malformed("more than one client authentication method")
	case (assertion == "") != (kind == ""):
		return clientauth.Credentials{}, malformed("client_assertion and client_assertion_type belong together")
	case inHeader:
		c, err := FromHeaders(values)
		if err == nil && id != "" && id != c.ClientID {
			err = clientauth.ErrInvalid
		}
		return c, err
	case secret != "" && id == "":
		return clientauth.Credentials{}, malformed("client_secret is there without a client_id")
	default:
		return credentials(clientauth.SecretPost, id, secret)
	}
}

func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
