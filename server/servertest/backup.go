package servertest

import (
	"context"

	"connectrpc.com/connect/v2/connecthttp"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
)

// Backups makes backups over one of the wires that stream. Backup returns what receives the next
// message; its errors are [*Refusal]s.
type Backups struct {
	Name   string
	Backup func(context.Context, Client, *whittlev1.BackupRequest) func() (*whittlev1.BackupResponse, error)
}

// Backups is all of them.
func (w *World) Backups() []Backups {
	return []Backups{
		w.grpcBackups(), w.connectBackups("connect"), w.connectBackups("connect-json", connecthttp.WithProtoJSON()),
		w.connectBackups("grpcweb", connecthttp.WithGRPCWeb()),
	}
}

func (w *World) grpcBackups() Backups {
	client := whittlev1.NewBackupServiceClient(w.Conn)
	return Backups{"grpc", func(ctx context.Context, c Client, m *whittlev1.BackupRequest) func() (*whittlev1.BackupResponse, error) {
		stream, err := client.Backup(w.As(ctx, c), m)
		return func() (*whittlev1.BackupResponse, error) {
			if err != nil {
				return nil, fromGRPC(err)
			}
			next, err := stream.Recv()
			return next, fromGRPC(err)
		}
	}}
}

func (w *World) connectBackups(name string, options ...connecthttp.Option) Backups {
	client := whittlev1connect.NewBackupServiceClient(w.ConnectClient(options...))
	return Backups{name, func(ctx context.Context, c Client, m *whittlev1.BackupRequest) func() (*whittlev1.BackupResponse, error) {
		stream, err := client.Backup(asConnect(ctx, c), m)
		return func() (*whittlev1.BackupResponse, error) {
			if err != nil {
				return nil, fromConnect(err)
			}
			next, err := stream.Receive()
			return next, fromConnect(err)
		}
	}}
}
