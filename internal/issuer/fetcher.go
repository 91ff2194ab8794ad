package issuer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/whittle-sts/whittle/internal/loopback"
)

const (
	fetchTimeout = 5 * time.Second // of one refresh: metadata and keys together
	maxBody      = 512 << 10
	maxHeader    = 64 << 10
)

// errForbidden is why the guard didn't send a request, or didn't take its answer.
var errForbidden = errors.New("fetch forbidden")

// FetcherConfig is the part of the static settings that opens the guard.
type FetcherConfig struct {
	Allow    []netip.Prefix // networks beyond the public Internet that issuers may live in
	Roots    *x509.CertPool // who may certify issuers; nil: whom the system trusts
	Resolver *net.Resolver  // nil: the system's
}

// Fetcher gets documents from outside issuers and from nowhere else: https only, to public
// addresses, without proxies, redirects or cookies, within limits of time and size. Plain http
// is for an issuer on this very host, which the settings must allow like any other network.
type Fetcher struct {
	outside, loopback *http.Client
}

// NewFetcher makes a Fetcher. It holds no connection between fetches and needs no closing.
func NewFetcher(cfg FetcherConfig) *Fetcher {
	return &Fetcher{
		outside:  guardedClient(cfg, toOutside(cfg.Allow)),
		loopback: guardedClient(cfg, toLoopback(cfg.Allow)),
	}
}

func guardedClient(cfg FetcherConfig, permit control) *http.Client {
	dialer := &net.Dialer{Timeout: fetchTimeout, Control: permit, Resolver: cfg.Resolver}
	return &http.Client{
		Timeout: fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the answer isn't 200, so it fails
		},
		Transport: &http.Transport{
			Proxy:                  nil, // also none from the environment
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.Roots},
			TLSHandshakeTimeout:    fetchTimeout,
			MaxResponseHeaderBytes: maxHeader,
			DisableCompression:     true, // what is read is what was sent: no bombs
			DisableKeepAlives:      true, // every fetch is dialled and checked anew
		},
	}
}

// document is an answer that the guard let through.
type document struct {
	body    []byte
	goodFor time.Duration
}

// fetch gets the document at address. local says that the issuer's configured URL is on this
// host, the one case in which the address may be there too: an outside issuer's metadata can't
// point the fetch at our own network.
func (f *Fetcher) fetch(ctx context.Context, address string, local bool) (document, error) {
	u, err := parseURL(address)
	if err != nil {
		return document{}, err
	}
	client := f.outside
	if loopback.Host(u.Hostname()) {
		if !local {
			return document{}, fmt.Errorf("%w: %s is on this host", errForbidden, u.Host)
		}
		client = f.loopback
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return document{}, err
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	req.Header.Set("User-Agent", "whittle")
	res, err := client.Do(req)
	if err != nil {
		return document{}, err
	}
	defer res.Body.Close()
	return read(res)
}

// read takes only a direct 200 (RFC 8414 section 3.2) of a bounded size.
func read(res *http.Response) (document, error) {
	if res.StatusCode != http.StatusOK {
		return document{}, fmt.Errorf("%s answered %d", res.Request.URL, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return document{}, fmt.Errorf("reading %s: %w", res.Request.URL, err)
	}
	if len(body) > maxBody {
		return document{}, fmt.Errorf("%s answered more than %d bytes", res.Request.URL, maxBody)
	}
	return document{body: body, goodFor: goodFor(res.Header)}, nil
}

// parseURL reads the address of an issuer or of its keys: https, or http on this host.
func parseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: not a URL", errForbidden)
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "" || u.User != nil || u.Fragment != "":
		return nil, fmt.Errorf("%w: URL needs a host, and neither user nor fragment", errForbidden)
	case u.Scheme == "https", u.Scheme == "http" && loopback.Host(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("%w: URL is not https", errForbidden)
}
