package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/whittle-sts/whittle/server"
)

// zitadel/oidc is a library; what is measured is the server of its example, with its maps in memory and
// without its log. Two things are added, so that tokens are of the same kind as Whittle's: JWTs as access
// tokens, and an ES256 key in place of its RS256 one.

const (
	zitadelClient   = "web"
	zitadelSecret   = "secret"
	zitadelCallback = "http://127.0.0.1:9999/auth/callback" // nobody listens there: the code is taken off the redirect
)

// signed is the example's storage with another signing key, and JWTs for access tokens if asked for.
type signed struct {
	*storage.Storage
	key *ecdsa.PrivateKey
	jwt bool
}

func (s *signed) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	client, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil || !s.jwt {
		return client, err
	}
	return withJWTs{client}, nil
}

func (s *signed) SigningKey(context.Context) (op.SigningKey, error) { return privateHalf{s.key}, nil }

func (s *signed) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

func (s *signed) KeySet(context.Context) ([]op.Key, error) { return []op.Key{publicHalf{s.key}}, nil }

type withJWTs struct{ op.Client }

func (withJWTs) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

type privateHalf struct{ key *ecdsa.PrivateKey }

func (privateHalf) ID() string                                  { return "bench" }
func (privateHalf) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (h privateHalf) Key() any                                  { return h.key }

type publicHalf struct{ key *ecdsa.PrivateKey }

func (publicHalf) ID() string                         { return "bench" }
func (publicHalf) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (publicHalf) Use() string                        { return "sig" }
func (h publicHalf) Key() any                         { return &h.key.PublicKey }

func serveZitadel(jwt bool) (Ready, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Ready{}, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Ready{}, err
	}
	issuer := fmt.Sprintf("http://localhost:%d/", listener.Addr().(*net.TCPAddr).Port)
	storage.RegisterClients(storage.WebClient(zitadelClient, zitadelSecret, zitadelCallback))
	state := &signed{storage.NewStorage(storage.NewUserStore(issuer)), key, jwt}
	release := server.SettleMemory() // as Whittle has it: whoever builds a server with the library would
	handler := exampleop.SetupServer(issuer, state, slog.New(slog.DiscardHandler), false)
	go func() {
		defer release()
		http.Serve(listener, handler)
	}()
	return Ready{HTTP: listener.Addr().String(), Client: zitadelClient, Secret: zitadelSecret}, nil
}

// startZitadel serves the example, and logs in once: the tokens that are looked at and exchanged come from exchanges.
func startZitadel(jwt bool) func(context.Context, string) (*running, error) {
	return func(ctx context.Context, _ string) (*running, error) {
		kind, looksAt := "zitadel", opaqueOAuth
		if jwt {
			kind, looksAt = "zitadel-jwt", introspectOAuth
		}
		child, err := startChild(Setup{Kind: kind})
		if err != nil {
			return nil, err
		}
		first, err := zitadelLogin(ctx, child.HTTP)
		if err != nil {
			return nil, errors.Join(err, child.stop())
		}
		base := "http://" + child.HTTP
		exchange := url.Values{
			"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"subject_token_type":   {"urn:ietf:params:oauth:token-type:access_token"},
			"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
			"scope":                {"openid profile"}, "audience": {zitadelClient}, // who may look at the token
		}
		return &running{
			metered: child, stop: child.stop, versions: ofThis("github.com/zitadel/oidc/v3"),
			token: base + "/oauth/token", look: base + "/oauth/introspect", revoke: base + "/revoke",
			client: zitadelClient, secret: zitadelSecret, exchange: exchange, looksAt: looksAt,
			issue: func(ctx context.Context) (string, error) {
				form := maps.Clone(exchange)
				form.Set("subject_token", first)
				return grant(ctx, base+"/oauth/token", zitadelClient, zitadelSecret, form)
			},
		}, nil
	}
}

// zitadelLogin is an access token of the example's user, by the code flow, as a browser would do it.
func zitadelLogin(ctx context.Context, address string) (string, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	b := browser{
		base:   "http://localhost:" + port,
		client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	ask := url.Values{
		"client_id": {zitadelClient}, "redirect_uri": {zitadelCallback}, "response_type": {"code"},
		"scope": {"openid profile email"}, "state": {"x"},
	}
	login, err := b.redirected(ctx, http.MethodGet, "/auth?"+ask.Encode(), nil)
	if err != nil {
		return "", err
	}
	who := url.Values{"id": {login.Query().Get("authRequestID")}, "username": {"test-user@localhost"}, "password": {"verysecure"}}
	back, err := b.redirected(ctx, http.MethodPost, "/login/username", who)
	if err != nil {
		return "", err
	}
	callback, err := b.redirected(ctx, http.MethodGet, back.RequestURI(), nil)
	if err != nil {
		return "", err
	}
	return grant(ctx, b.base+"/oauth/token", zitadelClient, zitadelSecret, url.Values{
		"grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "redirect_uri": {zitadelCallback},
	})
}

// browser keeps cookies and shows where it is sent instead of going there.
type browser struct {
	base   string
	client *http.Client
}

func (b *browser) redirected(ctx context.Context, method, path string, form url.Values) (*url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if form != nil {
		req.Header.Set("Content-Type", formType)
	}
	res, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	to, err := res.Location()
	if err != nil {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return nil, errors.Join(fmt.Errorf("%s %s: %s: %s", method, path, res.Status, text), err)
	}
	return to, nil
}
