package profile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/whittle-sts/whittle/internal/token"
)

// defaultURL is where `whittle serve` listens if nothing says otherwise.
const defaultURL = "http://127.0.0.1:8080"

// Flags is what the command line says.
type Flags struct {
	URL, Profile string
	Plaintext    bool // http also to another machine
}

// Target is the server that a command asks, and as whom.
type Target struct {
	URL     string
	CAFile  string
	Profile string // the profile that the URL is of; empty: none

	Client string // empty: nobody
	Secret token.Secret
	From   string // where the credential comes from, for a message; without one, why there is none
}

// env is what the environment says.
type env struct {
	url, profile, client, secret, secretFile string
}

func environment() env {
	return env{
		url: os.Getenv("WHITTLE_URL"), profile: os.Getenv("WHITTLE_PROFILE"), client: os.Getenv("WHITTLE_CLIENT_ID"),
		secret: os.Getenv("WHITTLE_CLIENT_SECRET"), secretFile: os.Getenv("WHITTLE_CLIENT_SECRET_FILE"),
	}
}

// Resolve says which server is asked, and as whom. A profile's URL, credential and certificates belong
// together, and so do the members of a credential:
//
//   - A profile that a flag names is all that counts; the environment is not looked at, but for the
//     credential if the profile has none.
//   - Otherwise the environment's credential goes to the URL of the flag, the environment or the profile,
//     in this order. To the profile's only if it is the same client's or nobody's: another client's
//     profile may lead to a server that the credential isn't for.
//   - Without a credential in the environment the profile's is used, at the profile's own URL and nowhere
//     else.
func (d Dir) Resolve(flags Flags) (Target, error) {
	e := environment()
	name, named := Default, false
	for _, set := range []string{e.profile, flags.Profile} {
		if set != "" {
			name, named = set, true
		}
	}
	p, err := d.Load(name)
	if errors.Is(err, fs.ErrNotExist) && !named {
		p, name = Profile{}, ""
	} else if err != nil {
		return Target{}, err
	}
	if flags.Profile != "" {
		if e.url = ""; p.Client != "" {
			e = env{}
		}
	}
	return choose(flags, e, name, p)
}

// choose follows Resolve's rules for the profile that was found, or none.
func choose(flags Flags, e env, name string, p Profile) (Target, error) {
	at, err := where(flags, e, name, p)
	if err != nil {
		return at, err
	}
	switch {
	case e.client == "" && (e.secret != "" || e.secretFile != ""):
		_, err = e.credential() // half of one
	case e.client != "":
		if flags.URL == "" && e.url == "" && p.Client != "" && p.Client != e.client {
			return at, fmt.Errorf("the environment's credential is of client %q, and profile %q (%s) of %q: say --url to send it there, or --profile to use the profile's",
				e.client, name, p.URL, p.Client)
		}
		at.Client, at.From = e.client, "the environment"
		at.Secret, err = e.credential()
	case p.Client == "":
		at.From = "set WHITTLE_CLIENT_ID and WHITTLE_CLIENT_SECRET (or WHITTLE_CLIENT_SECRET_FILE), or make a profile: whittle profile add"
	case at.Profile == "":
		at.From = fmt.Sprintf("the credential in profile %q is for %s alone; for this server set WHITTLE_CLIENT_ID and WHITTLE_CLIENT_SECRET, or make a profile: whittle profile add", name, p.URL)
	default:
		at.Client, at.From = p.Client, fmt.Sprintf("profile %q", name)
		at.Secret, err = p.secret()
	}
	return at, err
}

// where is the target without a credential.
func where(flags Flags, e env, name string, p Profile) (Target, error) {
	asked := cmp.Or(flags.URL, e.url, p.URL, defaultURL)
	url, err := checkURL(asked, flags.Plaintext || p.Plaintext && asked == p.URL)
	if err != nil {
		return Target{}, err
	}
	if strings.TrimRight(p.URL, "/") == url {
		return Target{URL: url, Profile: name, CAFile: p.CAFile}, nil
	}
	if flags.Profile != "" {
		return Target{}, fmt.Errorf("profile %q is for %s, not for %s: leave out one of the two", name, p.URL, url)
	}
	return Target{URL: url}, nil
}

// credential is the environment's secret, if it has all that makes a credential, once.
func (e env) credential() (token.Secret, error) {
	switch {
	case e.client == "":
		return token.Secret{}, errors.New("WHITTLE_CLIENT_SECRET or WHITTLE_CLIENT_SECRET_FILE is set without WHITTLE_CLIENT_ID")
	case e.secret != "" && e.secretFile != "":
		return token.Secret{}, errors.New("WHITTLE_CLIENT_SECRET and WHITTLE_CLIENT_SECRET_FILE are both set: unset one")
	case e.secretFile != "":
		return ReadSecret(e.secretFile)
	case e.secret == "":
		return token.Secret{}, errors.New("WHITTLE_CLIENT_ID is set without WHITTLE_CLIENT_SECRET or WHITTLE_CLIENT_SECRET_FILE")
	}
	return token.NewSecret(e.secret), nil
}
