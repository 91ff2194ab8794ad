package issuertest

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// ServeHTTP answers as Answer said, or else with Usual.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if instead := p.count(r); instead != nil {
		instead(w, r)
		return
	}
	p.Usual(w, r)
}

// Usual answers with the keys and with the metadata, the latter in both well-known places
// (RFC 8414 section 3.1, OpenID Connect Discovery section 4.1).
func (p *Provider) Usual(w http.ResponseWriter, r *http.Request) {
	keys, maxAge := p.published()
	if maxAge > 0 {
		w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", maxAge/time.Second))
	}
	switch r.URL.Path {
	case p.path + "/jwks":
		reply(w, map[string]any{"keys": keys})
	case p.path + "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server" + p.path:
		reply(w, map[string]any{"issuer": p.URL, "jwks_uri": p.JWKSURI(), "token_endpoint": p.URL + "/token"})
	default:
		http.NotFound(w, r)
	}
}

func (p *Provider) count(r *http.Request) (instead http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/jwks") {
		p.fetches++
	} else {
		p.others++
	}
	return p.instead
}

func (p *Provider) published() (jwks []map[string]any, maxAge time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	jwks = []map[string]any{}
	for _, k := range p.keys {
		if !k.withdrawn {
			jwks = append(jwks, k.jwk())
		}
	}
	return jwks, p.maxAge
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.MarshalWrite(w, value, json.Deterministic(true)) // the client may have gone
}

// Down breaks the connection without an answer.
func Down(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Status answers with the status and nothing else.
func Status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// Redirect sends the client elsewhere, keeping the path.
func Redirect(base string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, base+r.URL.Path, http.StatusFound)
	}
}

// Says answers 200 with the body.
func Says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

// Slow waits before it does what next does, unless the client goes away.
func Slow(wait time.Duration, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
			next(w, r)
		case <-r.Context().Done():
		}
	}
}

// Huge answers with a JSON string of that many bytes, or as many as the client takes.
func Huge(size int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte("a"), 64<<10)
		_, err := w.Write([]byte(`{"keys":"`))
		for sent := 0; sent < size && err == nil; sent += len(chunk) {
			_, err = w.Write(chunk)
		}
	}
}
