package issuer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
)

func TestANameThatTurnsPrivateIsRefusedAtDial(t *testing.T) {
	port, cfg := tlsServer(t, issuertest.Says(`{}`))
	cfg.Resolver = resolver("127.0.0.1", "169.254.169.254")
	f := NewFetcher(cfg)
	if _, err := f.fetch(t.Context(), "https://idp.example.com:"+port, false); err != nil {
		t.Fatalf("while the name is public: %v", err)
	}
	if _, err := f.fetch(t.Context(), "https://idp.example.com:"+port, false); !errors.Is(err, errForbidden) {
		t.Errorf("after the name turned private: %v, want errForbidden", err)
	}
}

func TestNoRequestLeavesFor(t *testing.T) {
	var served atomic.Int32
	count := func(http.ResponseWriter, *http.Request) { served.Add(1) }
	port, cfg := tlsServer(t, http.HandlerFunc(count))
	plain := httptest.NewServer(http.HandlerFunc(count))
	t.Cleanup(plain.Close)
	cfg.Allow = nil
	cfg.Resolver = resolver("127.0.0.1")
	f := NewFetcher(cfg)
	for name, address := range map[string]string{
		"loopback, from an outside issuer":       "https://127.0.0.1:" + port,
		"localhost, from an outside issuer":      "https://localhost:" + port,
		"plain loopback, from an outside issuer": plain.URL,
		"a wrapped loopback address":             "https://[::ffff:127.0.0.1]:" + port,
		"a name for loopback":                    "https://example.com:" + port,
		"cloud metadata":                         "https://169.254.169.254/latest",
		"plain http":                             "http://example.com:" + port,
		"a file":                                 "file:///etc/passwd",
		"another scheme":                         "gopher://example.com",
		"no host":                                "https:///x",
		"no URL":                                 "https://%zz",
		"a user":                                 "https://a:b@example.com:" + port,
		"a fragment":                             "https://example.com:" + port + "/#x",
		"an opaque URL":                          "https:example.com",
		"nothing":                                "",
	} {
		if _, err := f.fetch(t.Context(), address, false); !errors.Is(err, errForbidden) {
			t.Errorf("%s: %v, want errForbidden", name, err)
		}
	}
	if n := served.Load(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestAnIssuerOnThisHostMayUsePlainHTTP(t *testing.T) {
	server := httptest.NewServer(issuertest.Says(`{"a":1}`))
	t.Cleanup(server.Close)
	doc, err := NewFetcher(FetcherConfig{Allow: thisHost()}).fetch(t.Context(), server.URL, true)
	if err != nil || string(doc.body) != `{"a":1}` {
		t.Errorf("%q, %v", doc.body, err)
	}
	if _, err := NewFetcher(FetcherConfig{}).fetch(t.Context(), server.URL, true); !errors.Is(err, errForbidden) {
		t.Errorf("though no setting allows this host: %v, want errForbidden", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	t.Cleanup(target.Close)
	port, cfg := tlsServer(t, issuertest.Redirect(target.URL))
	if _, err := NewFetcher(cfg).fetch(t.Context(), "https://127.0.0.1:"+port, true); err == nil {
		t.Error("a loopback server's redirect was taken")
	}
	cfg.Resolver = resolver("127.0.0.1")
	if _, err := NewFetcher(cfg).fetch(t.Context(), "https://example.com:"+port, false); err == nil {
		t.Error("an outside server's redirect was taken")
	}
	if followed.Load() != 0 {
		t.Error("the redirect was followed")
	}
}

func TestBadAnswersFail(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"500":                 issuertest.Status(500),
		"404":                 issuertest.Status(404),
		"204":                 issuertest.Status(204),
		"a broken connection": issuertest.Down,
		"10 MB":               issuertest.Huge(10 << 20),
		"100 MB":              issuertest.Huge(100 << 20),
		"one byte too many":   issuertest.Says(strings.Repeat("x", maxBody+1)),
		"a header of a megabyte": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		},
		"a body shorter than said": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("12345"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(handler)
			server.Config.ErrorLog = quiet
			server.Start()
			defer server.Close()
			doc, err := NewFetcher(FetcherConfig{Allow: thisHost()}).fetch(t.Context(), server.URL, true)
			if err == nil {
				t.Errorf("%d bytes were taken", len(doc.body))
			}
		})
	}
}

func TestURLsThatAreNotFetched(t *testing.T) {
	for _, address := range []string{
		"", "http://example.com", "file:///etc/passwd", "https:///x", "https://:443/", "https:example.com", "https://%zz",
		"https://a:b@example.com", "https://a@example.com", "https://example.com/#x", "//example.com", "example.com",
	} {
		if u, err := parseURL(address); !errors.Is(err, errForbidden) {
			t.Errorf("%s: %v, %v", address, u, err)
		}
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	server := httptest.NewUnstartedServer(issuertest.Says(`{}`))
	server.Config.ErrorLog = quiet
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	if _, err := NewFetcher(FetcherConfig{Roots: roots, Allow: thisHost()}).fetch(t.Context(), server.URL, true); err == nil {
		t.Error("TLS 1.1 was taken")
	}
}

func TestNothingButTheRequestIsSent(t *testing.T) {
	port, cfg := tlsServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Cookie", "Authorization", "Referer", "Accept-Encoding"} {
			if r.Header.Get(name) != "" {
				t.Errorf("%s: %q was sent", name, r.Header.Get(name))
			}
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	}))
	cfg.Resolver = resolver("127.0.0.1")
	f := NewFetcher(cfg)
	if f.outside.Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy may be used") // the environment's is read once a process, so it can't be tried
	}
	for range 2 {
		if _, err := f.fetch(t.Context(), "https://example.com:"+port, false); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnknownCertificatesAreRefused(t *testing.T) {
	port, cfg := tlsServer(t, issuertest.Says(`{}`))
	cfg.Resolver = resolver("127.0.0.1")
	if _, err := NewFetcher(cfg).fetch(t.Context(), "https://elsewhere.test:"+port, false); err == nil {
		t.Error("a certificate of another name was taken")
	}
	cfg.Roots = x509.NewCertPool()
	if _, err := NewFetcher(cfg).fetch(t.Context(), "https://example.com:"+port, false); err == nil {
		t.Error("a certificate of nobody was taken")
	}
}

func TestAnswersAreGoodForWhatTheySayWithinLimits(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                         usualAge,
		"public":                   usualAge,
		"max-age=600":              10 * time.Minute,
		"public, MAX-AGE=600":      10 * time.Minute,
		`max-age="600"`:            10 * time.Minute,
		"max-age=0":                minAge,
		"max-age=59":               minAge,
		"max-age=86401":            maxAge,
		"max-age=2147483647":       maxAge,
		"max-age=9999999999999999": minAge,
		"max-age=-1":               minAge,
		"max-age=1e9":              minAge,
		"max-age":                  minAge,
		"max-age=600, no-cache":    minAge,
		"no-store":                 minAge,
		"s-maxage=600":             usualAge,
	} {
		if got := goodFor(http.Header{"Cache-Control": {header}}); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func TestASlowAnswerIsGivenUpAfterFiveSeconds(t *testing.T) {
	dribble := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Second)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"silence":              issuertest.Slow(time.Hour, issuertest.Says(`{}`)),
		"a byte now and then":  dribble,
		"almost in time, 5.1s": issuertest.Slow(5100*time.Millisecond, issuertest.Says(`{}`)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := make(pipes)
				server := &http.Server{Handler: handler}
				go server.Serve(network)
				f := NewFetcher(FetcherConfig{Allow: thisHost()})
				f.loopback.Transport.(*http.Transport).DialContext = network.dial
				began := time.Now()
				if _, err := f.fetch(t.Context(), "http://127.0.0.1", true); err == nil {
					t.Error("the answer was taken")
				}
				if took := time.Since(began); took != fetchTimeout {
					t.Errorf("gave up after %v", took)
				}
				close(network)
				server.Close()
				time.Sleep(time.Minute) // the bubble's; lets handlers end
			})
		})
	}
}
