package main

import (
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
)

//go:embed policy.yaml
var policy string

// The names in policy.yaml that requests use.
const (
	agent    = "research-agent"
	opaque   = "opaque-agent"
	exporter = "nightly-export"
	gateway  = "data-gateway"
	dataAPI  = "https://data.example.com"
)

func scopes() []string { return []string{"ai.training.analyze", "ai.training.read"} }

// world is Whittle with a policy, clients, and an outside issuer, which lives in this process.
type world struct {
	corp *issuertest.Provider

	connection *grpc.ClientConn
	tokens     whittlev1.TokenServiceClient
	revokes    whittlev1.RevocationServiceClient
	looks      whittlev1.IntrospectionServiceClient
	secrets    map[string]string // by client
	admin      string            // the client that may apply policies
	policy     string

	earlierTasks stock // tasks' tokens that an earlier process signed
	earlierLooks stock // tokens to look at that it signed
}

func newWorld(ctx context.Context, server *child, document string) (*world, error) {
	corp, err := issuertest.New(time.Now)
	if err != nil {
		return nil, err
	}
	yaml := strings.NewReplacer("${corp}", corp.URL, "${many}", manyScopes(), "${clients}", "", "${rules}", "").Replace(document)
	w, err := (&world{corp: corp, secrets: map[string]string{server.Client: server.Secret}, admin: server.Client, policy: yaml}).at(server)
	if err != nil {
		return nil, err
	}
	ctx = w.as(ctx, server.Client)
	if _, err := whittlev1.NewPolicyServiceClient(w.connection).ApplyPolicy(ctx, &whittlev1.ApplyPolicyRequest{Yaml: yaml}); err != nil {
		return nil, err
	}
	for _, client := range []string{agent, opaque, exporter, gateway} {
		made, err := whittlev1.NewClientServiceClient(w.connection).CreateSecret(ctx, &whittlev1.CreateSecretRequest{Client: client})
		if err != nil {
			return nil, err
		}
		w.secrets[client] = made.GetSecret()
	}
	return w, nil
}

// at is the same world with another server on the same state.
func (w *world) at(server *child) (*world, error) {
	c, err := grpc.NewClient("passthrough:///"+server.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &world{
		corp: w.corp, connection: c, tokens: whittlev1.NewTokenServiceClient(c),
		revokes: whittlev1.NewRevocationServiceClient(c), looks: whittlev1.NewIntrospectionServiceClient(c),
		secrets: w.secrets, admin: w.admin, policy: w.policy,
	}, nil
}

// basic is the client's Authorization value (RFC 6749 section 2.3.1).
func (w *world) basic(client string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(client+":"+w.secrets[client]))
}

func (w *world) as(ctx context.Context, client string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", w.basic(client))
}

// outside is a token of the outside issuer: one researcher's, with a `jti` of its own.
func (w *world) outside() (string, error) {
	return w.corp.Token("00u1ana", "whittle", map[string]any{
		"groups": []string{"research"}, "amr": []string{"pwd", "mfa"}, "email": "ana@example.com",
	})
}

func (w *world) outsides(n int) ([]string, error) {
	return inParallel(n, func() (string, error) { return w.outside() })
}

// exchange is a request for a token to use at the data API.
func exchange(subject string, kind whittlev1.TokenType) *whittlev1.ExchangeRequest {
	return &whittlev1.ExchangeRequest{
		SubjectToken: subject, SubjectTokenType: kind, Resource: []string{dataAPI}, Scope: scopes(),
	}
}

// issue makes tokens of Whittle's own, each from the same outside token: to use at the data API, or,
// with no resource, to exchange further.
func (w *world) issue(ctx context.Context, n int, client string, resources ...string) ([]string, error) {
	subject, err := w.outside()
	if err != nil {
		return nil, err
	}
	request := exchange(subject, whittlev1.TokenType_TOKEN_TYPE_JWT)
	request.Resource = resources
	ctx = w.as(ctx, client)
	return inParallel(n, func() (string, error) {
		answer, err := w.tokens.Exchange(ctx, request)
		return answer.GetToken().GetAccessToken(), err
	})
}

// stock is tokens that are there for one use each.
type stock struct {
	left []string
	each int // how many a row gets at a time
}

func (s *stock) take() ([]string, error) {
	if s.each == 0 || len(s.left) < s.each {
		return nil, errors.New("the tokens of the earlier process are used up")
	}
	taken := s.left[:s.each]
	s.left = s.left[s.each:]
	return taken, nil
}

// mostScopes is how many scopes an exchange may ask for here.
const mostScopes = 100

func manyScope(i int) string { return fmt.Sprintf("ai.training.set.s%03d", i) }

func manyScopes() string {
	var b strings.Builder
	for i := range mostScopes {
		fmt.Fprintf(&b, "  %s: { description: Read one set }\n", manyScope(i))
	}
	return b.String()
}

// askingFor is an exchange of a task's token for a token with n scopes.
func (w *world) askingFor(ctx context.Context, n int) ([][]byte, error) {
	subject, err := w.outside()
	if err != nil {
		return nil, err
	}
	request := exchange(subject, whittlev1.TokenType_TOKEN_TYPE_JWT)
	request.Resource, request.Scope = nil, nil
	for i := range n {
		request.Scope = append(request.Scope, manyScope(i))
	}
	task, err := w.tokens.Exchange(w.as(ctx, agent), request)
	if err != nil {
		return nil, err
	}
	request.SubjectToken, request.SubjectTokenType = task.GetToken().GetAccessToken(), whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN
	request.Resource = []string{dataAPI}
	return [][]byte{encode(request)}, nil
}

// deep is a token that so many exchanges led to.
func (w *world) deep(ctx context.Context, hops int) (string, error) {
	made, err := w.issue(ctx, 1, agent)
	for i := 1; i < hops && err == nil; i++ {
		request := exchange(made[0], whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN)
		request.Resource = nil
		var answer *whittlev1.ExchangeResponse
		answer, err = w.tokens.Exchange(w.as(ctx, agent), request)
		made[0] = answer.GetToken().GetAccessToken()
	}
	if err != nil {
		return "", err
	}
	return made[0], nil
}

// revoked are the client's tokens to use at the data API that aren't good any more.
func (w *world) revoked(ctx context.Context, n int, client string) ([]string, error) {
	made, err := w.issue(ctx, n, client, dataAPI)
	if err != nil {
		return nil, err
	}
	ctx = w.as(ctx, client)
	var next atomic.Int64
	return inParallel(n, func() (string, error) {
		text := made[next.Add(1)-1]
		_, err := w.revokes.RevokeToken(ctx, &whittlev1.RevokeTokenRequest{Token: text})
		return text, err
	})
}

// inParallel makes n texts.
func inParallel(n int, one func() (string, error)) ([]string, error) {
	const workers = 32
	out, errs := make([]string, n), make([]error, workers)
	var group sync.WaitGroup
	for k := range workers {
		group.Go(func() {
			for i := k; i < n && errs[k] == nil; i += workers {
				out[i], errs[k] = one()
			}
		})
	}
	group.Wait()
	return out, errors.Join(errs...)
}
