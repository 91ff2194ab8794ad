package server_test

import (
	"context"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server/servertest"
)

const (
	dataAPI   = "https://data.example.com"
	modelsAPI = "https://models.example.com"
)

// trade is an exchange over gRPC that must go well.
func (b browser) trade(client, subject string, of whittlev1.TokenType, resource string, scope ...string) string {
	b.t.Helper()
	m := &whittlev1.ExchangeRequest{SubjectToken: subject, SubjectTokenType: of, Scope: scope}
	if resource != "" {
		m.Resource = []string{resource}
	}
	got, err := b.GRPC().Exchange(context.Background(), b.Client(client), m)
	if err != nil {
		b.t.Fatal(err)
	}
	return got.GetAccessToken()
}

// narrow is a token of the agent for reading at the data service, in a task that is for nothing else.
func (b browser) narrow() string {
	b.t.Helper()
	task := b.trade("research-agent", b.exchangeForm().Get("subject_token"), whittlev1.TokenType_TOKEN_TYPE_JWT, "", "ai.training.read")
	return b.trade("research-agent", task, whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN, dataAPI, "ai.training.read")
}

// single is a token that works once.
func (b browser) single() string {
	b.t.Helper()
	pipeline := b.Token("ci", "repo:example/models:production", map[string]any{"repository_owner": "example"})
	return b.trade("deploy-pipeline", pipeline, whittlev1.TokenType_TOKEN_TYPE_JWT, modelsAPI, "ai.deploy.manage")
}

func (b browser) look(wire servertest.Wire, client, token string) *whittlev1.Introspection {
	b.t.Helper()
	got, err := wire.Introspect(context.Background(), b.Client(client), &whittlev1.IntrospectRequest{Token: token})
	if err != nil {
		b.t.Errorf("%s: %v", wire.Name(), err)
	}
	return got
}

