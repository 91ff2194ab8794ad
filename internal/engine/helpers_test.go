package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/issuer"
	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
	"github.com/whittle-sts/whittle/internal/ledger"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

const (
	self      = "https://whittle.example.com"
	dataAPI   = "https://data.example.com"
	modelsAPI = "https://models.example.com"
	archive   = "urn:example:archive"
)

// fakeClock is the time of a world: it stands still unless a test moves it.
type fakeClock struct {
	mu      sync.Mutex
	wall    time.Time
	elapsed time.Duration
}

func (f *fakeClock) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wall
}

func (f *fakeClock) ticks() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.elapsed
}

func (f *fakeClock) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wall, f.elapsed = f.wall.Add(d), f.elapsed+d
}

// jump moves the wall alone.
func (f *fakeClock) jump(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wall = f.wall.Add(d)
}

// world is a real engine over a real store, with two outside issuers.
type world struct {
	*Engine
	t       testing.TB
	clock   *fakeClock
	faults  *faultyStore
	path    string
	corp    *issuertest.Provider
	ci      *issuertest.Provider
	auth    *clientauth.Authenticator
	secrets map[string]token.Secret
	boot    Credential
	policy  string // the document that is in force
	stop    func()
}

// newWorld starts an engine with testdata/policy.yaml applied and a secret for each client.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, clock: &fakeClock{wall: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)},
		path: filepath.Join(t.TempDir(), "whittle.db"), secrets: map[string]token.Secret{},
	}
	w.corp, w.ci = provider(t, w.clock.now), provider(t, w.clock.now)
	w.start()
	t.Cleanup(func() { w.stop() })
	text, err := os.ReadFile("testdata/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w.apply(strings.NewReplacer("{{corp}}", w.corp.URL, "{{ci}}", w.ci.URL).Replace(string(text)))
	for _, id := range w.image.View().Policy.Clients() {
		made, err := w.CreateSecret(context.Background(), w.as("bootstrap"), id, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.secrets[id] = made.Secret
		ledger.Note(t, made.Secret.Reveal())
	}
	return w
}

func provider(t testing.TB, now func() time.Time) *issuertest.Provider {
	t.Helper()
	p, err := issuertest.New(now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// start joins the rooms over the store's file, as the server does.
func (w *world) start() {
	w.t.Helper()
	ctx := context.Background()
	db, err := bolt.Open(bolt.Config{Path: w.path})
	w.check(err)
	w.faults = &faultyStore{Store: db}
	var meta store.Meta
	w.check(db.View(ctx, func(r store.Reader) (err error) { meta, err = r.Meta(); return err }))
	clock := live.NewClock(w.clock.now, w.clock.ticks, meta.Time, false)
	log, err := audit.Open(audit.Config{Store: w.faults, Now: clock.Now, Random: rand.Reader, Issuer: self})
	w.check(err)
	image, err := live.Load(ctx, w.faults)
	w.check(err)
	outside := issuer.NewSet(issuer.NewFetcher(issuer.FetcherConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), clock.Now)
	w.Engine, err = New(Config{
		Issuer: self, Alg: "ES256", Store: w.faults, Log: log, Image: image, Clock: clock, Outside: outside, Vault: noVault{}, Random: rand.Reader,
	})
	w.check(err)
	w.auth = clientauth.New(image, clock.Now)
	if boot, err := w.Bootstrap(ctx, false, unseen); err != nil {
		w.t.Fatal(err)
	} else if boot.Client != "" {
		w.boot, w.secrets[boot.Client] = boot, boot.Secret
	}
	w.stop = sync.OnceFunc(func() {
		outside.Close()
		log.Close()
		w.faults.fail(0, 0)
		w.faults.failViews(0)
		if err := audit.Check(ctx, w.faults); err != nil { // whatever a test did, the whole log is what its tree says
			w.t.Errorf("the log: %v", err)
		}
		db.Close()
	})
}

// noVault plays a key-encryption key that is for ever; the server's tests rotate a real one.
type noVault struct{}

func (noVault) KEK() string                          { return "k" }
func (noVault) Resealing() bool                      { return false }
func (noVault) Next(context.Context) (string, error) { return "", ErrNoNextKEK }
func (noVault) Rotate(context.Context) error         { return ErrNoNextKEK }

// unseen shows a bootstrap credential to nobody.
func unseen(Credential) error { return nil }

// restart ends the engine and starts another one over the same file.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
}

// event is the whole of an entry that was found.
func (w *world) event(e Entry) audit.Event {
	w.t.Helper()
	event, err := audit.Decode(e.Bytes)
	w.check(err)
	if event.People = slices.Clone(e.People); event.Detail == "" && len(event.People) > 0 {
		event.Detail, event.People[0].Detail = event.People[0].Detail, "" // it was sealed with the first of them
	}
	return event
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// as is the authenticated client.
func (w *world) as(client string) clientauth.Caller {
	w.t.Helper()
	caller, err := w.auth.Authenticate(clientauth.Credentials{
		Method: clientauth.SecretBasic, ClientID: client, Secret: w.secrets[client],
	}, clientauth.Origin{Wire: "oauth", Remote: netip.MustParseAddrPort("192.0.2.1:443")})
	if err != nil {
		w.t.Fatalf("client %s: %v", client, err)
	}
	return caller
}

// apply makes the document the current policy.
func (w *world) apply(yaml string) {
	w.t.Helper()
	_, err := w.ApplyPolicy(context.Background(), w.as("bootstrap"), ApplyRequest{YAML: []byte(yaml), Expected: w.image.View().Policy.Version()})
	if err != nil {
		w.t.Fatalf("%v\n%v", err, errors.Unwrap(err))
	}
	w.policy = yaml
}

// person is a token of corp for the subject, with what the issuer says of it.
func (w *world) person(subject string, further map[string]any) token.Secret {
	w.t.Helper()
	text, err := w.corp.Token(subject, "whittle", further)
	w.check(err)
	ledger.Note(w.t, text)
	return token.NewSecret(text)
}

// ana is a researcher who used a second factor.
func (w *world) ana() token.Secret { return w.person("ana", anasClaims()) }

func anasClaims() map[string]any {
	return map[string]any{"groups": []string{"research"}, "amr": []string{"mfa"}}
}

// pipeline is a token of ci for the production pipeline.
func (w *world) pipeline() token.Secret {
	w.t.Helper()
	text, err := w.ci.Token("repo:example/models:production", "whittle", map[string]any{"repository_owner": "example"})
	w.check(err)
	ledger.Note(w.t, text)
	return token.NewSecret(text)
}

// outside is an exchange of another issuer's token.
func outside(text token.Secret, scope ...string) ExchangeRequest {
	return ExchangeRequest{SubjectToken: text, SubjectTokenType: JWTType, Scope: scope}
}

// own is an exchange of a token of ours.
func own(text token.Secret, scope ...string) ExchangeRequest {
	return ExchangeRequest{SubjectToken: text, SubjectTokenType: AccessTokenType, Scope: scope}
}

func (r ExchangeRequest) at(resources ...string) ExchangeRequest {
	r.Resource = resources
	return r
}

// trade is an exchange that must succeed.
func (w *world) trade(client string, req ExchangeRequest) *Issued {
	w.t.Helper()
	issued, err := w.Exchange(context.Background(), w.as(client), req)
	if err != nil {
		w.t.Fatalf("exchange by %s: %v", client, err)
	}
	ledger.Note(w.t, issued.AccessToken.Reveal())
	return issued
}

// task is ana's task token, good for everything that the agent may have.
func (w *world) task() token.Secret {
	w.t.Helper()
	return w.trade("agent", outside(w.ana(), "ai.training.read", "ai.training.analyze", "ai.prediction.run")).AccessToken
}

// look is what the client is told of a token.
func (w *world) look(client string, text token.Secret) Introspection {
	w.t.Helper()
	in, err := w.Introspect(context.Background(), w.as(client), IntrospectRequest{Token: text})
	if err != nil {
		w.t.Fatalf("introspection by %s: %v", client, err)
	}
	return *in
}

// claims is what a token of ours says, good or not.
func (w *world) claims(text token.Secret) (*token.Claims, string) {
	w.t.Helper()
	v, err := w.verifyOwn(context.Background(), w.image.View(), text)
	w.check(err)
	return v.Claims, v.key
}

// refusal is the error of an exchange that must be refused, with its code.
func (w *world) refusal(client string, req ExchangeRequest, code Code) *Error {
	w.t.Helper()
	issued, err := w.Exchange(context.Background(), w.as(client), req)
	return w.mustRefuse(issued, err, code)
}

func (w *world) mustRefuse(issued *Issued, err error, code Code) *Error {
	w.t.Helper()
	if issued != nil {
		w.t.Fatalf("a token was issued: scope %v", issued.Scope)
	}
	return mustBe(w.t, err, code)
}

func mustBe(t testing.TB, err error, code Code) *Error {
	t.Helper()
	refused, ok := errors.AsType[*Error](err)
	if !ok || refused.Code != code {
		t.Fatalf("error = %v, want %s", err, code)
	}
	return refused
}

func subjectOf(id string) live.Selector { return live.Selector{Kind: live.Subject, Value: id} }
