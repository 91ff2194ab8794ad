package main

import (
	"context"
	"fmt"

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
	p := planner{world: w}
	for _, part := range []func(context.Context) error{p.issue, p.looksAtJWTs, p.looksAtOpaque, p.looksOverHTTP, p.batches, p.exchanges, p.overForms, p.scopes} {
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	return p.rows, nil
}

// planner adds rows. Where several ask about the same tokens, they share them.
type planner struct {
	world *world
	rows  []row

	jwts, opaques, tasks []string
}

func (p *planner) issue(ctx context.Context) (err error) {
	if p.jwts, err = p.world.issue(ctx, warmTokens, agent, dataAPI); err != nil {
		return err
	}
	if p.opaques, err = p.world.issue(ctx, warmTokens, opaque, dataAPI); err != nil {
		return err
	}
	p.tasks, err = p.world.issue(ctx, warmTokens, agent)
	return err
}

// newly makes messages about tokens that the client has just been issued.
func (p *planner) newly(ctx context.Context, about func([]string) [][]byte, client string, resources ...string) func(n int) ([][]byte, error) {
	return func(n int) ([][]byte, error) {
		made, err := p.world.issue(ctx, n, client, resources...)
		return about(made), err
	}
}

// mixed makes mixtures, of which the fresh ones are made anew each time.
func mixed(seen [][]byte, fresh func(n int) ([][]byte, error), dead [][]byte) func(n int) ([][]byte, error) {
	return func(n int) ([][]byte, error) {
		made, err := fresh(n*15/100 + 1)
		return mixture(n, seen, made, dead), err
	}
}

// looks adds rows that look at one token over gRPC.
func (p *planner) looks(rows ...row) {
	for _, r := range rows {
		r.wire, r.method, r.client = overGRPC, introspectMethod, gateway
		p.rows = append(p.rows, r)
	}
}

func (p *planner) looksAtJWTs(ctx context.Context) error {
	dead, err := p.world.revoked(ctx, warmTokens, agent)
	if err != nil {
		return err
	}
	asks := introspections(p.jwts)
	earlier := func(int) ([][]byte, error) {
		taken, err := p.world.earlierLooks.take()
		return introspections(taken), err
	}
	fresh := p.newly(ctx, introspections, agent, dataAPI)
	p.looks(
		row{name: introspectTuned, messages: asks, bearers: 1, tuned: true},
		row{name: introspectFloor, messages: asks, bearers: 1},
		row{name: introspectGRPC, floor: introspectFloor, messages: asks, bearers: 1},
		row{name: introspectCold, floor: introspectFloor, once: true, more: earlier, bearers: 1, long: true},
		row{name: introspectColdHere, floor: introspectFloor, once: true, more: fresh, bearers: 1, long: true},
		row{name: introspectRevoked, floor: introspectFloor, messages: introspections(dead), long: true},
		row{name: introspectMixed, floor: introspectFloor, once: true, more: mixed(asks, fresh, introspections(dead)), bearers: anyBearers, long: true},
	)
	return nil
}

func (p *planner) looksAtOpaque(ctx context.Context) error {
	dead, err := p.world.revoked(ctx, warmTokens, opaque)
	if err != nil {
		return err
	}
	asks := introspections(p.opaques)
	fresh := p.newly(ctx, introspections, opaque, dataAPI)
	p.looks(
		row{name: opaqueFloor, messages: asks, bearers: 1, long: true},
		row{name: introspectOpaque, floor: opaqueFloor, messages: asks, bearers: 1, long: true},
		row{name: opaqueCold, floor: opaqueFloor, once: true, more: fresh, bearers: 1, long: true},
		row{name: opaqueRevoked, floor: opaqueFloor, messages: introspections(dead), long: true},
		row{name: opaqueMixed, floor: opaqueFloor, once: true, more: mixed(asks, fresh, introspections(dead)), bearers: anyBearers, long: true},
	)
	return nil
}

func (p *planner) looksOverHTTP(context.Context) error {
	asks, json := introspections(p.jwts), inJSON(p.jwts)
	for _, r := range []row{
		{name: connectFloor, wire: overConnect, messages: json},
		{name: introspectConnect, floor: connectFloor, wire: overConnect, messages: json},
		{name: binaryFloor, wire: overBinary, messages: asks},
		{name: introspectBinary, floor: binaryFloor, wire: overBinary, messages: asks},
		{name: webFloor, wire: overWeb, messages: framed(asks)},
		{name: introspectWeb, floor: webFloor, wire: overWeb, messages: framed(asks)},
	} {
		r.method, r.client, r.bearers, r.long = introspectMethod, gateway, 1, true
		p.rows = append(p.rows, r)
	}
	return nil
}

func (p *planner) batches(context.Context) error {
	of := func(n int) [][]byte { return batches(p.jwts, n) }
	for _, r := range []row{
		{name: batchFloor, messages: of(batchSize), bearers: batchSize},
		{name: introspectBatch, floor: batchFloor, messages: of(batchSize), bearers: batchSize},
		{name: batchOf(1), messages: of(1), bearers: 1, alone: true, long: true},
		{name: batchOf(10), messages: of(10), bearers: 10, alone: true, long: true},
		{name: batchOf(1000), messages: of(1000), bearers: 1000, alone: true, long: true},
	} {
		r.wire, r.method, r.client = overGRPC, batchMethod, gateway
		p.rows = append(p.rows, r)
	}
	return nil
}

func batchOf(n int) string { return fmt.Sprintf("introspection of a batch of %d, gRPC", n) }

// trades adds rows that exchange a token over gRPC.
func (p *planner) trades(rows ...row) {
	for _, r := range rows {
		r.wire, r.method, r.client, r.bearers = overGRPC, exchangeMethod, agent, 1
		p.rows = append(p.rows, r)
	}
}

func (p *planner) exchanges(ctx context.Context) error {
	outsides, err := p.world.outsides(warmTokens)
	if err != nil {
		return err
	}
	deep, err := p.world.deep(ctx, 7)
	if err != nil {
		return err
	}
	own, outside := exchanges(whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN), exchanges(whittlev1.TokenType_TOKEN_TYPE_JWT)
	earlier := func(int) ([][]byte, error) {
		taken, err := p.world.earlierTasks.take()
		return own(taken), err
	}
	freshOutside := func(n int) ([][]byte, error) {
		made, err := p.world.outsides(n)
		return outside(made), err
	}
	p.trades(
		row{name: exchangeFloor, messages: own(p.tasks)},
		row{name: exchangeSeen, floor: exchangeFloor, messages: own(p.tasks)},
		row{name: exchangeNew, floor: exchangeFloor, once: true, more: earlier},
		row{name: exchangeNewHere, floor: exchangeFloor, once: true, more: p.newly(ctx, own, agent)},
		row{name: outsideFloor, messages: outside(outsides)},
		row{name: outsideSeen, floor: outsideFloor, messages: outside(outsides)},
		row{name: outsideNew, floor: outsideFloor, once: true, more: freshOutside},
		row{name: exchangeDeep, messages: own([]string{deep}), alone: true, long: true},
	)
	itself := [][]byte{encode(&whittlev1.ClientCredentialsRequest{Resource: []string{dataAPI}})}
	p.rows = append(p.rows, row{name: clientCredentials, wire: overGRPC, method: clientMethod, client: exporter, messages: itself, bearers: 1, alone: true, long: true})
	return nil
}

func (p *planner) overForms(context.Context) error {
	for _, r := range []row{
		{name: introspectFormFloor, method: introspectPath, client: gateway, messages: inForms(p.jwts)},
		{name: introspectOAuth, floor: introspectFormFloor, method: introspectPath, client: gateway, messages: inForms(p.jwts)},
		{name: opaqueFormFloor, method: introspectPath, client: gateway, messages: inForms(p.opaques), long: true},
		{name: opaqueOAuth, floor: opaqueFormFloor, method: introspectPath, client: gateway, messages: inForms(p.opaques)},
		{name: exchangeFormFloor, method: tokenPath, client: agent, messages: exchangeForms(p.tasks)},
		{name: exchangeOAuth, floor: exchangeFormFloor, method: tokenPath, client: agent, messages: exchangeForms(p.tasks)},
		{name: clientOAuth, method: tokenPath, client: exporter, messages: [][]byte{[]byte(ownForm.Encode())}, alone: true, long: true},
	} {
		r.wire, r.bearers = overForm, 1
		p.rows = append(p.rows, r)
	}
	return nil
}

func (p *planner) scopes(ctx context.Context) error {
	for _, n := range []int{1, 10, 100} {
		messages, err := p.world.askingFor(ctx, n)
		if err != nil {
			return err
		}
		p.trades(row{name: fmt.Sprintf("exchange for %d scopes, gRPC", n), messages: messages, alone: true, long: true})
	}
	return nil
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
	introspectBatch    = "introspection of a batch of 100, gRPC"
	exchangeSeen       = "exchange of a token seen before, gRPC"
	exchangeNew        = "exchange of a token never seen, gRPC"
	exchangeNewHere    = "exchange of a token never seen but signed by this process, gRPC"
	outsideSeen        = "exchange of an outside JWT seen before, gRPC"
	outsideNew         = "exchange of an outside JWT never seen, gRPC"
	exchangeDeep       = "exchange at depth 8 of a token seen before, gRPC"
	clientCredentials  = "client credentials, gRPC"
)

// The names of the floors.
const (
	introspectTuned     = "echo of introspection, gRPC with Whittle's settings of the transport"
	introspectFloor     = "echo of introspection, gRPC"
	connectFloor        = "echo of introspection, Connect JSON"
	binaryFloor         = "echo of introspection, Connect binary"
	webFloor            = "echo of introspection, gRPC-Web"
	introspectFormFloor = "echo of introspection, OAuth form"
	opaqueFloor         = "echo of introspection of an opaque token, gRPC"
	opaqueFormFloor     = "echo of introspection of an opaque token, OAuth form"
	batchFloor          = "echo of a batch of 100, gRPC"
	exchangeFloor       = "echo of exchange, gRPC"
	exchangeFormFloor   = "echo of exchange, OAuth form"
	outsideFloor        = "echo of exchange of an outside JWT, gRPC"
)
