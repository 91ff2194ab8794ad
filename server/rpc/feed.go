package rpc

import (
	"context"

	"google.golang.org/grpc"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
	"github.com/whittle-sts/whittle/store"
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

// ExportEntries implements the rpc.
func (s *feed) ExportEntries(m *whittlev1.ExportEntriesRequest, stream grpc.ServerStreamingServer[whittlev1.ExportEntriesResponse]) error {
	return export(stream.Context(), s.engine, m, stream.Send)
}

// connectFeed is the same for Connect and gRPC-Web.
type connectFeed struct{ engine *engine.Engine }

// FollowEntries implements the rpc.
func (s *connectFeed) FollowEntries(ctx context.Context, m *whittlev1.FollowEntriesRequest,
	stream whittlev1connect.AuditFeedServiceFollowEntriesServerStream) error {
	return follow(ctx, s.engine, m, stream.Send)
}

// ExportEntries implements the rpc.
func (s *connectFeed) ExportEntries(ctx context.Context, m *whittlev1.ExportEntriesRequest,
	stream whittlev1connect.AuditFeedServiceExportEntriesServerStream) error {
	return export(ctx, s.engine, m, stream.Send)
}

func export(ctx context.Context, e *engine.Engine, m *whittlev1.ExportEntriesRequest,
	send func(*whittlev1.ExportEntriesResponse) error) error {
	return e.Export(ctx, caller.Of(ctx), m.GetFrom(), m.GetWitnessed(), func(c store.Checkpoint, proof []engine.Hash) error {
		out := &whittlev1.ExportEntriesResponse{Checkpoint: string(c.Note), Size: c.Size, Consistency: toHashes(proof)}
		for _, h := range e.Handovers() {
			out.Handovers = append(out.Handovers, string(h))
		}
		return send(out)
	}, func(p audit.Proved) error {
		out := &whittlev1.ProvedEntry{Index: p.Index, Sealed: p.Bytes}
		if p.Dropped.Class != "" {
			out.LeafHash = p.Leaf[:]
		}
		for i := range p.Proof {
			out.Hashes = append(out.Hashes, p.Proof[i][:])
		}
		return send(&whittlev1.ExportEntriesResponse{Entry: out})
	})
}

func follow(ctx context.Context, e *engine.Engine, m *whittlev1.FollowEntriesRequest,
	send func(*whittlev1.FollowEntriesResponse) error) error {
	request := engine.FollowRequest{From: m.From, Filter: fromFilter(m.GetFilter())}
	return e.FollowEntries(ctx, caller.Of(ctx), request, func(entry *engine.Entry, next uint64) error {
		out := &whittlev1.FollowEntriesResponse{Next: next}
		if entry != nil {
			out.Entry = toEntry(*entry)
		}
		return send(out)
	})
}
