package guard

import (
	"cmp"
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
	"github.com/whittle-sts/whittle/server/fault"
)

// Service is the description of a gRPC service with the guard before each of its methods. An
// interceptor would come too late: grpc-go has read and decoded the message by then, and credentials
// are checked before that. The server must use [Codec].
func (g *Guard) Service(desc *grpc.ServiceDesc) (*grpc.ServiceDesc, error) {
	guarded := *desc
	guarded.Methods = make([]grpc.MethodDesc, len(desc.Methods))
	for i, m := range desc.Methods {
		name, err := g.registered(desc, m.MethodName, false)
		if err != nil {
			return nil, err
		}
		guarded.Methods[i] = grpc.MethodDesc{MethodName: m.MethodName, Handler: g.unary(name, m.Handler)}
	}
	guarded.Streams = make([]grpc.StreamDesc, len(desc.Streams))
	for i, m := range desc.Streams {
		name, err := g.registered(desc, m.StreamName, true)
		if err != nil {
			return nil, err
		}
		m.Handler = g.streaming(name, m.Handler)
		guarded.Streams[i] = m
	}
	return &guarded, nil
}

// registered is the full name of a method that the table has, as one that streams or doesn't.
func (g *Guard) registered(desc *grpc.ServiceDesc, method string, streams bool) (string, error) {
	name := fmt.Sprintf("/%s/%s", desc.ServiceName, method)
	m, ok := g.methods[name]
	if !ok {
		return "", fmt.Errorf("guard: no entry in the table for %s", name)
	}
	if m.streams != streams {
		return "", fmt.Errorf("guard: gRPC and the contract differ in whether %s streams", name)
	}
	return name, nil
}

func (g *Guard) unary(name string, handler grpc.MethodHandler) grpc.MethodHandler {
	return func(server any, ctx context.Context, decode func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
		var answer any
		call := &unaryCall{grpcEnvelope: grpcEnvelope{ctx}, guard: g, decode: decode}
		err := g.Do(ctx, call.request(name), func(ctx context.Context) (err error) {
			call.ctx = ctx
			answer, err = handler(server, ctx, call.receive, chain)
			return err
		})
		if err == nil {
			return answer, nil
		}
		return nil, answerGRPC(ctx, err)
	}
}

// streaming is unary for a method that answers with many messages.
func (g *Guard) streaming(name string, handler grpc.StreamHandler) grpc.StreamHandler {
	return func(server any, stream grpc.ServerStream) error {
		envelope := &grpcEnvelope{stream.Context()}
		err := g.Stream(stream.Context(), envelope.request(name), func(ctx context.Context, again Again) error {
			return handler(server, &grpcStream{stream, ctx, g, again})
		})
		if err == nil {
			return nil
		}
		return answerGRPC(stream.Context(), err)
	}
}

// answerGRPC is the error as grpc-go sends it, with the challenge that belongs to it.
func answerGRPC(ctx context.Context, err error) error {
	if fault.Of(err).Code == engine.InvalidClient {
		// The caller is told anyway; a challenge that can't be sent isn't worth more.
		_ = grpc.SetHeader(ctx, metadata.Pairs("www-authenticate", fault.Challenge))
	}
	return fault.GRPC(err)
}

// grpcStream is a stream whose request is in shape and whose messages leave only while the caller may
// have them.
type grpcStream struct {
	grpc.ServerStream
	ctx   context.Context
	guard *Guard
	again Again
}

// Context is the guarded one.
func (s *grpcStream) Context() context.Context { return s.ctx }

// RecvMsg decodes the request and checks its shape. What the codec says is dropped, as in unaryCall.
func (s *grpcStream) RecvMsg(message any) error {
	in := &received{message: message}
	if err := s.ServerStream.RecvMsg(in); err != nil {
		return fault.FromGRPC(err)
	}
	if in.err != nil {
		return fault.Unreadable()
	}
	return s.guard.validate(message)
}

// SendMsg sends the next message.
func (s *grpcStream) SendMsg(message any) error {
	if err := s.again(); err != nil {
		return err
	}
	return s.ServerStream.SendMsg(message)
}

// unaryCall is one call of a method that takes one message and gives one, in one object.
type unaryCall struct {
	grpcEnvelope
	guard  *Guard
	decode func(any) error
	in     received
}

// receive is decode followed by the check of the message's shape. What the codec says is dropped:
// it may quote the message. What decode itself says, grpc-go has answered already: too large, or gone.
func (c *unaryCall) receive(message any) error {
	c.in.message = message
	if err := c.decode(&c.in); err != nil {
		return cmp.Or(c.ctx.Err(), fault.ErrTooLarge)
	}
	if c.in.err != nil {
		return fault.Unreadable()
	}
	return c.guard.validate(message)
}

// RequestID and Traceparent as gRPC spells them. In another spelling a value is found too, but by a look at all keys.
const (
	requestIDMetadata   = "x-request-id"
	traceparentMetadata = "traceparent"
)

// grpcEnvelope is the metadata of a call over gRPC.
type grpcEnvelope struct{ ctx context.Context }

func (e *grpcEnvelope) request(name string) Request {
	r := Request{Method: name, Wire: GRPC, Envelope: e}
	if p, ok := peer.FromContext(e.ctx); ok {
		if visit, ok := p.Addr.(*Visit); ok {
			r.Remote, r.Visit = visit.Remote(), visit
		}
	}
	if values := e.values(traceparentMetadata); len(values) == 1 {
		r.Trace = values[0]
	}
	return r
}

func (e *grpcEnvelope) values(name string) []string {
	return metadata.ValueFromIncomingContext(e.ctx, name)
}

func (e *grpcEnvelope) Credentials() (clientauth.Credentials, error) {
	return caller.FromMetadata(e.values)
}

// Tell doesn't mind if it can't: a caller that isn't told can do without.
func (e *grpcEnvelope) Tell(id string) {
	_ = grpc.SetHeader(e.ctx, metadata.MD{requestIDMetadata: {id}})
}
