package starter

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/devissuer"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/profile"
	"github.com/whittle-sts/whittle/server"
)

// The clients of the policy that get a secret for development.
const (
	agent   = "agent"
	gateway = "gateway"
)

//go:embed policy.yaml
var policyText string

//go:embed whittle.yaml
var settingsText string

var templates = template.Must(template.Must(template.New(policyFile).Parse(policyText)).New(settingsFile).Parse(settingsText))

// Options says what to make.
type Options struct {
	Dir               string // absolute; made if it isn't there
	GRPC, HTTP, Admin string // where the server is to listen
	Issuer            string // the development issuer; empty: none, nor secrets for agent and gateway

	Profiles profile.Dir
	Profile  string // of the bootstrap credential
}

// Profiles is the names of the profiles by client.
func (o Options) profiles() map[string]string {
	names := map[string]string{"bootstrap": o.Profile}
	if o.Issuer == "" {
		return names
	}
	prefix := ""
	if o.Profile != profile.Default {
		prefix = o.Profile + "-"
	}
	names[agent], names[gateway] = prefix+agent, prefix+gateway
	return names
}

// URL is where the commands find the server.
func (o Options) url() string { return "http://" + o.HTTP }

// Make makes the folder and the profiles, and tells what it made. A run that fails leaves nothing; one that is
// killed leaves what the next one explains.
func Make(ctx context.Context, o Options) (made Made, err error) {
	if err := check(o.Dir); err != nil {
		return Made{}, err
	}
	if err := o.checkProfiles(); err != nil {
		return Made{}, err
	}
	_, err = os.Lstat(o.Dir)
	isNew := errors.Is(err, fs.ErrNotExist)
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return Made{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, undo(o.Dir, isNew))
		}
	}()
	if o.Issuer != "" {
		if err := o.makeIssuer(); err != nil {
			return Made{}, err
		}
	}
	policy, err := o.fill(policyFile)
	if err != nil {
		return Made{}, err
	}
	if err := write(filepath.Join(o.Dir, policyFile), policy, 0o644); err != nil {
		return Made{}, err
	}
	if made, err = o.prepare(ctx); err != nil {
		return Made{}, err
	}
	settings, err := o.fill(settingsFile)
	if err != nil {
		return Made{}, err
	}
	return made, finish(o.Dir, settings)
}

// checkProfiles makes sure that no profile stands in the way before anything is made.
func (o Options) checkProfiles() error {
	for _, name := range o.profiles() {
		switch old, err := o.Profiles.Load(name); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case old.Folder != o.Dir:
			return fmt.Errorf("%w\nor let init name its own: --profile NAME", &profile.ExistsError{Name: name, Path: o.Profiles.Path(name)})
		}
	}
	return nil
}

func (o Options) makeIssuer() error {
	issuer, err := devissuer.New(o.Issuer)
	if err != nil {
		return err
	}
	return issuer.Save(filepath.Join(o.Dir, devissuer.File))
}

// prepare makes keys and state, and the profiles of who was given a secret. The policy is in the store only if
// there are clients to make secrets for; otherwise the first start loads it, as it is edited by then.
func (o Options) prepare(ctx context.Context) (Made, error) {
	c := server.Config{
		DataDir: filepath.Join(o.Dir, stateFolder), KEK: filepath.Join(o.Dir, keysFolder, "kek"),
		GRPCAddr: o.GRPC, HTTPAddr: o.HTTP, AdminAddr: o.Admin,
	}
	var clients []string
	if o.Issuer != "" {
		c.PolicyFile, clients = filepath.Join(o.Dir, policyFile), []string{agent, gateway}
	}
	credentials, err := server.Prepare(ctx, c, clients...)
	if err != nil {
		return Made{}, err
	}
	names := o.profiles()
	for _, made := range credentials {
		p := profile.Profile{URL: o.url(), Client: made.Client, Secret: made.Secret, Folder: o.Dir}
		if err := o.Profiles.Save(names[made.Client], p); err != nil {
			return Made{}, err
		}
	}
	return Made{Options: o, Bootstrap: credentials[0].Secret}, nil
}

// fill makes a file of its template.
func (o Options) fill(name string) (string, error) {
	values := map[string]string{
		"GRPC": o.GRPC, "HTTP": o.HTTP, "Admin": o.Admin, "Issuer": o.Issuer, "Name": "corp",
	}
	if o.Issuer != "" {
		values["Name"] = "dev"
		at, err := netip.ParseAddrPort(strings.TrimPrefix(o.Issuer, "http://"))
		if err != nil {
			return "", err
		}
		values["Network"] = netip.PrefixFrom(at.Addr(), at.Addr().BitLen()).String()
	}
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name, values); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return b.String(), nil
}
