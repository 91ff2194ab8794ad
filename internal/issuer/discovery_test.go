package issuer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
	"github.com/whittle-sts/whittle/internal/loopback"
)

func TestMetadataIsInTheWellKnownPlaces(t *testing.T) {
	for issuer, want := range map[string][2]string{
		"https://h":       {"https://h/.well-known/openid-configuration", "https://h/.well-known/oauth-authorization-server"},
		"https://h/":      {"https://h/.well-known/openid-configuration", "https://h/.well-known/oauth-authorization-server"},
		"https://h:8/t1":  {"https://h:8/t1/.well-known/openid-configuration", "https://h:8/.well-known/oauth-authorization-server/t1"},
		"https://h/a/b/":  {"https://h/a/b/.well-known/openid-configuration", "https://h/.well-known/oauth-authorization-server/a/b"},
		"https://h/a%2Fb": {"https://h/a%2Fb/.well-known/openid-configuration", "https://h/.well-known/oauth-authorization-server/a%2Fb"},
		"https://h?t=1":   {},
		"://":             {},
	} {
		got, err := wellKnown(issuer)
		if got != want || (err == nil) != (want[0] != "") {
			t.Errorf("%s: %q, %v", issuer, got, err)
		}
	}
}

func TestMetadataIsTheIssuersOwnOrWorthNothing(t *testing.T) {
	const issuer = "https://id.example.com"
	for name, document := range map[string]string{
		"another issuer":      `{"issuer":"https://id.example.org","jwks_uri":"https://id.example.com/jwks"}`,
		"a slash too many":    `{"issuer":"https://id.example.com/","jwks_uri":"https://id.example.com/jwks"}`,
		"another case":        `{"issuer":"https://ID.example.com","jwks_uri":"https://id.example.com/jwks"}`,
		"no issuer":           `{"jwks_uri":"https://id.example.com/jwks"}`,
		"a member misspelt":   `{"Issuer":"https://id.example.com","jwks_uri":"https://id.example.com/jwks"}`,
		"two issuers":         `{"issuer":"https://evil.test","issuer":"https://id.example.com","jwks_uri":"https://id.example.com/jwks"}`,
		"no jwks_uri":         `{"issuer":"https://id.example.com"}`,
		"plain http":          `{"issuer":"https://id.example.com","jwks_uri":"http://id.example.com/jwks"}`,
		"a relative jwks_uri": `{"issuer":"https://id.example.com","jwks_uri":"/jwks"}`,
		"a file":              `{"issuer":"https://id.example.com","jwks_uri":"file:///etc/passwd"}`,
		"a list":              `{"issuer":"https://id.example.com","jwks_uri":["https://id.example.com/jwks"]}`,
		"something behind it": `{"issuer":"https://id.example.com","jwks_uri":"https://id.example.com/jwks"}{}`,
		"bad UTF-8":           "{\"issuer\":\"https://id.example.com\",\"jwks_uri\":\"https://id.example.com/jwks\",\"x\":\"\xff\"}",
		"HTML":                `<html>`,
		"null":                `null`,
		"nothing":             ``,
	} {
		if uri, err := parseMetadata([]byte(document), issuer); err == nil {
			t.Errorf("%s: %s was taken", name, uri)
		}
	}
	uri, err := parseMetadata([]byte(`{"x":[{}],"jwks_uri":"https://keys.example.net/jwks","issuer":"https://id.example.com"}`), issuer)
	if err != nil || uri != "https://keys.example.net/jwks" {
		t.Errorf("%q, %v", uri, err)
	}
}

func FuzzMetadata(f *testing.F) {
	const issuer = "https://id.example.com"
	f.Add([]byte(`{"issuer":"https://id.example.com","jwks_uri":"https://id.example.com/jwks"}`))
	f.Add([]byte(`{"issuer":"https://id.example.com","jwks_uri":"http://[::ffff:127.0.0.1]/"}`))
	f.Add([]byte(`{"issuer":"https://id.example.com","jwks_uri":"https://a@b"}`))
	f.Add([]byte(`{"a":[[[[[[]]]]]],"issuer":null}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		uri, err := parseMetadata(document, issuer)
		if err != nil {
			return
		}
		u, err := parseURL(uri)
		if err != nil || u.Scheme != "https" && !loopback.Host(u.Hostname()) {
			t.Errorf("%q was taken", uri)
		}
		if !strings.Contains(string(document), `"issuer"`) && !strings.Contains(string(document), `\u`) {
			t.Errorf("no issuer in %q", document)
		}
	})
}

// outside serves an issuer that is outside by all that the guard can tell.
func outside(t *testing.T, path string) (*issuertest.Provider, *loader) {
	t.Helper()
	var p *issuertest.Provider
	port, cfg := tlsServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.ServeHTTP(w, r) }))
	made, err := issuertest.Unstarted("https://id.example.com:"+port+path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	p = made
	cfg.Resolver = resolver("127.0.0.1")
	return p, &loader{fetcher: NewFetcher(cfg), issuer: p.URL}
}

func TestKeysAreFoundByDiscovery(t *testing.T) {
	for _, path := range []string{"", "/t1", "/t1/"} {
		p, l := outside(t, path)
		keys, goodFor, err := l.load(t.Context())
		if err != nil || len(keys.Find("", "ES256")) != 1 || goodFor != 5*time.Minute {
			t.Errorf("%s: %v keys for %v, %v", p.URL, keys, goodFor, err)
		}
	}
}

func TestOneOfTheWellKnownPlacesIsEnough(t *testing.T) {
	for _, broken := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		p, l := outside(t, "")
		usual := fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, p.URL, p.JWKSURI())
		p.Answer(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case broken:
				issuertest.Says(strings.Replace(usual, "id.example", "evil.example", 1))(w, r)
			case "/jwks":
				issuertest.Says(`{"keys":[]}`)(w, r)
			default:
				issuertest.Says(usual)(w, r)
			}
		})
		if _, _, err := l.load(t.Context()); err != nil {
			t.Errorf("without %s: %v", broken, err)
		}
	}
}

func TestAnOutsideIssuersMetadataCannotPointAtThisHost(t *testing.T) {
	var served atomic.Int32
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
	t.Cleanup(secret.Close)
	for _, uri := range []string{
		secret.URL, strings.Replace(secret.URL, "127.0.0.1", "localhost", 1),
		"https://[::ffff:127.0.0.2]/jwks", "https://169.254.169.254/jwks", "https://[64:ff9b::a9fe:a9fe]/jwks", "https://[::1]/jwks",
	} {
		p, l := outside(t, "")
		p.Answer(issuertest.Says(fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, p.URL, uri)))
		if _, _, err := l.load(t.Context()); !errors.Is(err, errForbidden) {
			t.Errorf("%s: %v, want errForbidden", uri, err)
		}
	}
	if served.Load() != 0 {
		t.Error("this host was asked")
	}
}

func TestOneLookAtAnIssuerEndsInTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, l := outside(t, "")
	if _, _, err := l.load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}
