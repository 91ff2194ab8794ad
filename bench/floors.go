package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/server"
)

// The floors decode the same requests as Whittle, look at nothing, and encode the answer that
// Whittle once gave; a form's answer is text already, as Whittle keeps it. No interceptors, no authentication, no limits, no logging.

// Answers are Whittle's own: three encoded messages, and a JSON text.
type Answers struct{ Introspect, Batch, Exchange, OAuth, Token []byte }

type echoIntrospections struct {
	whittlev1.UnimplementedIntrospectionServiceServer
	one  whittlev1.IntrospectResponse
	many whittlev1.BatchIntrospectResponse
}

func (e *echoIntrospections) Introspect(context.Context, *whittlev1.IntrospectRequest) (*whittlev1.IntrospectResponse, error) {
	return &e.one, nil
}

func (e *echoIntrospections) BatchIntrospect(context.Context, *whittlev1.BatchIntrospectRequest) (*whittlev1.BatchIntrospectResponse, error) {
	return &e.many, nil
}

type echoTokens struct {
	whittlev1.UnimplementedTokenServiceServer
	exchange whittlev1.ExchangeResponse
}

func (e *echoTokens) Exchange(context.Context, *whittlev1.ExchangeRequest) (*whittlev1.ExchangeResponse, error) {
	return &e.exchange, nil
}

// echoForm takes a form that has the member and answers with the text.
func echoForm(member string, text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.PostForm.Get(member) == "" {
			http.Error(w, "no "+member, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Write(text)
	}
}

func serveFloors(a Answers) (Ready, error) {
	looks, tokens := new(echoIntrospections), new(echoTokens)
	for _, m := range []struct {
		text []byte
		into proto.Message
	}{{a.Introspect, &looks.one}, {a.Batch, &looks.many}, {a.Exchange, &tokens.exchange}} {
		if err := proto.Unmarshal(m.text, m.into); err != nil {
			return Ready{}, err
		}
	}
	onGRPC, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Ready{}, err
	}
	onTuned, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Ready{}, err
	}
	onHTTP, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Ready{}, err
	}
	native, tuned := grpc.NewServer(), grpc.NewServer(server.Transport()...)
	for _, s := range []*grpc.Server{native, tuned} {
		whittlev1.RegisterIntrospectionServiceServer(s, looks)
		whittlev1.RegisterTokenServiceServer(s, tokens)
	}
	release := server.SettleMemory() // as Whittle has it: what the collector costs is no cost of a request
	go tuned.Serve(onTuned)
	go func() {
		defer release()
		native.Serve(onGRPC)
	}()

	mux := http.NewServeMux()
	mux.HandleFunc("POST "+introspectPath, echoForm("token", a.OAuth))
	mux.HandleFunc("POST "+tokenPath, echoForm("subject_token", a.Token))
	onConnect := connect.NewServer()
	whittlev1connect.RegisterIntrospectionServiceHandler(onConnect, looks)
	connecthttp.Mount(mux, onConnect)
	// With the timeouts that a server needs that strangers can reach, as Whittle's has them: they are no cost of a request of ours.
	const often = 30 * time.Second
	exposed := &http.Server{Handler: mux, ReadHeaderTimeout: often, ReadTimeout: often, WriteTimeout: often, IdleTimeout: often}
	go exposed.Serve(onHTTP)
	return Ready{GRPC: onGRPC.Addr().String(), Tuned: onTuned.Addr().String(), HTTP: onHTTP.Addr().String()}, nil
}
