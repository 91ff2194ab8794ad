package servertest

import (
	"context"
	"net/http"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/internal/ledger"
)

// Wire speaks one of the server's wires. Requests and answers are those of the contract, whatever the
// wire makes of them; refusals are [*Refusal].
type Wire interface {
	Name() string
	Exchange(context.Context, Client, *whittlev1.ExchangeRequest) (*whittlev1.IssuedToken, error)
	ClientCredentials(context.Context, Client, *whittlev1.ClientCredentialsRequest) (*whittlev1.IssuedToken, error)
	Introspect(context.Context, Client, *whittlev1.IntrospectRequest) (*whittlev1.Introspection, error)
	RevokeToken(context.Context, Client, *whittlev1.RevokeTokenRequest) error
}

// Wires is all of them: native gRPC, Connect in both codecs, gRPC-Web, and OAuth HTTP.
func (w *World) Wires() []Wire {
	return []Wire{
		w.GRPC(), w.Connect("connect"), w.Connect("connect-json", connecthttp.WithProtoJSON()),
		w.Connect("grpcweb", connecthttp.WithGRPCWeb()), w.OAuth(),
	}
}

// rpcWire is a wire of the generated clients.
type rpcWire struct {
	tb         testing.TB
	name       string
	as         func(context.Context, Client) context.Context
	exchange   func(context.Context, *whittlev1.ExchangeRequest) (*whittlev1.ExchangeResponse, error)
	ask        func(context.Context, *whittlev1.ClientCredentialsRequest) (*whittlev1.ClientCredentialsResponse, error)
	introspect func(context.Context, *whittlev1.IntrospectRequest) (*whittlev1.IntrospectResponse, error)
	revoke     func(context.Context, *whittlev1.RevokeTokenRequest) (*whittlev1.RevokeTokenResponse, error)
	refusal    func(error) error
}

func (w *rpcWire) Name() string { return w.name }

func (w *rpcWire) Exchange(ctx context.Context, c Client, m *whittlev1.ExchangeRequest) (*whittlev1.IssuedToken, error) {
	out, err := w.exchange(w.as(ctx, c), m)
	ledger.Note(w.tb, out.GetToken().GetAccessToken())
	return out.GetToken(), w.refusal(err)
}

func (w *rpcWire) ClientCredentials(ctx context.Context, c Client, m *whittlev1.ClientCredentialsRequest) (*whittlev1.IssuedToken, error) {
	out, err := w.ask(w.as(ctx, c), m)
	ledger.Note(w.tb, out.GetToken().GetAccessToken())
	return out.GetToken(), w.refusal(err)
}

func (w *rpcWire) Introspect(ctx context.Context, c Client, m *whittlev1.IntrospectRequest) (*whittlev1.Introspection, error) {
	out, err := w.introspect(w.as(ctx, c), m)
	return out.GetIntrospection(), w.refusal(err)
}

func (w *rpcWire) RevokeToken(ctx context.Context, c Client, m *whittlev1.RevokeTokenRequest) error {
	_, err := w.revoke(w.as(ctx, c), m)
	return w.refusal(err)
}

// GRPC is native gRPC.
func (w *World) GRPC() Wire {
	tokens, looks := whittlev1.NewTokenServiceClient(w.Conn), whittlev1.NewIntrospectionServiceClient(w.Conn)
	revocations := whittlev1.NewRevocationServiceClient(w.Conn)
	return &rpcWire{
		tb: w.tb, name: "grpc", as: w.As, refusal: fromGRPC,
		exchange: func(ctx context.Context, m *whittlev1.ExchangeRequest) (*whittlev1.ExchangeResponse, error) {
			return tokens.Exchange(ctx, m)
		},
		ask: func(ctx context.Context, m *whittlev1.ClientCredentialsRequest) (*whittlev1.ClientCredentialsResponse, error) {
			return tokens.ClientCredentials(ctx, m)
		},
		introspect: func(ctx context.Context, m *whittlev1.IntrospectRequest) (*whittlev1.IntrospectResponse, error) {
			return looks.Introspect(ctx, m)
		},
		revoke: func(ctx context.Context, m *whittlev1.RevokeTokenRequest) (*whittlev1.RevokeTokenResponse, error) {
			return revocations.RevokeToken(ctx, m)
		},
	}
}

// Connect is the HTTP listener by one of Connect's protocols and codecs.
func (w *World) Connect(name string, options ...connecthttp.Option) Wire {
	client := w.ConnectClient(options...)
	tokens, revocations := whittlev1connect.NewTokenServiceClient(client), whittlev1connect.NewRevocationServiceClient(client)
	return &rpcWire{
		tb: w.tb, name: name, refusal: fromConnect, as: asConnect,
		exchange: tokens.Exchange, ask: tokens.ClientCredentials, revoke: revocations.RevokeToken,
		introspect: whittlev1connect.NewIntrospectionServiceClient(client).Introspect,
	}
}

// ConnectClient is a client of the HTTP listener for any of the generated services.
func (w *World) ConnectClient(options ...connecthttp.Option) *connect.Client {
	return connect.NewClient(connecthttp.NewTransport(overHTTP2(w.tb), w.HTTPURL(), options...))
}

func asConnect(ctx context.Context, c Client) context.Context {
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set("Authorization", c.Basic())
	return ctx
}

func overHTTP2(tb testing.TB) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