// Who holds a token and no credentials of a client gets nothing from Whittle for it, however it is presented.
func TestAStolenTokenIsNoCredential(t *testing.T) {
	b := platform(t, nil)
	for _, token := range []string{b.narrow(), b.single(), b.exchangeForm().Get("subject_token")} {
		for name, thief := range map[string]servertest.Client{
			"as the client's secret":     {ID: "research-agent", Secret: token},
			"as a secret of the subject": {ID: "corp:rita", Secret: token},
			"as the client itself":       {ID: token[:min(len(token), 256)], Secret: token},
		} {
			_, err := b.GRPC().Introspect(context.Background(), thief, &whittlev1.IntrospectRequest{Token: token})
			if servertest.CodeOf(err) != "invalid_client" {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"} {
			got := b.send("POST", path, "token="+token+"&"+b.exchangeForm().Encode(), "Authorization", "Bearer "+token)
			if got.status != 401 || got.member(t, "error") != "invalid_client" {
				t.Errorf("Bearer at %s: %d %s", path, got.status, got.body)
			}
		}
	}
}

// A resource server that turns on its callers holds their tokens, and its own credentials. It gets no token that
// works at itself again, none that reaches more, and can't end what isn't its own.
func TestAResourceServerCanNotTurnOnItsCallers(t *testing.T) {
	b := platform(t, nil)
	received := b.narrow()
	if !b.look(b.GRPC(), "data-gateway", received).GetActive() {
		t.Fatal("it wasn't received")
	}
	for _, wire := range b.Wires() {
		for name, ask := range map[string]*whittlev1.ExchangeRequest{
			"the same again":           {Resource: []string{dataAPI}, Scope: []string{"ai.training.read"}},
			"more of it":               {Resource: []string{dataAPI}, Scope: []string{"ai.training.analyze"}},
			"the same elsewhere":       {Resource: []string{modelsAPI}, Scope: []string{"ai.training.read"}},
			"more elsewhere":           {Resource: []string{modelsAPI}, Scope: []string{"ai.deploy.manage"}},
			"what isn't of the task":   {Resource: []string{modelsAPI}, Scope: []string{"ai.prediction.run"}},
			"a token for a whole task": {Scope: []string{"ai.training.read"}},
			"both resources":           {Resource: []string{dataAPI, modelsAPI}, Scope: []string{"ai.training.read"}},
		} {
			ask.SubjectToken, ask.SubjectTokenType = received, whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN
			if got, err := wire.Exchange(context.Background(), b.Client("data-gateway"), ask); err == nil {
				t.Errorf("%s, %s: got %v", wire.Name(), name, got.GetScope())
			}
		}
		err := wire.RevokeToken(context.Background(), b.Client("data-gateway"), &whittlev1.RevokeTokenRequest{Token: received})
		if servertest.CodeOf(err) != "unauthorized_client" {
			t.Errorf("%s: revoking it: %v", wire.Name(), err)
		}
		if b.look(wire, "model-gateway", received).GetActive() {
			t.Errorf("%s: another service, to which it was passed on, takes it", wire.Name())
		}
	}
	if !b.look(b.GRPC(), "data-gateway", received).GetActive() {
		t.Error("it is dead after all this")
	}
}

// Whoever collects tokens and asks about them learns of none that isn't for it, one by one or in a batch.
func TestABatchIsNoOracle(t *testing.T) {
	b := platform(t, nil)
	dead := b.narrow()
	if err := b.GRPC().RevokeToken(context.Background(), b.Client("research-agent"), &whittlev1.RevokeTokenRequest{Token: dead}); err != nil {
		t.Fatal(err)
	}
	living := b.narrow()
	collected := []string{living, dead, b.single(), living[:len(living)-1], "x", b.exchangeForm().Get("subject_token")}
	batches := whittlev1.NewIntrospectionServiceClient(b.Conn)
	for _, client := range []string{"summarizer", "research-agent", "nightly-export"} {
		got, err := batches.BatchIntrospect(b.As(context.Background(), b.Client(client)), &whittlev1.BatchIntrospectRequest{Tokens: collected})
		if err != nil || len(got.GetResults()) != len(collected) {
			t.Fatalf("%s: %v, %v", client, got, err)
		}
		for i, result := range got.GetResults() {
			if !proto.Equal(result, &whittlev1.Introspection{}) {
				t.Errorf("%s sees %v of the token %d", client, result, i)
			}
		}
	}
}

// A token that works once works once, though every wire is asked at the same moment.
func TestAUseIsCountedOnceAcrossTheWires(t *testing.T) {
	b := platform(t, nil)
	for range 5 {
		token := b.single()
		var active atomic.Int32
		var askers sync.WaitGroup
		start := make(chan struct{})
		for _, wire := range slices.Concat(b.Wires(), b.Wires()) {
			askers.Go(func() {
				<-start
				if b.look(wire, "model-gateway", token).GetActive() {
					active.Add(1)
				}
			})
		}
		close(start)
		askers.Wait()
		if active.Load() != 1 {
			t.Errorf("%d looks were active", active.Load())
		}
	}
}

// A revocation that one wire has answered is seen by a look on any other that begins after it.
func TestARevocationIsSeenOnEveryWire(t *testing.T) {
	b := platform(t, nil)
	for _, through := range b.Wires() {
		token := b.narrow()
		child := b.trade("summarizer", token, whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN, dataAPI, "ai.training.read")
		if !b.look(through, "data-gateway", child).GetActive() { // also puts it into every memo
			t.Fatal("not active before")
		}
		if err := through.RevokeToken(context.Background(), b.Client("research-agent"), &whittlev1.RevokeTokenRequest{Token: token}); err != nil {
			t.Fatal(err)
		}
		for _, wire := range b.Wires() {
			if b.look(wire, "data-gateway", token).GetActive() || b.look(wire, "data-gateway", child).GetActive() {
				t.Errorf("revoked through %s, active on %s", through.Name(), wire.Name())
			}
		}
	}
}

// Whoever may apply policies can't bring back what was revoked, by whatever they apply.
func TestAPolicyBringsNothingBack(t *testing.T) {
	b := platform(t, nil)
	policy := servertest.ReadFile(t, "../test/scenarios/policies/platform.yaml")
	revoked, living := b.narrow(), b.narrow()
	if err := b.GRPC().RevokeToken(context.Background(), b.Client("research-agent"), &whittlev1.RevokeTokenRequest{Token: revoked}); err != nil {
		t.Fatal(err)
	}
	withoutTheAgent := regexp.MustCompile(`(?ms)^rules:.*`).ReplaceAllString(policy, "")
	for _, next := range []string{withoutTheAgent, policy, policy + "\n# once more\n"} {
		b.Apply(next)
		if b.look(b.GRPC(), "data-gateway", revoked).GetActive() {
			t.Errorf("it is back under\n%s", next)
		}
	}
	if !b.look(b.GRPC(), "data-gateway", living).GetActive() {
		t.Error("one that wasn't revoked isn't good any more, so this test shows nothing")
	}
}
