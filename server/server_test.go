package server_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
	"github.com/whittle-sts/whittle/store"
)

// settings is what a server needs in a test.
func settings(t *testing.T) server.Config {
	return server.Config{
		DataDir: t.TempDir(), GRPCAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0",
		AllowNetworks: servertest.ThisHost(),
	}
}

func TestSettingsThatCanNotWork(t *testing.T) {
	for name, edit := range map[string]func(*server.Config){
		"no data folder":                 func(c *server.Config) { c.DataDir = "" },
		"half of TLS":                    func(c *server.Config) { c.CertFile = "cert.pem" },
		"an issuer on loopback, wrapped": func(c *server.Config) { c.Issuer = "http://[::ffff:127.0.0.1]" },
		"an issuer without TLS":          func(c *server.Config) { c.Issuer = "http://sts.example.com" },
		"an issuer with a query":         func(c *server.Config) { c.Issuer = "https://sts.example.com?a=b" },
		"an issuer with an empty query":  func(c *server.Config) { c.Issuer = "https://sts.example.com?" },
		"an issuer with a fragment":      func(c *server.Config) { c.Issuer = "https://sts.example.com#a" },
		"an issuer with a user":          func(c *server.Config) { c.Issuer = "https://me@sts.example.com" },
		"an issuer without a host":       func(c *server.Config) { c.Issuer = "https:///a" },
		"any origin":                     func(c *server.Config) { c.CORSOrigins = []string{"*"} },
		"a pattern of origins":           func(c *server.Config) { c.CORSOrigins = []string{"https://*.example.com"} },
		"an origin with a path":          func(c *server.Config) { c.CORSOrigins = []string{"https://example.com/"} },
		"plaintext for everybody":        func(c *server.Config) { c.HTTPAddr = "0.0.0.0:0" },
		"plaintext gRPC for everybody":   func(c *server.Config) { c.GRPCAddr = ":0" },
		"an algorithm that nobody knows": func(c *server.Config) { c.SigningAlg = "HS256" },
		"a certificate that isn't there": func(c *server.Config) { c.CertFile, c.KeyFile = "no.pem", "no.pem" },
		"a secret instead of its place":  func(c *server.Config) { c.Forward.Webhook, c.Forward.Secret = "https://siem.example.com", "whsec_AA" },
		"a webhook's secret that isn't there": func(c *server.Config) {
			c.Forward.Webhook, c.Forward.Secret = "https://siem.example.com", "no.secret"
		},
		"no issuer though others come": func(c *server.Config) { c.HTTPAddr, c.Plaintext = ":0", server.PlaintextAnywhere },
		"no key for a database": func(c *server.Config) {
			s, err := server.New(context.Background(), *c)
			if err != nil {
				panic(err)
			}
			s.Close()
			os.Remove(filepath.Join(c.DataDir, "keys", "kek"))
		},
		"an address that isn't this host's": func(c *server.Config) { c.HTTPAddr = "192.0.2.1:80" },
	} {
		t.Run(name, func(t *testing.T) {
			c := settings(t)
			edit(&c)
			if err := c.Check(t.Context()); err == nil {
				t.Error("the check passes it")
			}
			s, err := server.New(context.Background(), c)
			if err == nil {
				s.Close()
				t.Fatal("it was taken")
			}
		})
	}
}

