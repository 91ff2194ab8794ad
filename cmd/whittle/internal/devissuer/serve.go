package devissuer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// keysAge is how long others may keep the key set. The key doesn't change.
const keysAge = 5 * time.Minute

// Listen binds the issuer's own address, which is on loopback.
func (i *Issuer) Listen(ctx context.Context) (net.Listener, error) {
	at, err := address(i.URL)
	if err != nil {
		return nil, err
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", at)
}

// Serve publishes metadata and key on the listener until ctx is done.
func (i *Issuer) Serve(ctx context.Context, on net.Listener) error {
	server := &http.Server{Handler: i, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(on); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP answers with the public key, and with the metadata in both well-known places (RFC 8414
// section 3, OpenID Connect Discovery section 4).
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var document any
	switch r.URL.Path {
	case "/jwks":
		document = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{i.key.Public()}}
	case "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server":
		document = map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/jwks"}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(keysAge.Seconds())))
	_ = json.MarshalWrite(w, document, json.Deterministic(true)) // the client may have gone
}
