package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/guard"
)

const (
	jwksPath       = "/oauth2/jwks"
	metadataMaxAge = 5 * time.Minute
)

// metadata is the server's description of itself (RFC 8414 section 2), made from the tables that
// enforce it. There is no authorization endpoint, so response_types_supported is left out: the
// choice is between that and an empty array, which section 3.2 forbids. What a reader would
// otherwise take for granted is stated.
type metadata struct {
	Issuer                string   `json:"issuer"`
	TokenEndpoint         string   `json:"token_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	Grants                []string `json:"grant_types_supported"`
	TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
}

// describe makes the document of the configured issuer. Nothing in it comes from a request.
func (w *Wire) describe() metadata {
	base := strings.TrimSuffix(w.engine.Issuer(), "/")
	methods := clientauth.Methods()
	return metadata{
		Issuer:        w.engine.Issuer(),
		TokenEndpoint: base + guard.TokenPath, JWKSURI: base + jwksPath,
		IntrospectionEndpoint: base + guard.IntrospectPath, RevocationEndpoint: base + guard.RevokePath,
		Grants:    slices.Sorted(maps.Keys(w.grants)),
		TokenAuth: methods, IntrospectionAuth: methods, RevocationAuth: methods,
	}
}

func (w *Wire) registerMetadata(mux *http.ServeMux, below string, public func(http.Handler) http.Handler) error {
	body, err := json.Marshal(w.describe())
	if err != nil {
		return fmt.Errorf("metadata document: %w", err)
	}
	digest := sha256.Sum256(body)
	etag := `"` + base64.RawURLEncoding.EncodeToString(digest[:12]) + `"`
	serve := public(readOnly(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			rw.WriteHeader(http.StatusNotModified)
			return
		}
		document(rw, body, metadataMaxAge)
	}))
	for _, path := range metadataPaths(below) {
		mux.Handle(path, serve)
	}
	return nil
}

// metadataPaths is where clients look for the document. RFC 8414 section 3.1 puts the well-known part
// between host and path of the issuer; OpenID Discovery appends it; some clients try the former
// with the latter's name.
func metadataPaths(below string) []string {
	const oauth, openid = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
	if below == "" {
		return []string{oauth, openid}
	}
	return []string{oauth + below, openid + below, below + openid}
}

// jwks publishes the keys (RFC 7517 section 5), of which nothing private is in the document.
func (w *Wire) jwks(rw http.ResponseWriter, _ *http.Request) {
	document(rw, w.engine.JWKS(), engine.JWKSMaxAge)
}

func document(w http.ResponseWriter, body []byte, maxAge time.Duration) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(maxAge.Seconds())))
	_, _ = w.Write(body) // whoever can't be written to is gone
}
