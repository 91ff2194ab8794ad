package process

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// client asks the server over one connection, as one client of the policy.
type client struct {
	http   *http.Client
	url    string
	id     string
	secret string
}

func newClient(url, id, secret string) *client {
	return &client{&http.Client{Transport: new(http.Transport), Timeout: 10 * time.Second}, url, id, secret}
}

// errNoAnswer is a request of which nobody knows what became of it.
var errNoAnswer = errors.New("no answer")

// refused is a definite answer that is no success.
type refused struct {
	status int
	body   string
}

func (r refused) Error() string { return fmt.Sprintf("%d: %s", r.status, r.body) }

// is says whether err is a refusal with the status.
func is(err error, status int) bool {
	r, ok := errors.AsType[refused](err)
	return ok && r.status == status
}

func (c *client) do(path, kind string, body []byte, out any) error {
	r, err := http.NewRequest(http.MethodPost, c.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", kind)
	r.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
	res, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	case res.StatusCode >= 500:
		return fmt.Errorf("%w: %w", errNoAnswer, refused{res.StatusCode, string(text)})
	case res.StatusCode != http.StatusOK:
		return refused{res.StatusCode, string(text)}
	case out == nil || len(text) == 0:
		return nil
	}
	return json.Unmarshal(text, out)
}

func (c *client) form(path string, values url.Values, out any) error {
	return c.do(path, "application/x-www-form-urlencoded", []byte(values.Encode()), out)
}

// rpc calls a method over Connect with JSON.
func (c *client) rpc(method string, in map[string]any, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do("/whittle.v1."+method, "application/json", body, out)
}

// token is an answer of the token endpoint.
type token struct {
	Text     string `json:"access_token"`
	Decision string `json:"decision"`
}

// id is the `jti` of a JWT.
func (t token) id() string {
	parts := strings.Split(t.Text, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		ID string `json:"jti"`
	}
	_ = json.Unmarshal(payload, &claims)
	return claims.ID
}

// introspection is what a resource server is told.
type introspection struct {
	Active bool    `json:"active"`
	ID     string  `json:"jti"`
	Left   *uint32 `json:"uses_left"`
}

func (c *client) grant(values url.Values) (t token, err error) {
	err = c.form("/oauth2/token", values, &t)
	return t, err
}

func (c *client) introspect(text string) (in introspection, err error) {
	err = c.form("/oauth2/introspect", url.Values{"token": {text}}, &in)
	return in, err
}

func (c *client) revoke(text string) error {
	return c.form("/oauth2/revoke", url.Values{"token": {text}}, nil)
}
