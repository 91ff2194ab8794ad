package caller

import "github.com/whittle-sts/whittle/internal/clientauth"

// Parameters is a form of which no parameter is repeated. A missing parameter is empty, and an empty
// one counts as missing (RFC 6749 section 3.2).
type Parameters interface{ Get(name string) string }

// InHeader says whether a request's headers bring credentials, or what is meant for some: then the form can't.
func InHeader(values func(name string) []string) bool {
	return len(values(authorizationHeader)) > 0 || len(values(dpopHeader)) > 0
}

// FromForm reads the credentials of a request to one of the OAuth endpoints whose headers have none: client_secret_post.
func FromForm(form Parameters) (clientauth.Credentials, error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if err := onlyOne(form, false); err != nil {
		return clientauth.Credentials{}, err
	}
	if secret != "" && id == "" {
		return clientauth.Credentials{}, malformed("client_secret is there without a client_id")
	}
	return credentials(clientauth.SecretPost, id, secret)
}

// Beside checks the form of a client whose credentials were in the headers. A bare client_id may stand in it, but must name the
// same client.
func Beside(form Parameters, client string) error {
	if err := onlyOne(form, true); err != nil {
		return err
	}
	if id := form.Get("client_id"); id != "" && id != client {
		return clientauth.ErrInvalid
	}
	return nil
}

// onlyOne checks that a request uses one authentication method.
func onlyOne(form Parameters, inHeader bool) error {
	assertion, kind := form.Get("client_assertion"), form.Get("client_assertion_type")
	switch {
	case count(inHeader, form.Get("client_secret") != "", assertion != "" || kind != "") > 1:
		return malformed("more than one client authentication method")
	case (assertion == "") != (kind == ""):
		return malformed("client_assertion and client_assertion_type belong together")
	default:
		return nil
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
