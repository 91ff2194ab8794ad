package server_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
)

// No stranger finds out by asking whether a token is good: it isn't even looked at.
func TestNoTokenIsLookedAtBeforeTheClientIsKnown(t *testing.T) {
	b := platform(t, nil)
	request := &whittlev1.ExchangeRequest{
		SubjectToken: b.exchangeForm().Get("subject_token"), SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT, Scope: []string{"ai.training.read"},
	}
	for _, wire := range b.Wires() {
		_, err := wire.Exchange(context.Background(), servertest.Client{ID: "research-agent", Secret: "wrong"}, request)
		if servertest.CodeOf(err) != "invalid_client" {
			t.Errorf("%s: %v", wire.Name(), err)
		}
	}
	if keys, other := b.Provider("corp").Fetches(); keys+other > 0 {
		t.Errorf("the issuer was asked %d times", keys+other)
	}
	if _, err := b.GRPC().Exchange(context.Background(), b.Client("research-agent"), request); err != nil {
		t.Fatal(err)
	}
	if keys, _ := b.Provider("corp").Fetches(); keys == 0 {
		t.Error("the spy sees nothing")
	}
}

// lines is a log that may be written to by many.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Whatever goes wrong, no token and no secret gets into the log, not even at debug level, nor into
// what a refused caller hears.
func TestNothingSecretIsLoggedOrAnswered(t *testing.T) {
	var log lines
	b := platform(t, func(c *server.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	good := b.exchangeForm().Get("subject_token")
	agent := b.Client("research-agent")
	var secrets, heard []string
	ask := func(c servertest.Client, token string, scope ...string) {
		secrets = append(secrets, token, c.Secret)
		for _, wire := range b.Wires() {
			_, err := wire.Exchange(context.Background(), c, &whittlev1.ExchangeRequest{
				SubjectToken: token, SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT, Scope: scope,
			})
			if err != nil {
				heard = append(heard, err.Error())
			}
		}
	}
	ask(servertest.Client{ID: "research-agent", Secret: "ws_guessed"}, good, "ai.training.read")
	ask(agent, good[:len(good)-3], "ai.training.read")
	ask(agent, good, "ai.deploy.manage")
	ask(b.Client("model-gateway"), good, "ai.training.read")
	b.Provider("corp").Answer(issuertest.Down)
	b.Provider("ci").Answer(issuertest.Down)
	ask(b.Client("deploy-pipeline"), b.Token("ci", "repo:example/models:production", map[string]any{"repository_owner": "example"}), "ai.deploy.manage")
	got := b.send("POST", "/oauth2/introspect?token="+good, "token="+good, "Authorization", b.basic("data-gateway"))
	heard = append(heard, got.body)
	b.Stop()
	if !strings.Contains(log.text.String(), "temporarily_unavailable") {
		t.Errorf("the log says nothing: %s", log.text.String())
	}
	for _, secret := range secrets {
		for where, text := range map[string]string{"the log": log.text.String(), "an answer": strings.Join(heard, "\n")} {
			for _, part := range append(strings.Split(secret, "."), secret) {
				if len(part) > 8 && strings.Contains(text, part) {
					t.Errorf("%s holds %q", where, part)
				}
			}
		}
	}
}
