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
	server := http.Server{Addr: listen, Handler: g, ReadHeaderTimeout: 5 * time.Second}
	return errors.Join(server.ListenAndServe(), conn.Close())
}

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
	res, err := g.tokens.Introspect(ctx, &whittlev1.IntrospectRequest{Token: token})
	in := res.GetIntrospection()
	switch {
	case err != nil: // never let anybody in because nobody could be asked
		http.Error(w, "can't tell now, try again", http.StatusServiceUnavailable)
	case !in.GetActive():
		w.Header().Set("WWW-Authenticate", `Bearer realm="data", error="invalid_token"`)
		http.Error(w, "not good here", http.StatusUnauthorized)
	case !slices.Contains(in.GetScope(), "data.read"):
		w.Header().Set("WWW-Authenticate", `Bearer realm="data", error="insufficient_scope", scope="data.read"`)
		http.Error(w, "not for reading", http.StatusForbidden)
	default:
		fmt.Fprintf(w, "records for %s, read by %s\n", in.GetSub(), cmp.Or(in.GetAct().GetSub(), in.GetSub()))
	}
}
