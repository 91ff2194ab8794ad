package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// peer is another server that does a part of what Whittle does, set up as its own documentation says.
type peer struct {
	name   string
	beside string // what it doesn't do that Whittle does
	slow   bool   // it needs more than Go, or minutes to build: left out of a quick run
	start  func(ctx context.Context, folder string) (*running, error)
}

// running is a peer that serves, and what it can be asked.
type running struct {
	metered
	stop     func() error
	versions []string

	token, look, revoke string // URLs
	client, secret      string
	lookIsOpen          bool                                  // introspection takes no credentials
	issue               func(context.Context) (string, error) // a new access token
	exchange            url.Values                            // a request for an exchange, but for the subject token; nil: it has none
	itself              url.Values                            // a request for a token of the client's own; nil: it isn't measured
	looksAt             string                                // the row of Whittle's with the same kind of token
}

// metered is a server process, or several, whose usage can be read.
type metered interface {
	usage() (Usage, error)
	profile(file string) error
}

// missingError says why a peer can't be measured on this machine.
type missingError struct{ why string }

func (e missingError) Error() string { return e.why }

// peerRow is one kind of request to a peer, and the row of Whittle's that it stands beside.
type peerRow struct {
	name, ours    string
	url           string
	authorization string
	bodies        [][]byte
}

// rows are the peer's requests, after it has shown that it does the job.
func (r *running) rows(ctx context.Context) ([]peerRow, error) {
	if err := r.check(ctx); err != nil {
		return nil, err
	}
	tokens, err := inParallel(warmTokens, func() (string, error) { return r.issue(ctx) })
	if err != nil {
		return nil, err
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(r.client)+":"+url.QueryEscape(r.secret)))
	looks := peerRow{name: "introspection", ours: r.looksAt, url: r.look, authorization: basic, bodies: inForms(tokens)}
	if r.lookIsOpen {
		looks.authorization = ""
	}
	out := []peerRow{looks}
	if r.exchange != nil {
		var bodies [][]byte
		for _, text := range tokens {
			bodies = append(bodies, []byte("subject_token="+url.QueryEscape(text)+"&"+r.exchange.Encode()))
		}
		out = append(out, peerRow{name: "exchange", ours: exchangeOAuth, url: r.token, authorization: basic, bodies: bodies})
	}
	if r.itself != nil {
		out = append(out, peerRow{name: "client credentials", ours: clientOAuth, url: r.token, authorization: basic, bodies: [][]byte{[]byte(r.itself.Encode())}})
	}
	return out, nil
}

// check holds the peer to its job: a live token is active, a revoked one isn't, and a wrong secret opens nothing.
func (r *running) check(ctx context.Context) error {
	text, err := r.issue(ctx)
	if err != nil {
		return err
	}
	if active, err := r.active(ctx, text, r.secret); err != nil || !active {
		return fmt.Errorf("a new token is not active (%w)", err)
	}
	if _, err := r.active(ctx, text, "wrong"); err == nil && !r.lookIsOpen {
		return errors.New("introspection took a wrong secret")
	}
	if _, err := post(ctx, r.revoke, r.client, r.secret, url.Values{"token": {text}, "token_type_hint": {"access_token"}}); err != nil {
		return err
	}
	if active, err := r.active(ctx, text, r.secret); err != nil || active {
		return fmt.Errorf("a revoked token is active (%w)", err)
	}
	return nil
}

func (r *running) active(ctx context.Context, text, secret string) (bool, error) {
	client := r.client
	if r.lookIsOpen {
		client = ""
	}
	answer, err := post(ctx, r.look, client, secret, url.Values{"token": {text}})
	if err != nil {
		return false, err
	}
	var a struct{ Active bool }
	return a.Active, json.Unmarshal(answer, &a, json.MatchCaseInsensitiveNames(true))
}

// grant asks the token endpoint for an access token.
func grant(ctx context.Context, endpoint, client, secret string, form url.Values) (string, error) {
	answer, err := post(ctx, endpoint, client, secret, form)
	if err != nil {
		return "", err
	}
	var a struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(answer, &a); err != nil || a.AccessToken == "" {
		return "", fmt.Errorf("%s gave no token (%w)", endpoint, err)
	}
	return a.AccessToken, nil
}

// post sends a form, with the client's secret in the header unless client is empty.
func post(ctx context.Context, endpoint, client, secret string, form url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", formType)
	if client != "" {
		req.SetBasicAuth(client, secret)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s: %s", endpoint, res.Status, answer)
	}
	return answer, err
}

// serves waits until the address takes connections.
func serves(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it doesn't serve: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freePorts are ports on loopback that nobody listens to now.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// kept is a folder for what peers are built of, kept from run to run.
func kept(name string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "whittle-bench", name)
	return folder, os.MkdirAll(folder, 0o755)
}
