package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/whittle-sts/whittle/server/guard"
)

// Transport is how Whittle has grpc-go carry calls; the benchmark has an echo under the same.
func Transport() []grpc.ServerOption {
	return []grpc.ServerOption{
		// Workers keep their grown stacks, which a goroutine for each call has to grow anew. They come round in turn: with 256
		// of them a call finds a stack that is in no cache, and a warm introspection costs 3 % more; with 32 in flight as with
		// 256. An exchange, which waits for the disk in between, costs 2 % less with 256, and 12 % more with 32.
		grpc.NumStreamWorkers(64),
		// Windows that don't grow: a stranger has no more than this kept of a message before anybody asked who it is, and
		// the pings that measure a connection to make them grow cost an introspection 0.7 µs. A longer message gets the
		// window that it needs once the guard has let it in and its reading begins.
		grpc.StaticStreamWindowSize(64 << 10),
		grpc.StaticConnWindowSize(1 << 20),
	}
}

// serveGRPC makes the native gRPC server with every service behind the guard.
func (s *Server) serveGRPC(context.Context) error {
	limits := s.config.Limits
	options := append(Transport(),
		grpc.ForceServerCodecV2(guard.Codec()),
		grpc.MaxRecvMsgSize(limits.Message),
		grpc.MaxConcurrentStreams(uint32(limits.Streams)),
		grpc.MaxHeaderListSize(uint32(limits.Header)),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: 15 * time.Minute, Time: 2 * time.Minute, Timeout: 20 * time.Second,
		}),
	)
	if s.tls != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(s.tls)))
	}
	s.grpc = grpc.NewServer(options...)
	s.onClose(func() error { s.grpc.Stop(); return nil })
	if err := s.services.RegisterGRPC(s.grpc, s.guard); err != nil {
		return err
	}
	s.health = health.NewServer()
	grpc_health_v1.RegisterHealthServer(s.grpc, checkedHealth{s.health})
	if s.config.Reflection {
		reflection.Register(s.grpc)
	}
	return nil
}

// checkedHealth tells whoever asks. Nobody has to say who they are for that, so nobody may watch either: a stream is kept for as
// long as its caller likes, and they could open any number.
type checkedHealth struct{ *health.Server }

// Watch is refused in the way that tells callers to do without (gRPC Health Checking Protocol).
func (checkedHealth) Watch(in *grpc_health_v1.HealthCheckRequest, to grpc_health_v1.Health_WatchServer) error {
	return grpc_health_v1.UnimplementedHealthServer{}.Watch(in, to)
}
