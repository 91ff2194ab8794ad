package guard

import (
	"context"
	"errors"
	"io"
	"net/netip"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
	"github.com/whittle-sts/whittle/server/fault"
)

// Interceptor is the guard for Connect and gRPC-Web.
func (g *Guard) Interceptor() connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			info, ok := connect.CallInfoForServerContext(ctx)
			if !ok {
				return fault.Connect(errors.New("guard: a call without its metadata"))
			}
			info.ResponseHeader().Set("Cache-Control", "no-store") // tokens, and what they are good for (RFC 6749 section 5.1)
			err := g.serveConnect(ctx, fromConnect(ctx, spec, info), spec, stream, next)
			if err == nil {
				return nil
			}
			if fault.Of(err).Code == engine.InvalidClient {
				info.ResponseHeader().Set("WWW-Authenticate", fault.Challenge)
			}
			return fault.Connect(err)
		}
	}
}

func (g *Guard) serveConnect(ctx context.Context, r Request, spec connect.Spec, stream connect.ServerStream, next connect.ServerFunc) error {
	if err := checkTimeout(ctx); err != nil {
		return g.Do(ctx, r, func(context.Context) error { return err })
	}
	if !g.Streams(r.Method) {
		return g.Do(ctx, r, func(ctx context.Context) error { return next(ctx, spec, checked{stream, g}) })
	}
	return g.Stream(ctx, r, func(ctx context.Context, again Again) error {
		return next(ctx, spec, connectStream{checked{stream, g}, again})
	})
}

// ConnectCodecs is the codecs that Connect and gRPC-Web need: Connect's own for JSON drops members that
// the contract doesn't have before the guard sees them.
func ConnectCodecs() []connect.Codec {
	strict := connectproto.NewJSONCodec()
	strict.UnmarshalOptions.DiscardUnknown = false
	return []connect.Codec{connectproto.NewBinaryCodec(), strict}
}

// checked is a stream whose messages are in shape.
type checked struct {
	connect.ServerStream
	guard *Guard
}

// Receive decodes the next message and checks its shape.
func (s checked) Receive(message any) error {
	err := s.ServerStream.Receive(message)
	if errors.Is(err, io.EOF) {
		return err
	}
	if err != nil {
		return fault.FromConnect(err)
	}
	return s.guard.validate(message)
}

// connectStream is a stream whose messages leave only while the caller may have them.
type connectStream struct {
	checked
	again Again
}

// Send sends the next message.
func (s connectStream) Send(message any) error {
	if err := s.again(); err != nil {
		return err
	}
	return s.checked.Send(message)
}

// Peer is the address that net/http has of a peer; zero if that is none.
func Peer(text string) netip.AddrPort {
	at, _ := netip.ParseAddrPort(text)
	return at
}

func fromConnect(ctx context.Context, spec connect.Spec, info *connect.CallInfo) Request {
	return Request{
		Method: spec.Procedure, Wire: Wire(info.Protocol), Remote: Peer(info.PeerAddr), Trace: info.RequestHeader().Get(Traceparent),
		Visit: VisitOf(ctx), Envelope: connectEnvelope{info},
	}
}

// connectEnvelope is the headers of a call over Connect or gRPC-Web.
type connectEnvelope struct{ info *connect.CallInfo }

func (e connectEnvelope) Credentials() (clientauth.Credentials, error) {
	return caller.FromHeaders(e.info.RequestHeader().Values)
}

func (e connectEnvelope) Tell(id string) { e.info.ResponseHeader().Set(RequestID, id) }
