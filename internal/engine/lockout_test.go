package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/live"
)

// knocks is what the authenticator says to the client's own secret.
func (w *world) knocks(client string) error {
	_, err := w.auth.Authenticate(clientauth.Credentials{
		Method: clientauth.SecretBasic, ClientID: client, Secret: w.secrets[client],
	}, clientauth.Origin{})
	return err
}

func TestABlockedClientCantLiftItsBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.clock.pass(BootstrapLife + time.Minute)
	_, err := w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: live.OfClient("ops"), Block: true})
	w.check(err)
	if err := w.knocks("ops"); !errors.Is(err, clientauth.ErrInvalid) {
		t.Errorf("a blocked client was let in: %v", err)
	}
	w.restart()
	if err := w.knocks("ops"); !errors.Is(err, clientauth.ErrInvalid) {
		t.Errorf("a blocked client was let in after a restart: %v", err)
	}
	if err := w.knocks("bootstrap"); !errors.Is(err, clientauth.ErrInvalid) {
		t.Errorf("the first day's credential is still good: %v", err)
	}
	boot, err := w.Bootstrap(ctx, true, unseen) // whoever has the machine can always come back in
	w.check(err)
	w.secrets["bootstrap"] = boot.Secret
	_, err = w.Unblock(ctx, w.as("bootstrap"), live.OfClient("ops"))
	w.check(err)
	w.check(w.knocks("ops"))
}

func TestAnAdministratorNeedsASecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.clock.pass(BootstrapLife) // on the first day the bootstrap credential makes their secrets
	version := w.image.View().Policy.Version()
	handedOver := []byte(strings.Replace(w.policy, "  ops: ", "  ops-two: ", 1))
	_, err := w.ApplyPolicy(ctx, w.as("ops"), ApplyRequest{YAML: handedOver, Expected: version})
	if got := mustBe(t, err, Precondition).Reason(); got != "no_administrator" {
		t.Errorf("refused for %q", got)
	}
}

func TestAClientThatThePolicyDropsLosesItsSecretsForGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check(w.knocks("stranger"))
	before := w.policy
	var kept []string
	for _, line := range strings.Split(before, "\n") {
		if !strings.HasPrefix(line, "  stranger:") {
			kept = append(kept, line)
		}
	}
	w.apply(strings.Join(kept, "\n"))
	if err := w.knocks("stranger"); !errors.Is(err, clientauth.ErrInvalid) {
		t.Errorf("a client that the policy doesn't name was let in: %v", err)
	}
	w.apply(before)
	if err := w.knocks("stranger"); !errors.Is(err, clientauth.ErrInvalid) {
		t.Errorf("its old secret is good again: %v", err)
	}
	made, err := w.CreateSecret(context.Background(), w.as("ops"), "stranger", 0)
	w.check(err)
	w.secrets["stranger"] = made.Secret
	w.check(w.knocks("stranger"))
}

func TestValidateSaysWhatApplyWouldSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, yaml := range map[string]string{
		"no administrator":           strings.Replace(w.policy, "policy.apply, ", "", 1),
		"this server as an issuer":   strings.Replace(w.policy, w.corp.URL, self, 1),
		"an issuer's url is changed": strings.Replace(w.policy, w.corp.URL, "https://other.example.com", 1),
	} {
		problems, err := w.ValidatePolicy(context.Background(), w.as("ops"), []byte(yaml))
		w.check(err)
		if problems == nil || len(problems.List()) != 1 {
			t.Errorf("%s: validated", name)
		}
	}
	if problems, err := w.ValidatePolicy(context.Background(), w.as("ops"), []byte(w.policy)); problems != nil || err != nil {
		t.Errorf("the policy in force: %v, %v", problems, err)
	}
}
