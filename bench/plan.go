package main

import (
	"context"
	"net/url"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
)

// What is asked for, on each wire.
const (
	introspectPath   = "/oauth2/introspect"
	introspectMethod = whittlev1connect.IntrospectionServiceIntrospectProcedure
	batchMethod      = whittlev1connect.IntrospectionServiceBatchIntrospectProcedure
	exchangeMethod   = whittlev1connect.TokenServiceExchangeProcedure
	clientMethod     = whittlev1connect.TokenServiceClientCredentialsProcedure

	overGRPC    = "gRPC"
	overConnect = "Connect JSON"
	overForm    = "OAuth form"
)

// warmTokens is how many different tokens the requests name that are said to be of tokens seen before.
const warmTokens = 1000

// batchSize is how many tokens a batch asks about.
const batchSize = 100

// row is one kind of request that is measured.
type row struct {
	name     string
	floor    string // the row that it stands on; empty for a floor
	wire     string
	method   string // or path
	client   string
	messages [][]byte
	once     bool                          // each message may be sent once only
	more     func(n int) ([][]byte, error) // makes such messages
	bearers  int
}

// plan is the rows, each floor before what stands on it.
func plan(ctx context.Context, w *world) ([]row, error) {
	jwts, err := w.issue(ctx, warmTokens, agent, dataAPI)
	if err != nil {
		return nil, err
	}
	opaques, err := w.issue(ctx, warmTokens, opaque, dataAPI)
	if err != nil {
		return nil, err
	}
	tasks, err := w.issue(ctx, warmTokens, agent)
	if err != nil {
		return nil, err
	}
	outsides, err := w.outsides(warmTokens)
	if err != nil {
		return nil, err
	}
	own, outside := exchanges(whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN), exchanges(whittlev1.TokenType_TOKEN_TYPE_JWT)
	newOwn := func(n int) ([][]byte, error) {
		made, err := w.issue(ctx, n, agent)
		return own(made), err
	}
	newOutside := func(n int) ([][]byte, error) {
		made, err := w.outsides(n)
		return outside(made), err
	}
	asks, self := introspections(jwts), [][]byte{encode(&whittlev1.ClientCredentialsRequest{Resource: []string{dataAPI}})}
	return []row{
		{name: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, messages: asks, bearers: 1},
		{name: introspectGRPC, floor: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, messages: asks, bearers: 1},
		{name: introspectOpaque, floor: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, messages: introspections(opaques), bearers: 1},
		{name: "echo of introspection, Connect JSON", wire: overConnect, method: introspectMethod, client: gateway, messages: inJSON(jwts), bearers: 1},
		{name: introspectConnect, floor: "echo of introspection, Connect JSON", wire: overConnect, method: introspectMethod, client: gateway, messages: inJSON(jwts), bearers: 1},
		{name: "echo of introspection, OAuth form", wire: overForm, method: introspectPath, client: gateway, messages: inForms(jwts), bearers: 1},
		{name: introspectOAuth, floor: "echo of introspection, OAuth form", wire: overForm, method: introspectPath, client: gateway, messages: inForms(jwts), bearers: 1},
		{name: "echo of a batch of 100, gRPC", wire: overGRPC, method: batchMethod, client: gateway, messages: batches(jwts), bearers: batchSize},
		{name: introspectBatch, floor: "echo of a batch of 100, gRPC", wire: overGRPC, method: batchMethod, client: gateway, messages: batches(jwts), bearers: batchSize},
		{name: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, messages: own(tasks), bearers: 1},
		{name: exchangeSeen, floor: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, messages: own(tasks), bearers: 1},
		{name: exchangeNew, floor: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, once: true, more: newOwn, bearers: 1},
		{name: outsideSeen, floor: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, messages: outside(outsides), bearers: 1},
		{name: outsideNew, floor: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, once: true, more: newOutside, bearers: 1},
		{name: clientCredentials, floor: exchangeFloor, wire: overGRPC, method: clientMethod, client: exporter, messages: self, bearers: 1},
	}, nil
}

// The names of the rows that targets are about, and others that stand beside them.
const (
	introspectGRPC    = "introspection of a JWT, gRPC"
	introspectOpaque  = "introspection of an opaque token, gRPC"
	introspectConnect = "introspection of a JWT, Connect JSON"
	introspectOAuth   = "introspection of a JWT, OAuth form"
	introspectBatch   = "introspection of 100 JWTs, gRPC"
	exchangeFloor     = "echo of exchange, gRPC"
	exchangeSeen      = "exchange of a token seen before, gRPC"
	exchangeNew       = "exchange of a token never seen, gRPC"
	outsideSeen       = "exchange of an outside JWT seen before, gRPC"
	outsideNew        = "exchange of an outside JWT never seen, gRPC"
	clientCredentials = "client credentials, gRPC"
)

func encode(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err) // messages of valid UTF-8 always encode
	}
	return b
}

func introspections(tokens []string) (out [][]byte) {
	for _, t := range tokens {
		out = append(out, encode(&whittlev1.IntrospectRequest{Token: t}))
	}
	return out
}

func inJSON(tokens []string) (out [][]byte) {
	for _, t := range tokens {
		b, err := protojson.Marshal(&whittlev1.IntrospectRequest{Token: t})
		if err != nil {
			panic(err) // as in encode
		}
		out = append(out, b)
	}
	return out
}

func inForms(tokens []string) (out [][]byte) {
	for _, t := range tokens {
		out = append(out, []byte(url.Values{"token": {t}, "token_type_hint": {"access_token"}}.Encode()))
	}
	return out
}

// batches are batchSize tokens each, in as many different mixtures as there are tokens.
func batches(tokens []string) (out [][]byte) {
	for i := 0; i+batchSize <= len(tokens); i += batchSize / 4 {
		out = append(out, encode(&whittlev1.BatchIntrospectRequest{Tokens: tokens[i : i+batchSize]}))
	}
	return out
}

func exchanges(kind whittlev1.TokenType) func(subjects []string) [][]byte {
	return func(subjects []string) (out [][]byte) {
		for _, s := range subjects {
			out = append(out, encode(exchange(s, kind)))
		}
		return out
	}
}