func TestAnUnknownAlgorithmLeavesNothingBehind(t *testing.T) {
	c := settings(t)
	c.SigningAlg = "HS256"
	if s, err := server.New(context.Background(), c); err == nil {
		s.Close()
		t.Fatal("it was taken")
	}
	if left, err := os.ReadDir(c.DataDir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAStateSurvivesARestart(t *testing.T) {
	c := settings(t)
	policy := servertest.ReadFile(t, "../test/scenarios/policies/platform.yaml")
	w := servertest.Start(t, servertest.Options{Policy: policy, Edit: func(e *server.Config) { *e = c; e.Issuer = "http://127.0.0.1:1" }})
	c.Issuer = "http://127.0.0.1:1"
	b := browser{w, t}
	narrow := func() string {
		got, err := w.OAuth().Exchange(context.Background(), w.Client("research-agent"), &whittlev1.ExchangeRequest{
			SubjectToken: b.exchangeForm().Get("subject_token"), SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT,
			Audience: []string{"data"}, Scope: []string{"ai.training.read"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return got.GetAccessToken()
	}
	live, dead := narrow(), narrow()
	if err := w.OAuth().RevokeToken(context.Background(), w.Client("research-agent"), &whittlev1.RevokeTokenRequest{Token: dead}); err != nil {
		t.Fatal(err)
	}
	w.Stop()
	w.Boot(c)
	if made := w.Bootstrap(); made.Client != "" {
		t.Error("another bootstrap credential")
	}
	for token, want := range map[string]bool{live: true, dead: false} {
		got, err := w.GRPC().Introspect(context.Background(), w.Client("data-gateway"), &whittlev1.IntrospectRequest{Token: token})
		if err != nil || got.GetActive() != want {
			t.Errorf("active %t, want %t: %v", got.GetActive(), want, err)
		}
	}
}

func TestOneFolderHasOneServer(t *testing.T) {
	c := settings(t)
	w := servertest.Start(t, servertest.Options{Edit: func(e *server.Config) { *e = c }})
	if _, err := server.New(context.Background(), c); !errors.Is(err, store.ErrLocked) {
		t.Errorf("got %v", err)
	}
	w.Stop()
}

func TestAStateWithoutItsKeyIsNotServed(t *testing.T) {
	for name, damage := range map[string]func(keys string) error{
		"the key is gone":    func(keys string) error { return os.Remove(filepath.Join(keys, "kek")) },
		"the anchor is gone": func(keys string) error { return os.Remove(filepath.Join(keys, "anchor")) },
		"the key is another": func(keys string) error {
			return os.WriteFile(filepath.Join(keys, "kek"), []byte(strings.Repeat("ab", 32)), 0o600)
		},
		"the key is for all to read": func(keys string) error { return os.Chmod(filepath.Join(keys, "kek"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			c := settings(t)
			servertest.Start(t, servertest.Options{Edit: func(e *server.Config) { *e = c }}).Stop()
			if err := damage(filepath.Join(c.DataDir, "keys")); err != nil {
				t.Fatal(err)
			}
			s, err := server.New(context.Background(), c)
			if err == nil {
				s.Close()
				t.Fatal("it was served")
			}
		})
	}
}

func TestAnOldCopyOfTheDatabaseIsNotServed(t *testing.T) {
	c := settings(t)
	w := servertest.Start(t, servertest.Options{Edit: func(e *server.Config) { *e = c }})
	w.Stop()
	db := filepath.Join(c.DataDir, "db", "whittle.db")
	old, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	w.Boot(c)
	w.Apply(servertest.ReadFile(t, "../test/scenarios/policies/platform.yaml"))
	w.Stop()
	if err := os.WriteFile(db, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := server.New(context.Background(), c); err == nil {
		s.Close()
		t.Fatal("it was served")
	}
}

// What is in flight when the server stops is finished.
func TestStoppingDrains(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire.name, func(t *testing.T) {
			b := platform(t, nil)
			corp := b.Provider("corp")
			fetching, goOn := make(chan struct{}), make(chan struct{})
			corp.Answer(func(w http.ResponseWriter, r *http.Request) {
				corp.Answer(nil)
				close(fetching)
				<-goOn
				corp.ServeHTTP(w, r)
			})
			form, speak := b.exchangeForm(), wire.pick(b.World)
			answered := make(chan error, 1)
			go func() {
				_, err := speak.Exchange(context.Background(), b.Client("research-agent"), &whittlev1.ExchangeRequest{
					SubjectToken: form.Get("subject_token"), SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT, Scope: []string{"ai.training.read"},
				})
				answered <- err
			}()
			<-fetching
			stopped := make(chan struct{})
			go func() { b.Stop(); close(stopped) }()
			for ready := true; ready; time.Sleep(time.Millisecond) { // until it is stopping
				res, err := http.Get(b.AdminURL() + "/readyz")
				ready = err == nil && res.StatusCode == 200
			}
			close(goOn)
			if err := <-answered; err != nil {
				t.Error(err)
			}
			<-stopped
		})
	}
}

// After the wall clock jumped nothing is minted on any wire, and the server says that it isn't ready.
func TestAClockThatJumpsStopsMinting(t *testing.T) {
	var ahead atomic.Int64
	wall := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	policy := servertest.ReadFile(t, "../test/scenarios/policies/platform.yaml")
	w := servertest.Start(t, servertest.Options{Policy: policy, Now: wall})
	b := browser{w, t}
	form := b.exchangeForm()
	ahead.Store(int64(time.Hour))
	for _, wire := range w.Wires() {
		_, err := wire.Exchange(context.Background(), w.Client("research-agent"), &whittlev1.ExchangeRequest{
			SubjectToken: form.Get("subject_token"), SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT, Scope: []string{"ai.training.read"},
		})
		refusal, ok := errors.AsType[*servertest.Refusal](err)
		if !ok || refusal.Code != "temporarily_unavailable" || refusal.RetryAfter <= 0 {
			t.Errorf("%s: %v", wire.Name(), err)
		}
	}
	res, err := http.Get(w.AdminURL() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 503 {
		t.Errorf("readyz: %s", res.Status)
	}
}

// An issuer that is down is no reason to say that its tokens are bad.
func TestAnIssuerThatIsDownIsUnavailableOnEveryWire(t *testing.T) {
	b := platform(t, nil)
	b.Provider("corp").Answer(issuertest.Down)
	form := b.exchangeForm()
	for _, wire := range b.Wires() {
		_, err := wire.Exchange(context.Background(), b.Client("research-agent"), &whittlev1.ExchangeRequest{
			SubjectToken: form.Get("subject_token"), SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT, Scope: []string{"ai.training.read"},
		})
		if refusal, ok := errors.AsType[*servertest.Refusal](err); !ok || refusal.Code != "temporarily_unavailable" || refusal.RetryAfter <= 0 {
			t.Errorf("%s: %v", wire.Name(), err)
		}
	}
}
