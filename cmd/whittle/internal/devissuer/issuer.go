package devissuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/private"
)

// File is where the issuer lives in a folder that `whittle init --dev` made.
var File = filepath.Join("dev", "issuer.json")

const maxFile = 16 << 10 // bytes; more can't be an issuer

// Issuer is a development issuer: its identifier, on loopback, and its one ES256 key.
type Issuer struct {
	URL string
	key jose.JSONWebKey
}

// document is an issuer as it is written.
type document struct {
	Issuer string          `json:"issuer"`
	Key    jose.JSONWebKey `json:"key"`
}

// New makes an issuer with a new key.
func New(identifier string) (*Issuer, error) {
	if _, err := address(identifier); err != nil {
		return nil, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key := jose.JSONWebKey{Key: private, KeyID: "dev-" + rand.Text()[:10], Algorithm: string(jose.ES256), Use: "sig"}
	return &Issuer{URL: identifier, key: key}, nil
}

// Save writes the issuer where no file is yet, for its owner alone.
func (i *Issuer) Save(path string) error {
	text, err := json.Marshal(document{i.URL, i.key})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// Load reads an issuer. A file that others may read is refused: they could sign as anybody.
func Load(path string) (*Issuer, error) {
	text, err := private.Read(path, maxFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w; `whittle init --dev` makes it, and --dir says in which folder it did", err)
	}
	if err != nil {
		return nil, err
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil || d.Key.IsPublic() || !d.Key.Valid() {
		return nil, fmt.Errorf("%s holds no development issuer", path) // not the cause, which may quote the key
	}
	if _, err := address(d.Issuer); err != nil {
		return nil, err
	}
	return &Issuer{URL: d.Issuer, key: d.Key}, nil
}

// address is where an issuer of this identifier listens: a loopback address with a port, and no other.
func address(identifier string) (string, error) {
	u, err := url.Parse(identifier)
	if err == nil && u.Scheme == "http" && u.Host != "" && "http://"+u.Host == identifier {
		if at, err := netip.ParseAddrPort(u.Host); err == nil && at.Addr().IsLoopback() && !at.Addr().Is4In6() && at.Port() != 0 {
			return u.Host, nil
		}
	}
	return "", fmt.Errorf("development issuer %q: must be http://127.0.0.1:PORT; it serves this machine alone", identifier)
}
