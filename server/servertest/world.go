package servertest

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
	"github.com/whittle-sts/whittle/internal/ledger"
	"github.com/whittle-sts/whittle/server"
)

// ThisHost is the networks that a server must allow for issuers that are played in the test.
func ThisHost() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// Options says what world to start.
type Options struct {
	// Policy is the first policy. In it, ${corp} stands for the URL of an outside issuer that is started
	// under that name. Empty: none is applied, and only the bootstrap credential works.
	Policy string
	Now    func() time.Time     // of server and issuers; nil: time.Now
	Edit   func(*server.Config) // changes the settings; may be nil
}

// World is a running server with its surroundings.
type World struct {
	*server.Server
	Providers map[string]*issuertest.Provider
	Conn      *grpc.ClientConn // to the native gRPC listener

	tb      testing.TB
	now     func() time.Time
	secrets map[string]string // by client
	stop    func()
}

// Client is one client's credentials.
type Client struct{ ID, Secret string }

// Start starts a world that ends with the test.
func Start(tb testing.TB, o Options) *World {
	tb.Helper()
	w := &World{tb: tb, now: o.Now, Providers: make(map[string]*issuertest.Provider), secrets: make(map[string]string)}
	if w.now == nil {
		w.now = time.Now
	}
	config := server.Config{
		DataDir: tb.TempDir(), GRPCAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0",
		AllowNetworks: ThisHost(), Now: o.Now,
	}
	if o.Edit != nil {
		o.Edit(&config)
	}
	w.Boot(config)
	if o.Policy != "" {
		w.Apply(o.Policy)
	}
	return w
}

// Boot starts a server with the settings and connects to it. Start calls it; a test that restarts a
// server calls Stop and then Boot again.
func (w *World) Boot(config server.Config) {
	w.tb.Helper()
	if config.Logger == nil && ledger.On() { // what is logged is looked through
		config.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
		config.LogSample = 1
	}
	s, err := server.New(context.Background(), config)
	if err != nil {
		w.tb.Fatalf("starting the server: %v", err)
	}
	w.Server = s
	if made := s.Bootstrap(); made.Client != "" {
		w.keep(made.Client, made.Secret.Reveal())
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	w.Conn, err = grpc.NewClient(s.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		w.tb.Fatal(err)
	}
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			w.tb.Errorf("the server ended: %v", err)
		}
		if err := s.Close(); err != nil {
			w.tb.Errorf("closing the server: %v", err)
		}
		w.Conn.Close()
	}
	w.tb.Cleanup(w.stop)
}

// Stop ends the server in good order.
func (w *World) Stop() { w.stop() }

var placeholder = regexp.MustCompile(`\$\{([a-z0-9-]+)\}`)

// Fill puts the URLs of outside issuers into a policy, starting those that aren't there yet.
func (w *World) Fill(policy string) string {
	w.tb.Helper()
	return placeholder.ReplaceAllStringFunc(policy, func(found string) string {
		return w.Provider(found[2 : len(found)-1]).URL
	})
}

// Provider is the outside issuer of that name, started when it is first asked for.
func (w *World) Provider(name string) *issuertest.Provider {
	w.tb.Helper()
	if p := w.Providers[name]; p != nil {
		return p
	}
	p, err := issuertest.New(w.now)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.tb.Cleanup(func() { p.Close() })
	w.Providers[name] = p
	return p
}

// Token is a token of an outside issuer for Whittle.
func (w *World) Token(issuer, subject string, claims map[string]any) string {
	w.tb.Helper()
	text, err := w.Provider(issuer).Token(subject, "whittle", claims)
	if err != nil {
		w.tb.Fatal(err)
	}
	ledger.Note(w.tb, text)
	return text
}

// Apply makes a policy the current one, as the bootstrap client, and gives a secret to each client
// that has none yet.
func (w *World) Apply(policy string) {
	w.tb.Helper()
	policy = w.Fill(policy)
	ctx := w.As(context.Background(), w.Client("bootstrap"))
	policies := whittlev1.NewPolicyServiceClient(w.Conn)
	current, err := policies.GetPolicy(ctx, &whittlev1.GetPolicyRequest{})
	expected := current.GetVersion()
	if err != nil && CodeOf(fromGRPC(err)) != "not_found" {
		w.tb.Fatalf("reading the policy: %v", err)
	}
	if _, err := policies.ApplyPolicy(ctx, &whittlev1.ApplyPolicyRequest{Yaml: policy, ExpectedVersion: expected}); err != nil {
		checked, _ := policies.ValidatePolicy(ctx, &whittlev1.ValidatePolicyRequest{Yaml: policy})
		w.tb.Fatalf("applying the policy: %v\n%s", err, checked.GetText())
	}
	var document struct {
		Clients map[string]yaml.Node `yaml:"clients"`
	}
	if err := yaml.Unmarshal([]byte(policy), &document); err != nil {
		w.tb.Fatal(err)
	}
	for id := range document.Clients {
		w.giveSecret(ctx, id)
	}
}

func (w *World) giveSecret(ctx context.Context, id string) {
	w.tb.Helper()
	if w.secrets[id] != "" {
		return
	}
	made, err := whittlev1.NewClientServiceClient(w.Conn).CreateSecret(ctx, &whittlev1.CreateSecretRequest{Client: id})
	if err != nil {
		w.tb.Fatalf("making a secret for %s: %v", id, err)
	}
	w.keep(id, made.GetSecret())
}

// keep knows a client's secret from now on.
func (w *World) keep(id, secret string) {
	w.tb.Helper()
	w.secrets[id] = secret
	ledger.Note(w.tb, secret)
}

// Client is a client of the policy, or the bootstrap one, with its secret; one that isn't known has
// a wrong one.
func (w *World) Client(id string) Client {
	if secret, ok := w.secrets[id]; ok {
		return Client{id, secret}
	}
	return Client{id, "no-such-secret"}
}

// As is ctx for a call over w.Conn by the client.
func (w *World) As(ctx context.Context, c Client) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", c.Basic())
}

// Basic is the client's Authorization value (RFC 6749 section 2.3.1).
func (c Client) Basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.ID)+":"+url.QueryEscape(c.Secret)))
}

// ReadFile is a file of the test's.
func ReadFile(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
