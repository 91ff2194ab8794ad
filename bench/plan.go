package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
)

// What is asked for, on each wire.
const (
	introspectPath   = "/oauth2/introspect"
	tokenPath        = "/oauth2/token"
	introspectMethod = whittlev1connect.IntrospectionServiceIntrospectProcedure
	batchMethod      = whittlev1connect.IntrospectionServiceBatchIntrospectProcedure
	exchangeMethod   = whittlev1connect.TokenServiceExchangeProcedure
	clientMethod     = whittlev1connect.TokenServiceClientCredentialsProcedure

	overGRPC    = "gRPC"
	overConnect = "Connect JSON"
	overBinary  = "Connect binary"
	overWeb     = "gRPC-Web"
	overForm    = "OAuth form"

	formType = "application/x-www-form-urlencoded"
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
	alone    bool                          // Whittle's, though nothing stands under it
	tuned    bool                          // a floor under Whittle's settings of the transport
	long     bool                          // only measured by a run that isn't quick
	more     func(n int) ([][]byte, error) // makes such messages
	bearers  int                           // how often a good answer says Bearer; anyBearers: that depends on the message
}

const anyBearers = -1

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
	earlier := func(int) ([][]byte, error) {
		taken, err := w.earlierTasks.take()
		return own(taken), err
	}
	newOwn := func(n int) ([][]byte, error) {
		made, err := w.issue(ctx, n, agent)
		return own(made), err
	}
	newOutside := func(n int) ([][]byte, error) {
		made, err := w.outsides(n)
		return outside(made), err
	}
	dead, err := w.revoked(ctx, warmTokens, agent)
	if err != nil {
		return nil, err
	}
	deadOpaque, err := w.revoked(ctx, warmTokens, opaque)
	if err != nil {
		return nil, err
	}
	deep, err := w.deep(ctx, 7)
	if err != nil {
		return nil, err
	}
	cold := func(int) ([][]byte, error) {
		taken, err := w.earlierLooks.take()
		return introspections(taken), err
	}
	coldHere := func(n int) ([][]byte, error) {
		made, err := w.issue(ctx, n, agent, dataAPI)
		return introspections(made), err
	}
	coldOpaque := func(n int) ([][]byte, error) {
		made, err := w.issue(ctx, n, opaque, dataAPI)
		return introspections(made), err
	}
	mixed := func(n int) ([][]byte, error) {
		fresh, err := w.issue(ctx, n*15/100+1, agent, dataAPI)
		return mixture(n, introspections(jwts), introspections(fresh), introspections(dead)), err
	}
	mixedOpaque := func(n int) ([][]byte, error) {
		fresh, err := w.issue(ctx, n*15/100+1, opaque, dataAPI)
		return mixture(n, introspections(opaques), introspections(fresh), introspections(deadOpaque)), err
	}
	asks, self := introspections(jwts), [][]byte{encode(&whittlev1.ClientCredentialsRequest{Resource: []string{dataAPI}})}
	rows := []row{
		{name: "echo of introspection, gRPC with Whittle's settings of the transport", wire: overGRPC, method: introspectMethod, client: gateway, messages: asks, bearers: 1, tuned: true},
		{name: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, messages: asks, bearers: 1},
		{name: introspectGRPC, floor: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, messages: asks, bearers: 1},
		{name: introspectOpaque, floor: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, messages: introspections(opaques), bearers: 1, long: true},
		{name: introspectCold, floor: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, once: true, more: cold, bearers: 1, long: true},
		{name: introspectColdHere, floor: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, once: true, more: coldHere, bearers: 1, long: true},
		{name: introspectRevoked, floor: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, messages: introspections(dead), long: true},
		{name: opaqueCold, floor: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, once: true, more: coldOpaque, bearers: 1, long: true},
		{name: opaqueRevoked, floor: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, messages: introspections(deadOpaque), long: true},
		{name: introspectMixed, floor: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, once: true, more: mixed, bearers: anyBearers, long: true},
		{name: opaqueMixed, floor: "echo of introspection, gRPC", wire: overGRPC, method: introspectMethod, client: gateway, once: true, more: mixedOpaque, bearers: anyBearers, long: true},
		{name: "echo of introspection, Connect JSON", wire: overConnect, method: introspectMethod, client: gateway, messages: inJSON(jwts), bearers: 1, long: true},
		{name: introspectConnect, floor: "echo of introspection, Connect JSON", wire: overConnect, method: introspectMethod, client: gateway, messages: inJSON(jwts), bearers: 1, long: true},
		{name: "echo of introspection, Connect binary", wire: overBinary, method: introspectMethod, client: gateway, messages: asks, bearers: 1, long: true},
		{name: introspectBinary, floor: "echo of introspection, Connect binary", wire: overBinary, method: introspectMethod, client: gateway, messages: asks, bearers: 1, long: true},
		{name: "echo of introspection, gRPC-Web", wire: overWeb, method: introspectMethod, client: gateway, messages: framed(asks), bearers: 1, long: true},
		{name: introspectWeb, floor: "echo of introspection, gRPC-Web", wire: overWeb, method: introspectMethod, client: gateway, messages: framed(asks), bearers: 1, long: true},
		{name: "echo of introspection, OAuth form", wire: overForm, method: introspectPath, client: gateway, messages: inForms(jwts), bearers: 1},
		{name: introspectOAuth, floor: "echo of introspection, OAuth form", wire: overForm, method: introspectPath, client: gateway, messages: inForms(jwts), bearers: 1},
		{name: opaqueOAuth, floor: "echo of introspection, OAuth form", wire: overForm, method: introspectPath, client: gateway, messages: inForms(opaques), bearers: 1},
		{name: exchangeFormFloor, wire: overForm, method: tokenPath, client: agent, messages: exchangeForms(tasks), bearers: 1},
		{name: exchangeOAuth, floor: exchangeFormFloor, wire: overForm, method: tokenPath, client: agent, messages: exchangeForms(tasks), bearers: 1},
		{name: clientOAuth, floor: exchangeFormFloor, wire: overForm, method: tokenPath, client: exporter, messages: [][]byte{[]byte(ownForm.Encode())}, bearers: 1, long: true},
		{name: "echo of a batch of 100, gRPC", wire: overGRPC, method: batchMethod, client: gateway, messages: batches(jwts, batchSize), bearers: batchSize},
		{name: introspectBatch, floor: "echo of a batch of 100, gRPC", wire: overGRPC, method: batchMethod, client: gateway, messages: batches(jwts, batchSize), bearers: batchSize},
		{name: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, messages: own(tasks), bearers: 1},
		{name: exchangeSeen, floor: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, messages: own(tasks), bearers: 1},
		{name: exchangeNew, floor: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, once: true, more: earlier, bearers: 1},
		{name: exchangeNewHere, floor: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, once: true, more: newOwn, bearers: 1},
		{name: outsideSeen, floor: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, messages: outside(outsides), bearers: 1},
		{name: outsideNew, floor: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, once: true, more: newOutside, bearers: 1},
		{name: exchangeDeep, floor: exchangeFloor, wire: overGRPC, method: exchangeMethod, client: agent, messages: own([]string{deep}), bearers: 1, long: true},
		{name: clientCredentials, floor: exchangeFloor, wire: overGRPC, method: clientMethod, client: exporter, messages: self, bearers: 1, long: true},
	}
	for _, n := range []int{1, 10, 1000} {
		rows = append(rows, row{
			name: fmt.Sprintf("introspection of a batch of %d, gRPC", n), wire: overGRPC, method: batchMethod, client: gateway,
			messages: batches(jwts, n), bearers: n, alone: true, long: true,
		})
	}
	for _, n := range []int{1, 10, 100} {
		messages, err := w.askingFor(ctx, n)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{
			name: fmt.Sprintf("exchange for %d scopes, gRPC", n), wire: overGRPC, method: exchangeMethod, client: agent,
			messages: messages, bearers: 1, alone: true, long: true,
		})
	}
	return rows, nil
}

