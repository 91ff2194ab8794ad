package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
)

// The floors decode the same requests as Whittle, look at nothing, and encode the answer that
// Whittle once gave. No interceptors, no authentication, no limits, no logging.

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

// introspectionJSON has the members that an answer of the introspection endpoint has.
type introspectionJSON struct {
	Active        bool            `json:"active"`
	Scope         string          `json:"scope"`
	ClientID      string          `json:"client_id"`
	TokenType     string          `json:"token_type"`
	Exp           int64           `json:"exp"`
	Iat           int64           `json:"iat"`
	Sub           string          `json:"sub"`
	Aud           []string        `json:"aud"`
	Iss           string          `json:"iss"`
	Jti           string          `json:"jti"`
	Act           json.RawMessage `json:"act,omitempty"`
	Txn           string          `json:"txn"`
	Depth         int             `json:"depth"`
	PolicyVersion uint64          `json:"policy_version"`
}

// tokenJSON has the members that an answer of the token endpoint has.
type tokenJSON struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int64  `json:"expires_in"`
	Scope           string `json:"scope"`
	Decision        string `json:"decision,omitempty"`
	Task            string `json:"txn,omitempty"`
}

// echoForm takes a form that has the member and answers with JSON.
func echoForm[T any](member string, answer T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.PostForm.Get(member) == "" {
			http.Error(w, "no "+member, http.StatusBadRequest)
			return
		}
		text, err := json.Marshal(answer)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Write(text)
	}
}

func serveFloors(a Answers) (Ready, error) {
	looks, tokens, form, token := new(echoIntrospections), new(echoTokens), introspectionJSON{}, tokenJSON{}
	for _, m := range []struct {
		text []byte
		into proto.Message
	}{{a.Introspect, &looks.one}, {a.Batch, &looks.many}, {a.Exchange, &tokens.exchange}} {
		if err := proto.Unmarshal(m.text, m.into); err != nil {
			return Ready{}, err
		}
	}
	if err := json.Unmarshal(a.OAuth, &form); err != nil {
		return Ready{}, err
	}
	if err := json.Unmarshal(a.Token, &token); err != nil {
		return Ready{}, err
	}
	onGRPC, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Ready{}, err
	}
	onHTTP, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Ready{}, err
	}
	native := grpc.NewServer()
	whittlev1.RegisterIntrospectionServiceServer(native, looks)
	whittlev1.RegisterTokenServiceServer(native, tokens)
	go native.Serve(onGRPC)

	mux := http.NewServeMux()
	mux.HandleFunc("POST "+introspectPath, echoForm("token", form))
	mux.HandleFunc("POST "+tokenPath, echoForm("subject_token", token))
	overConnect := connect.NewServer()
	whittlev1connect.RegisterIntrospectionServiceHandler(overConnect, looks)
	connecthttp.Mount(mux, overConnect)
	go http.Serve(onHTTP, mux)
	return Ready{GRPC: onGRPC.Addr().String(), HTTP: onHTTP.Addr().String()}, nil
}
