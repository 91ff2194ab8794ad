package rpc

import (
	"context"

	"google.golang.org/grpc"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
)

// feed is AuditFeedService for gRPC. The two wires' signatures of a stream differ, so each has a thin
// adapter around follow.
type feed struct {
	whittlev1.UnsafeAuditFeedServiceServer

	engine *engine.Engine
}

// FollowEntries implements the rpc.
func (s *feed) FollowEntries(m *whittlev1.FollowEntriesRequest, stream grpc.ServerStreamingServer[whittlev1.FollowEntriesResponse]) error {
	return follow(stream.Context(), s.engine, m, stream.Send)
}

// connectFeed is the same for Connect and gRPC-Web.
type connectFeed struct{ engine *engine.Engine }

// FollowEntries implements the rpc.
func (s *connectFeed) FollowEntries(ctx context.Context, m *whittlev1.FollowEntriesRequest, stream whittlev1connect.AuditFeedServiceFollowEntriesServerStream) error {
	return follow(ctx, s.engine, m, stream.Send)
}

func follow(ctx context.Context, e *engine.Engine, m *whittlev1.FollowEntriesRequest, send func(*whittlev1.FollowEntriesResponse) error) error {
	request := engine.FollowRequest{From: m.From, Filter: fromFilter(m.GetFilter())}
	return e.FollowEntries(ctx, caller.Of(ctx), request, func(entry *engine.Entry, next uint64) error {
		out := &whittlev1.FollowEntriesResponse{Next: next}
		if entry != nil {
			out.Entry = toEntry(*entry)
		}
		return send(out)
	})
}