// The names of the rows that targets are about, and others that stand beside them.
const (
	introspectGRPC     = "introspection of a JWT, gRPC"
	introspectOpaque   = "introspection of an opaque token, gRPC"
	introspectConnect  = "introspection of a JWT, Connect JSON"
	introspectBinary   = "introspection of a JWT, Connect binary"
	introspectWeb      = "introspection of a JWT, gRPC-Web"
	introspectOAuth    = "introspection of a JWT, OAuth form"
	opaqueOAuth        = "introspection of an opaque token, OAuth form"
	exchangeOAuth      = "exchange of a token seen before, OAuth form"
	clientOAuth        = "client credentials, OAuth form"
	introspectCold     = "introspection of a JWT never seen, gRPC"
	introspectColdHere = "introspection of a JWT never seen but signed by this process, gRPC"
	introspectRevoked  = "introspection of a revoked JWT, gRPC"
	opaqueCold         = "introspection of an opaque token never seen, gRPC"
	opaqueRevoked      = "introspection of a revoked opaque token, gRPC"
	introspectMixed    = "introspection of a JWT, 80 % seen, 15 % signed here and never seen, 5 % revoked, gRPC"
	opaqueMixed        = "introspection of an opaque token, 80 % seen, 15 % never seen, 5 % revoked, gRPC"
	introspectBatch    = "introspection of 100 JWTs, gRPC"
	exchangeFormFloor  = "echo of exchange, OAuth form"
	exchangeFloor      = "echo of exchange, gRPC"
	exchangeSeen       = "exchange of a token seen before, gRPC"
	exchangeNew        = "exchange of a token never seen, gRPC"
	exchangeNewHere    = "exchange of a token never seen but signed by this process, gRPC"
	outsideSeen        = "exchange of an outside JWT seen before, gRPC"
	outsideNew         = "exchange of an outside JWT never seen, gRPC"
	exchangeDeep       = "exchange at depth 8 of a token seen before, gRPC"
	clientCredentials  = "client credentials, gRPC"
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

// framed are the messages as gRPC-Web sends them: behind a byte of flags and four of length.
func framed(messages [][]byte) (out [][]byte) {
	for _, m := range messages {
		out = append(out, append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...))
	}
	return out
}

