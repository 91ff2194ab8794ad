// Command gateway is a resource server in miniature: it takes a bearer token, asks Whittle over gRPC whether
// it is good here, and answers who acts for whom. nginx or Envoy can ask it on behalf of another service.
package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9500", "where to serve")
	sts := flag.String("whittle", "127.0.0.1:9090", "Whittle's gRPC listener")
	secret := flag.String("secret-file", "gateway.secret", "the file that holds the secret of the client gateway")
	flag.Parse()
	if err := run(*listen, *sts, *secret); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func run(listen, sts, secretFile string) error {
	secret, err := os.ReadFile(secretFile)
	if err != nil {
		return err
	}
	// Beyond loopback: credentials.NewTLS, and https in the agent.
	conn, err := grpc.NewClient(sts, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	g := gateway{
		tokens:     whittlev1.NewIntrospectionServiceClient(conn),
		credential: "Basic " + base64.StdEncoding.EncodeToString([]byte("gateway:"+strings.TrimSpace(string(secret)))),
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	server := http.Server{Addr: listen, Handler: g, ReadHeaderTimeout: 5 * time.Second}
	return errors.Join(server.ListenAndServe(), conn.Close())
}

// needed is the scope that reading takes.
const needed = "data.read"

type gateway struct {
	tokens     whittlev1.IntrospectionServiceClient
	credential string
}

// ServeHTTP answers 200 if the token allows reading, and 401 or 403 (RFC 6750 section 3) if it doesn't.
func (g gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		w.Header().Set("WWW-Authenticate", `Bearer realm="data"`)
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", g.credential)
	res, err := g.tokens.Introspect(ctx, &whittlev1.IntrospectRequest{Token: token, UseScope: needed, UseAction: "read records"})
	in := res.GetIntrospection()
	status := http.StatusOK
	switch {
	case err != nil: // never let anybody in because nobody could be asked
		status = http.StatusServiceUnavailable
		http.Error(w, "can't tell now, try again", status)
	case !in.GetActive():
		w.Header().Set("WWW-Authenticate", `Bearer realm="data", error="invalid_token"`)
		status = http.StatusUnauthorized
		http.Error(w, "not good here", status)
	case !slices.Contains(in.GetScope(), needed):
		w.Header().Set("WWW-Authenticate", `Bearer realm="data", error="insufficient_scope", scope="`+needed+`"`)
		status = http.StatusForbidden
		http.Error(w, "not for reading", status)
	default:
		fmt.Fprintf(w, "records for %s, read by %s\n", in.GetSub(), cmp.Or(in.GetAct().GetSub(), in.GetSub()))
	}
	// The token's id, never the token: what `whittle audit reconcile` holds against the record.
	slog.Info("access", "jti", in.GetJti(), "scope", needed, "action", "read records", "status", status)
}
