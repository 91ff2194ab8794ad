package issuertest

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Provider is one issuer. It is safe for concurrent use.
type Provider struct {
	URL string // the issuer identifier: `iss` in its tokens

	now    func() time.Time
	path   string // of URL
	server *http.Server

	mu      sync.Mutex
	keys    []*key // the last one signs
	maxAge  time.Duration
	instead http.HandlerFunc
	fetches int
	others  int
}

// New starts an issuer on a free port of this host. It makes a key for each of the algorithms
// (ES256, RS256, EdDSA); the last one signs. Without any it makes one for ES256.
func New(now func() time.Time, algorithms ...string) (*Provider, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("issuertest: %w", err)
	}
	p, err := Unstarted("http://"+listener.Addr().String(), now, algorithms...)
	if err != nil {
		listener.Close()
		return nil, err
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 5 * time.Second}
	go p.server.Serve(listener)
	return p, nil
}

// Unstarted makes an issuer that somebody else serves: over TLS, say, or under a path.
func Unstarted(issuer string, now func() time.Time, algorithms ...string) (*Provider, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("issuertest: %w", err)
	}
	p := &Provider{URL: issuer, now: now, path: strings.TrimSuffix(u.Path, "/"), maxAge: 5 * time.Minute}
	if len(algorithms) == 0 {
		algorithms = []string{"ES256"}
	}
	for _, algorithm := range algorithms {
		if _, err := p.AddKey(algorithm); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Close stops the server, if New started one.
func (p *Provider) Close() error {
	if p.server == nil {
		return nil
	}
	return p.server.Close()
}

// JWKSURI is where the keys are.
func (p *Provider) JWKSURI() string { return strings.TrimSuffix(p.URL, "/") + "/jwks" }

// AddKey makes a key, publishes it and signs with it from now on. It returns the key's id.
func (p *Provider) AddKey(algorithm string) (kid string, err error) {
	k, err := newKey(algorithm)
	if err != nil {
		return "", fmt.Errorf("issuertest: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, k)
	return k.id, nil
}

// Rotate makes a new key of the algorithm that signs now, which takes over. The old ones stay
// published.
func (p *Provider) Rotate() (kid string, err error) { return p.AddKey(p.signer("").algorithm) }

// Withdraw stops publishing a key. It can still sign, as a stolen key can.
func (p *Provider) Withdraw(kid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.keys {
		if k.id == kid {
			k.withdrawn = true
		}
	}
}

// JWK is the public key as it is published; the one that signs now, if kid is empty.
func (p *Provider) JWK(kid string) map[string]any { return p.signer(kid).jwk() }

// MaxAge sets what the answers say in Cache-Control; zero says nothing.
func (p *Provider) MaxAge(age time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.maxAge = age
}

// Answer makes the issuer answer everything with the handler, as with [Down] or [Slow]; nil
// brings it back.
func (p *Provider) Answer(instead http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.instead = instead
}

// Fetches is how often the keys were asked for so far; other is how often anything else was.
func (p *Provider) Fetches() (keys, other int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches, p.others
}
