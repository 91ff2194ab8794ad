package servertest

import (
	"context"
	"errors"
	"io"

	"connectrpc.com/connect/v2/connecthttp"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
)

// Privacy asks for people over one of the wires that stream. Export returns what receives the next message, and
// io.EOF after the last. All other errors are [*Refusal]s.
type Privacy struct {
	Name   string
	Export func(context.Context, Client, *whittlev1.ExportPersonRequest) func() (*whittlev1.ExportPersonResponse, error)
	Erase  func(context.Context, Client, *whittlev1.ErasePersonRequest) (*whittlev1.ErasePersonResponse, error)
}

// Privacy is all of them.
func (w *World) Privacy() []Privacy {
	return []Privacy{
		w.grpcPrivacy(), w.connectPrivacy("connect"), w.connectPrivacy("connect-json", connecthttp.WithProtoJSON()),
		w.connectPrivacy("grpcweb", connecthttp.WithGRPCWeb()),
	}
}

func (w *World) grpcPrivacy() Privacy {
	export, erase := whittlev1.NewPersonExportServiceClient(w.Conn), whittlev1.NewPrivacyServiceClient(w.Conn)
	return Privacy{
		"grpc",
		func(ctx context.Context, c Client, m *whittlev1.ExportPersonRequest) func() (*whittlev1.ExportPersonResponse, error) {
			stream, err := export.ExportPerson(w.As(ctx, c), m)
			return func() (*whittlev1.ExportPersonResponse, error) {
				if err != nil {
					return nil, fromGRPC(err)
				}
				next, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					return nil, io.EOF
				}
				return next, fromGRPC(err)
			}
		},
		func(ctx context.Context, c Client, m *whittlev1.ErasePersonRequest) (*whittlev1.ErasePersonResponse, error) {
			done, err := erase.ErasePerson(w.As(ctx, c), m)
			return done, fromGRPC(err)
		},
	}
}

func (w *World) connectPrivacy(name string, options ...connecthttp.Option) Privacy {
	client := w.ConnectClient(options...)
	export, erase := whittlev1connect.NewPersonExportServiceClient(client), whittlev1connect.NewPrivacyServiceClient(client)
	return Privacy{
		name,
		func(ctx context.Context, c Client, m *whittlev1.ExportPersonRequest) func() (*whittlev1.ExportPersonResponse, error) {
			stream, err := export.ExportPerson(asConnect(ctx, c), m)
			return func() (*whittlev1.ExportPersonResponse, error) {
				if err != nil {
					return nil, fromConnect(err)
				}
				next, err := stream.Receive()
				if errors.Is(err, io.EOF) {
					return nil, io.EOF
				}
				return next, fromConnect(err)
			}
		},
		func(ctx context.Context, c Client, m *whittlev1.ErasePersonRequest) (*whittlev1.ErasePersonResponse, error) {
			done, err := erase.ErasePerson(asConnect(ctx, c), m)
			return done, fromConnect(err)
		},
	}
}
