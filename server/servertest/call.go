package servertest

import (
	"context"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"
)

// Call is one unary rpc over one wire, by its method's full name. Its errors are [*Refusal]s.
type Call struct {
	Wire string
	Do   func(as Client, method string, in, out proto.Message) error
}

// Calls is all wires that have every unary rpc.
func (w *World) Calls() []Call {
	return []Call{
		{"grpc", func(as Client, method string, in, out proto.Message) error {
			return fromGRPC(w.Conn.Invoke(w.As(context.Background(), as), method, in, out))
		}},
		w.connectCall("connect"), w.connectCall("connect-json", connecthttp.WithProtoJSON()),
		w.connectCall("grpcweb", connecthttp.WithGRPCWeb()),
	}
}

func (w *World) connectCall(wire string, options ...connecthttp.Option) Call {
	client := w.ConnectClient(options...)
	return Call{wire, func(as Client, method string, in, out proto.Message) error {
		spec := connect.Spec{Procedure: method, StreamType: connect.StreamTypeUnary}
		return fromConnect(client.CallUnary(asConnect(context.Background(), as), spec, in, out))
	}}
}
