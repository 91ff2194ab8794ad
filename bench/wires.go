package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
)

// The generator sends bytes made beforehand and does not decode answers: what it doesn't do itself is
// left for the server on the same machine.

// sender sends one request at a time.
type sender interface {
	send(request []byte) (answer []byte, err error)
	Close() error
}

// grpcConnections is how many connections the requests of one gRPC client share.
const grpcConnections = 8

// answerTime is how long an answer may take before it counts as a failure.
const answerTime = 10 * time.Second

// grpcWire is a method on a gRPC server.
type grpcWire struct {
	method        string
	authorization string
	connections   []*grpc.ClientConn
}

func dialGRPC(address, method, authorization string) (*grpcWire, error) {
	w := &grpcWire{method: method, authorization: authorization}
	for range grpcConnections {
		c, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		w.connections = append(w.connections, c)
	}
	return w, nil
}

func (w *grpcWire) open(i int) (sender, error) {
	return &grpcSender{w, w.connections[i%len(w.connections)]}, nil
}

func (w *grpcWire) Close() {
	for _, c := range w.connections {
		c.Close()
	}
}

type grpcSender struct {
	*grpcWire
	connection *grpc.ClientConn
}

func (s *grpcSender) send(request []byte) (answer []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", s.authorization)
	err = s.connection.Invoke(ctx, s.method, request, &answer, grpc.ForceCodecV2(encoded{}))
	return answer, err
}

// Close does nothing: the connection is shared.
func (s *grpcSender) Close() error { return nil }

// encoded is the codec of messages that stay bytes.
type encoded struct{}

func (encoded) Name() string { return "proto" }

func (encoded) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (encoded) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// httpWire is a path on an HTTP/1.1 server; each sender has a connection of its own.
type httpWire struct{ address, path, contentType, authorization string }

func (w *httpWire) open(int) (sender, error) {
	c, err := net.Dial("tcp", w.address)
	if err != nil {
		return nil, err
	}
	return &httpSender{c, bufio.NewReader(c)}, nil
}

func (w *httpWire) Close() {}

// request is the whole request with the body.
func (w *httpWire) request(body []byte) []byte {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Type: %s\r\nConnect-Protocol-Version: 1\r\nContent-Length: %d\r\n\r\n",
		w.path, w.address, w.authorization, w.contentType, len(body))
	return append([]byte(head), body...)
}

type httpSender struct {
	net.Conn
	answers *bufio.Reader
}

func (s *httpSender) send(request []byte) ([]byte, error) {
	if err := s.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, err
	}
	if _, err := s.Write(request); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(s.answers, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, answer)
	}
	return answer, err
}
