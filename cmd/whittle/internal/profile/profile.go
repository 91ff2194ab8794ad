package profile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/private"
	"github.com/whittle-sts/whittle/internal/token"
)

// Profile is a server and who asks it. The client's secret stands in the profile or in a file of its own.
type Profile struct {
	URL        string       // of the HTTP listener
	Client     string       // empty: the environment says who asks
	Secret     token.Secret // doesn't print
	SecretFile string       // absolute; whoever keeps that file minds who may read it
	CAFile     string       // absolute: PEM certificates to trust instead of the system's
	Plaintext  bool         // http also to another machine
	Folder     string       // the state folder that `whittle init` made the profile for; empty: made by hand
}

// written is a profile as it stands in its file.
type written struct {
	URL        string `yaml:"url"`
	Client     string `yaml:"client,omitempty"`
	Secret     string `yaml:"secret,omitempty"`
	SecretFile string `yaml:"secret_file,omitempty"`
	CAFile     string `yaml:"ca_file,omitempty"`
	Plaintext  bool   `yaml:"plaintext,omitempty"`
	Folder     string `yaml:"folder,omitempty"`
}

func decode(text []byte) (Profile, error) {
	var d written
	if err := yaml.Load(text, &d, yaml.WithKnownFields()); err != nil {
		// A parser's message may quote what it stumbled over, and that may be the secret.
		return Profile{}, errors.New("it is no profile: YAML with url, client, secret or secret_file, ca_file, plaintext and folder")
	}
	p := Profile{
		URL: d.URL, Client: d.Client, SecretFile: d.SecretFile, CAFile: d.CAFile, Plaintext: d.Plaintext, Folder: d.Folder,
	}
	if d.Secret != "" {
		p.Secret = token.NewSecret(d.Secret)
	}
	return p, p.check()
}

func (p Profile) encode() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return yaml.Dump(written{
		URL: p.URL, Client: p.Client, Secret: p.Secret.Reveal(), SecretFile: p.SecretFile,
		CAFile: p.CAFile, Plaintext: p.Plaintext, Folder: p.Folder,
	})
}

// check says what can't work.
func (p Profile) check() error {
	if _, err := checkURL(p.URL, p.Plaintext); err != nil {
		return err
	}
	own, other := p.Secret.Reveal() != "", p.SecretFile != ""
	switch {
	case own && other:
		return errors.New("it has both secret and secret_file: leave one out")
	case (own || other) != (p.Client != ""):
		return errors.New("client and secret (or secret_file) go together")
	}
	for name, file := range map[string]string{"secret_file": p.SecretFile, "ca_file": p.CAFile, "folder": p.Folder} {
		if file != "" && !filepath.IsAbs(file) {
			return fmt.Errorf("%s %q: write an absolute path", name, file)
		}
	}
	return nil
}

// secret is the client's secret, read from its file if that is where it is.
func (p Profile) secret() (token.Secret, error) {
	if p.SecretFile == "" {
		return p.Secret, nil
	}
	return ReadSecret(p.SecretFile)
}

// maxSecret is far above any secret that Whittle makes.
const maxSecret = 4096

// ReadSecret reads a secret from a file: the whole of it, but for white space around it. Who may read it is up to whoever put it
// there: what runs containers mounts secrets for a group.
func ReadSecret(file string) (token.Secret, error) {
	f, err := os.Open(file)
	if err != nil {
		return token.Secret{}, err
	}
	defer f.Close()
	text, err := private.Limited(f, maxSecret)
	if err != nil {
		return token.Secret{}, err
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return token.Secret{}, fmt.Errorf("%s: %w", file, errEmpty)
	}
	return token.NewSecret(secret), nil
}

var errEmpty = errors.New("there is nothing in it")
