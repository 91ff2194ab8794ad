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
	if len(desc.Streams) > 0 {
		return nil, fmt.Errorf("guard: %s has streams, which nothing guards", desc.ServiceName)
	}
	guarded := *desc
	guarded.Methods = make([]grpc.MethodDesc, len(desc.Methods))
	for i, m := range desc.Methods {
		name := fmt.Sprintf("/%s/%s", desc.ServiceName, m.MethodName)
		if _, ok := g.methods[name]; !ok {
			return nil, fmt.Errorf("guard: no entry in the table for %s", name)
		}
		guarded.Methods[i] = grpc.MethodDesc{MethodName: m.MethodName, Handler: g.unary(name, m.Handler)}
	}
	return &guarded, nil
}

func (g *Guard) unary(name string, handler grpc.MethodHandler) grpc.MethodHandler {
	return func(server any, ctx context.Context, decode func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
		var answer any
		err := g.Do(ctx, fromGRPC(ctx, name), func(ctx context.Context) (err error) {
			answer, err = handler(server, ctx, g.decoding(ctx, decode), chain)
			return err
		})
		if err == nil {
			return answer, nil
		}
		if fault.Of(err).Code == engine.InvalidClient {
			// The caller is told anyway; a challenge that can't be sent isn't worth more.
			_ = grpc.SetHeader(ctx, metadata.Pairs("www-authenticate", fault.Challenge))
		}
		return nil, fault.GRPC(err)
	}
}

// decoding is decode followed by the check of the message's shape. What the codec says is dropped:
// it may quote the message. What decode itself says, grpc-go has answered already: too large, or gone.
func (g *Guard) decoding(ctx context.Context, decode func(any) error) func(any) error {
	return func(message any) error {
		in := &received{message: message}
		if err := decode(in); err != nil {
			return cmp.Or(ctx.Err(), fault.ErrTooLarge)
		}
		if in.err != nil {
			return fault.Unreadable()
		}
		return g.validate(message)
	}
}

func fromGRPC(ctx context.Context, name string) Request {
	remote := ""
	if p, ok := peer.FromContext(ctx); ok {
		remote = p.Addr.String()
	}
	return Request{
		Method: name, Wire: GRPC, Remote: remote,
		Credentials: func() (clientauth.Credentials, error) {
			return caller.FromHeaders(func(name string) []string { return metadata.ValueFromIncomingContext(ctx, name) })
		},
	}
}
