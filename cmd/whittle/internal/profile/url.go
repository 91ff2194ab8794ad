package profile

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/whittle-sts/whittle/internal/loopback"
)

// checkURL is the URL without a slash at the end, or what is wrong with it. Secrets and tokens don't
// travel in the clear between machines unless that was asked for.
func checkURL(text string, plaintext bool) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("the server's URL %q: write it as https://whittle.example.com", text)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("the server's URL %q has more than scheme, host, port and path", u.Redacted())
	case u.Scheme == "http" && !plaintext && !loopback.Host(u.Hostname()):
		return "", fmt.Errorf("%s would carry the secret unencrypted to another machine: "+
			"use https, or say --plaintext (in a profile: plaintext: true) if that network is safe", text)
	}
	return strings.TrimRight(text, "/"), nil
}
