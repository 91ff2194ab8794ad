package clientauth_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const document = `format: 1
scopes: { a: { description: A } }
clients:
  agent: { auth: client_secret }
  ops: { auth: client_secret, may: [policy.apply, audit.read] }
`

// imageOf is the image of a store with the policy and the credentials.
func imageOf(t *testing.T, credentials ...store.Credential) (*live.Image, error) {
	t.Helper()
	db, err := bolt.Open(bolt.Config{Path: filepath.Join(t.TempDir(), "db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	outcomes, err := db.Update(context.Background(), func(tx store.Tx) error {
		for _, c := range credentials {
			if err := tx.PutCredential(c); err != nil {
				return err
			}
		}
		return tx.PutPolicy(store.Policy{Version: 1, YAML: []byte(document), Applied: noon})
	})
	if err := errors.Join(append(outcomes, err)...); err != nil {
		t.Fatal(err)
	}
	return live.Load(context.Background(), db)
}

// secretOf makes a secret for the client.
func secretOf(t *testing.T, client, id string, edit func(*store.Credential)) (token.Secret, store.Credential) {
	t.Helper()
	secret, verifier, err := clientauth.NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := store.Credential{Client: client, ID: id, Kind: clientauth.KindSecret, Verifier: verifier[:], Created: noon}
	if edit != nil {
		edit(&c)
	}
	return secret, c
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	one, first := secretOf(t, "agent", "1", nil)
	two, second := secretOf(t, "agent", "2", func(c *store.Credential) { c.Expires = noon.Add(time.Hour) })
	off, disabled := secretOf(t, "agent", "3", func(c *store.Credential) { c.Disabled = true })
	ended, expired := secretOf(t, "agent", "4", func(c *store.Credential) { c.Expires = noon })
	left, removed := secretOf(t, "removed", "5", nil)
	boss, ops := secretOf(t, "ops", "6", nil)
	boot, day := secretOf(t, policy.Bootstrap, "7", func(c *store.Credential) { c.Expires = noon.Add(24 * time.Hour) })
	image, err := imageOf(t, first, second, disabled, expired, removed, ops, day)
	if err != nil {
		t.Fatal(err)
	}
	stranger, _ := secretOf(t, "agent", "8", nil)
	text := one.Reveal()
	verifier := sha256.Sum256([]byte(text))
	for name, tc := range map[string]struct {
		client string
		secret token.Secret
		after  time.Duration
		by     string // the credential that matches; empty: none
	}{
		"the first secret":              {"agent", one, 0, "1"},
		"the second secret":             {"agent", two, 0, "2"},
		"just before its end":           {"agent", two, time.Hour - 1, "2"},
		"at its end":                    {"agent", two, time.Hour, ""},
		"the first one after that":      {"agent", one, time.Hour, "1"},
		"an expired secret":             {"agent", ended, 0, ""},
		"a disabled secret":             {"agent", off, 0, ""},
		"a wrong secret":                {"agent", stranger, 0, ""},
		"another client's secret":       {"agent", boss, 0, ""},
		"no secret":                     {"agent", token.Secret{}, 0, ""},
		"the verifier as secret":        {"agent", token.NewSecret(string(verifier[:])), 0, ""},
		"one shorter":                   {"agent", token.NewSecret(text[:len(text)-1]), 0, ""},
		"one longer":                    {"agent", token.NewSecret(text + "A"), 0, ""},
		"an unknown client":             {"nobody", one, 0, ""},
		"an unknown client, no secret":  {"nobody", token.Secret{}, 0, ""},
		"no client":                     {"", one, 0, ""},
		"a client out of the policy":    {"removed", left, 0, ""},
		"a client in another case":      {"Agent", one, 0, ""},
		"bootstrap on its day":          {policy.Bootstrap, boot, 24*time.Hour - 1, "7"},
		"bootstrap after its day":       {policy.Bootstrap, boot, 24 * time.Hour, ""},
		"bootstrap with another secret": {policy.Bootstrap, boss, 0, ""},
	} {
		a := clientauth.New(image, func() time.Time { return noon.Add(tc.after) })
		caller, err := a.Authenticate(clientauth.Credentials{Method: clientauth.SecretBasic, ClientID: tc.client, Secret: tc.secret}, clientauth.Origin{})
		switch {
		case tc.by == "" && (err != clientauth.ErrInvalid || caller.ID != ""): // the very same error for everybody
			t.Errorf("%s: %v, %q", name, err, caller.ID)
		case tc.by != "" && (err != nil || caller.ID != tc.client || caller.Credential != tc.by):
			t.Errorf("%s: %v, %+v", name, err, caller)
		}
	}
}

// Permissions come from the policy in force, and from nowhere else.
func TestPermissions(t *testing.T) {
	t.Parallel()
	one, agent := secretOf(t, "agent", "1", nil)
	boss, ops := secretOf(t, "ops", "2", nil)
	boot, day := secretOf(t, policy.Bootstrap, "3", nil)
	image, err := imageOf(t, agent, ops, day)
	if err != nil {
		t.Fatal(err)
	}
	a := clientauth.New(image, func() time.Time { return noon })
	for client, tc := range map[string]struct {
		secret token.Secret
		may    []policy.Permission
	}{
		"agent":          {one, nil},
		"ops":            {boss, []policy.Permission{policy.PolicyApply, policy.AuditRead}},
		policy.Bootstrap: {boot, policy.Administrative()},
	} {
		caller, err := a.Authenticate(clientauth.Credentials{ClientID: client, Secret: tc.secret}, clientauth.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []policy.Permission{
			policy.PolicyRead, policy.PolicyApply, policy.RevokeAny, policy.AuditRead, policy.ClientManage, policy.TokenLook,
		} {
			want := false
			for _, m := range tc.may {
				want = want || m == p
			}
			if caller.Can(p) != want {
				t.Errorf("%s can %s: %v", client, p, !want)
			}
		}
	}
}

// T12: what is kept for another way to authenticate is never taken for a secret.
func TestT12_AnotherKindOfCredentialIsNoSecret(t *testing.T) {
	t.Parallel()
	_, other := secretOf(t, "agent", "1", func(c *store.Credential) { c.Kind = "private_key_jwt" })
	if _, err := imageOf(t, other); err == nil {
		t.Error("read as a secret")
	}
}

func TestSecretsAreDrawnAndDontPrint(t *testing.T) {
	t.Parallel()
	one, _, _ := clientauth.NewSecret(rand.Reader)
	two, _, _ := clientauth.NewSecret(rand.Reader)
	if one.Reveal() == two.Reveal() || len(one.Reveal()) != len("ws_")+43 || one.String() == one.Reveal() {
		t.Error("a secret is short, repeated or prints")
	}
	if _, _, err := clientauth.NewSecret(dry{}); err == nil {
		t.Error("made a secret of no randomness")
	}
}

type dry struct{}

func (dry) Read([]byte) (int, error) { return 0, errors.New("dry") }
