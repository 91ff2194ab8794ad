package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/ledger"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
)

const onePolicy = `format: 1
scopes: { a: { description: one thing } }
roles: { r: [a] }
clients:
  agent: { auth: client_secret, ceiling: [a] }
  ops: { auth: client_secret, may: [policy.apply, client.manage, audit.read] }
`

// withPolicy is settings with the document as the policy's file, and what is logged.
func withPolicy(t *testing.T, yaml string) (server.Config, *bytes.Buffer) {
	t.Helper()
	c, log := settings(t), new(bytes.Buffer)
	c.Issuer = "https://sts.example.com" // it stays, though the port is another one each time
	c.PolicyFile = filepath.Join(t.TempDir(), "policy.yaml")
	c.Logger = slog.New(slog.NewTextHandler(log, nil))
	write(t, c.PolicyFile, yaml)
	return c, log
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// inForce is the policy that a server with the settings serves, asked for as the client; the zero one stands
// for the bootstrap credential that this start makes.
func inForce(t *testing.T, c server.Config, as servertest.Client) (*whittlev1.GetPolicyResponse, servertest.Client) {
	t.Helper()
	w := servertest.Start(t, servertest.Options{Edit: func(e *server.Config) { *e = c }})
	defer w.Stop()
	if as.ID == "" {
		as = w.Client("bootstrap")
	}
	res, err := whittlev1.NewPolicyServiceClient(w.Conn).GetPolicy(w.As(context.Background(), as), &whittlev1.GetPolicyRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return res, as
}

func TestAnEmptyStoreTakesThePolicysFileAndNoOther(t *testing.T) {
	c, log := withPolicy(t, onePolicy)
	first, boot := inForce(t, c, servertest.Client{})
	if first.GetVersion() != 1 || first.GetYaml() != onePolicy || first.GetAppliedBy() != "bootstrap" {
		t.Fatalf("the first start serves %v", first)
	}
	inForce(t, c, boot)
	if text := log.String(); strings.Contains(text, "level=WARN") || strings.Count(text, "policy loaded") != 1 {
		t.Errorf("file and store are the same:\n%s", text)
	}
	for name, change := range map[string]func(){
		"another document": func() { write(t, c.PolicyFile, onePolicy+"# edited\n") },
		"a broken one":     func() { write(t, c.PolicyFile, "format: [") },
		"no file":          func() { os.Remove(c.PolicyFile) },
	} {
		log.Reset()
		change()
		if p, _ := inForce(t, c, boot); p.GetVersion() != 1 || p.GetYaml() != onePolicy {
			t.Errorf("%s: version %d is in force", name, p.GetVersion())
		}
		want := "whittle policy apply " + c.PolicyFile
		if name == "no file" {
			want = "can't be read"
		}
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s: doesn't say %q:\n%s", name, want, log)
		}
	}
}

func TestAPolicyThatCantBeStopsTheFirstStart(t *testing.T) {
	for name, step := range map[string]struct{ yaml, want string }{
		"a mistake":        {strings.Replace(onePolicy, "[a]", "[b]", 1), "policy.yaml:3:"},
		"no administrator": {strings.Replace(onePolicy, "policy.apply", "policy.read", 1), "no client of the policy may apply"},
		"itself":           {onePolicy + "issuers: { me: { url: http://127.0.0.1:1, audiences: [x] } }\n", "names this server itself"},
	} {
		c, _ := withPolicy(t, step.yaml)
		c.Issuer = "http://127.0.0.1:1"
		s, err := server.New(context.Background(), c)
		if err == nil {
			s.Close()
			t.Fatalf("%s: it starts", name)
		}
		if !strings.Contains(err.Error(), step.want) {
			t.Errorf("%s: %v", name, err)
		}
		// Nothing was spent: once mended, the start is the first, and shows the bootstrap credential.
		write(t, c.PolicyFile, onePolicy)
		if p, _ := inForce(t, c, servertest.Client{}); p.GetVersion() != 1 {
			t.Errorf("%s: mended, version %d is in force", name, p.GetVersion())
		}
	}
}

func TestAPreparedStateIsServedAsItWasMade(t *testing.T) {
	c, _ := withPolicy(t, onePolicy)
	made, err := server.Prepare(context.Background(), c, "agent")
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != 2 || made[0].Client != "bootstrap" || made[1].Client != "agent" {
		t.Fatalf("made %v", made)
	}
	if again, err := server.Prepare(context.Background(), c); err == nil {
		t.Errorf("a state was prepared twice: %v", again)
	}
	if p, _ := inForce(t, c, servertest.Client{ID: "bootstrap", Secret: made[0].Secret.Reveal()}); p.GetVersion() != 1 {
		t.Errorf("version %d is in force", p.GetVersion())
	}
	w := servertest.Start(t, servertest.Options{Edit: func(e *server.Config) { *e = c }})
	if again := w.Bootstrap(); again.Client != "" {
		t.Error("the server made another first credential")
	}
	ctx := w.As(context.Background(), servertest.Client{ID: "agent", Secret: made[1].Secret.Reveal()})
	if _, err := whittlev1.NewIntrospectionServiceClient(w.Conn).Introspect(ctx, &whittlev1.IntrospectRequest{Token: "x"}); err != nil {
		t.Errorf("the agent's secret: %v", err)
	}
	if _, err := server.Prepare(context.Background(), settings(t), "agent"); err == nil {
		t.Error("a secret was made for a client of no policy")
	}
}

// ending is randomness that ends after so many bytes, and with it whatever draws it.
type ending struct{ left atomic.Int64 }

var errEnded = errors.New("no more randomness")

func (e *ending) Read(b []byte) (int, error) {
	if e.left.Add(-int64(len(b))) < 0 {
		return 0, errEnded
	}
	return rand.Read(b)
}

// A first start that is stopped, wherever that is, is completed by the next one, which shows a bootstrap credential.
func TestAFirstStartThatWasStoppedIsCompleted(t *testing.T) {
	stops := 0
	for ; ; stops++ {
		c, _ := withPolicy(t, onePolicy)
		random := new(ending)
		random.left.Store(int64(16 * stops))
		c.Random = random
		s, err := server.New(context.Background(), c)
		if err == nil {
			s.Close()
			break
		}
		if !errors.Is(err, errEnded) {
			t.Fatal(err)
		}
		c.Random = nil
		if p, boot := inForce(t, c, servertest.Client{}); p.GetVersion() != 1 || boot.ID == "" {
			t.Errorf("after stop %d: version %d, %v", stops, p.GetVersion(), boot)
		}
	}
	t.Logf("stopped %d times", stops)
	if stops < 10 {
		t.Error("that tried too little")
	}
}

// Nobody knows whether a credential was seen that was being shown when the start was stopped: the next one shows
// another, and that one alone is good.
func TestABootstrapCredentialThatMayNotHaveBeenSeenIsReplaced(t *testing.T) {
	c, _ := withPolicy(t, onePolicy)
	var earlier []string
	for range 30 { // more than a client may have
		stopped := c
		stopped.ShowBootstrap = func(_ string, secret token.Secret) error {
			earlier = append(earlier, secret.Reveal())
			return errEnded
		}
		if s, err := server.New(context.Background(), stopped); !errors.Is(err, errEnded) {
			s.Close()
			t.Fatal(err)
		}
	}
	w := servertest.Start(t, servertest.Options{Edit: func(e *server.Config) { *e = c }})
	policies := whittlev1.NewPolicyServiceClient(w.Conn)
	ask := func(secret string) error {
		_, err := policies.GetPolicy(w.As(context.Background(), servertest.Client{ID: "bootstrap", Secret: secret}), &whittlev1.GetPolicyRequest{})
		return err
	}
	if err := ask(w.Client("bootstrap").Secret); err != nil {
		t.Error(err)
	}
	for _, secret := range earlier {
		ledger.Note(t, secret)
	}
	if err := ask(earlier[len(earlier)-1]); err == nil {
		t.Error("an earlier one is good, too")
	}
}
