package servertest

import (
	"context"

	"connectrpc.com/connect/v2/connecthttp"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
)

// Feed follows the audit log over one of the wires that stream. Follow returns what receives the next
// message; its errors are [*Refusal]s.
type Feed struct {
	Name   string
	Follow func(context.Context, Client, *whittlev1.FollowEntriesRequest) func() (*whittlev1.FollowEntriesResponse, error)
}

// Feeds is all of them: native gRPC, Connect in both codecs, and gRPC-Web.
func (w *World) Feeds() []Feed {
	return []Feed{
		w.grpcFeed(), w.connectFeed("connect"), w.connectFeed("connect-json", connecthttp.WithProtoJSON()),
		w.connectFeed("grpcweb", connecthttp.WithGRPCWeb()),
	}
}

func (w *World) grpcFeed() Feed {
	client := whittlev1.NewAuditFeedServiceClient(w.Conn)
	return Feed{"grpc", func(ctx context.Context, c Client,
		m *whittlev1.FollowEntriesRequest) func() (*whittlev1.FollowEntriesResponse, error) {
		stream, err := client.FollowEntries(w.As(ctx, c), m)
		return func() (*whittlev1.FollowEntriesResponse, error) {
			if err != nil {
				return nil, fromGRPC(err)
			}
			next, err := stream.Recv()
			return next, fromGRPC(err)
		}
	}}
}

func (w *World) connectFeed(name string, options ...connecthttp.Option) Feed {
	client := whittlev1connect.NewAuditFeedServiceClient(w.ConnectClient(options...))
	return Feed{name, func(ctx context.Context, c Client, m *whittlev1.FollowEntriesRequest) func() (*whittlev1.FollowEntriesResponse, error) {
		stream, err := client.FollowEntries(asConnect(ctx, c), m)
		return func() (*whittlev1.FollowEntriesResponse, error) {
			if err != nil {
				return nil, fromConnect(err)
			}
			next, err := stream.Receive()
			return next, fromConnect(err)
		}
	}}
}
