package rpc

import (
	"context"
	"encoding/hex"

	"google.golang.org/grpc"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
)

// backups is BackupService for gRPC.
type backups struct {
	whittlev1.UnsafeBackupServiceServer

	engine *engine.Engine
}

// Backup implements the rpc.
func (s *backups) Backup(m *whittlev1.BackupRequest, stream grpc.ServerStreamingServer[whittlev1.BackupResponse]) error {
	return backup(stream.Context(), s.engine, m, stream.Send)
}

// connectBackups is the same for Connect and gRPC-Web.
type connectBackups struct{ engine *engine.Engine }

// Backup implements the rpc.
func (s *connectBackups) Backup(ctx context.Context, m *whittlev1.BackupRequest,
	stream whittlev1connect.BackupServiceBackupServerStream) error {
	return backup(ctx, s.engine, m, stream.Send)
}

func backup(ctx context.Context, e *engine.Engine, m *whittlev1.BackupRequest, send func(*whittlev1.BackupResponse) error) error {
	made, err := e.Backup(ctx, caller.Of(ctx), m.GetNote(), func(data []byte) error {
		return send(&whittlev1.BackupResponse{Data: data})
	})
	if err != nil {
		return err
	}
	return send(&whittlev1.BackupResponse{Summary: &whittlev1.BackupSummary{
		Sha256: made.SHA256[:], Bytes: made.Bytes, Generation: hex.EncodeToString(made.State.Generation[:]),
		Entries: made.State.Size, RevocationSequence: made.State.Rev, PolicyVersion: made.State.Policy,
	}})
}