func inForms(tokens []string) (out [][]byte) {
	for _, t := range tokens {
		out = append(out, []byte(url.Values{"token": {t}, "token_type_hint": {"access_token"}}.Encode()))
	}
	return out
}

var ownForm = url.Values{"grant_type": {"client_credentials"}, "resource": {dataAPI}}

func exchangeForms(subjects []string) (out [][]byte) {
	for _, s := range subjects {
		out = append(out, []byte(url.Values{
			"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"subject_token":      {s},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
			"resource":           {dataAPI},
			"scope":              {strings.Join(scopes(), " ")},
		}.Encode()))
	}
	return out
}

// batches are so many tokens each, in as many different mixtures as fit.
func batches(tokens []string, size int) (out [][]byte) {
	for i := 0; i+size <= len(tokens); i += max(1, size/4) {
		out = append(out, encode(&whittlev1.BatchIntrospectRequest{Tokens: tokens[i : i+size]}))
	}
	return out
}

// mixture is n messages: of 20, 16 that were sent before, three of the fresh and one about a dead token.
func mixture(n int, seen, fresh, dead [][]byte) [][]byte {
	out := make([][]byte, 0, n)
	for i := range n {
		switch {
		case i%20 == 19:
			out = append(out, dead[i%len(dead)])
		case i%20 >= 16 && len(fresh) > 0:
			out, fresh = append(out, fresh[0]), fresh[1:]
		default:
			out = append(out, seen[i%len(seen)])
		}
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
