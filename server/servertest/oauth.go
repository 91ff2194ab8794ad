package servertest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"google.golang.org/protobuf/types/known/durationpb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/ledger"
)

const tokenTypes = "urn:ietf:params:oauth:token-type:"

var typeNames = map[whittlev1.TokenType]string{
	whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN: tokenTypes + "access_token",
	whittlev1.TokenType_TOKEN_TYPE_JWT:          tokenTypes + "jwt",
	whittlev1.TokenType_TOKEN_TYPE_ID_TOKEN:     tokenTypes + "id_token",
}

// oauthWire is the OAuth endpoints.
type oauthWire struct {
	tb   testing.TB
	http *http.Client
	base string
}

// OAuth is the OAuth HTTP endpoints, over HTTP/1.1.
func (w *World) OAuth() Wire {
	transport := &http.Transport{}
	w.tb.Cleanup(transport.CloseIdleConnections)
	return &oauthWire{w.tb, &http.Client{Transport: transport}, w.HTTPURL()}
}

func (w *oauthWire) Name() string { return "oauth" }

// issuedJSON is what the token endpoint answers.
type issuedJSON struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int64  `json:"expires_in"`
	Scope           string `json:"scope"`
	Task            string `json:"txn"`
	Decision        string `json:"decision"`
}

func (w *oauthWire) Exchange(ctx context.Context, c Client, m *whittlev1.ExchangeRequest) (*whittlev1.IssuedToken, error) {
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}}
	set(form, "subject_token", m.GetSubjectToken())
	set(form, "subject_token_type", typeName(m.GetSubjectTokenType()))
	set(form, "actor_token", m.GetActorToken())
	set(form, "actor_token_type", typeName(m.GetActorTokenType()))
	set(form, "requested_token_type", typeName(m.GetRequestedTokenType()))
	ask(form, m.GetResource(), m.GetAudience(), m.GetScope(), m.GetLifetime(), m.GetTaskLabel())
	set(form, "authorization_details", m.GetAuthorizationDetails())
	return w.token(ctx, c, form)
}

func (w *oauthWire) ClientCredentials(ctx context.Context, c Client,
	m *whittlev1.ClientCredentialsRequest) (*whittlev1.IssuedToken, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	ask(form, m.GetResource(), m.GetAudience(), m.GetScope(), m.GetLifetime(), m.GetTaskLabel())
	set(form, "authorization_details", m.GetAuthorizationDetails())
	return w.token(ctx, c, form)
}

func (w *oauthWire) token(ctx context.Context, c Client, form url.Values) (*whittlev1.IssuedToken, error) {
	var got issuedJSON
	if err := w.post(ctx, c, "/oauth2/token", form, &got); err != nil {
		return nil, err
	}
	ledger.Note(w.tb, got.AccessToken)
	return &whittlev1.IssuedToken{
		AccessToken: got.AccessToken, IssuedTokenType: typeOf(got.IssuedTokenType), TokenType: got.TokenType,
		ExpiresIn: durationpb.New(time.Duration(got.ExpiresIn) * time.Second), Scope: strings.Fields(got.Scope),
		Task: got.Task, Decision: got.Decision,
	}, nil
}

// introspectionJSON is what the introspection endpoint answers, member by member, so that a member
// too many is an error.
type introspectionJSON struct {
	Active        bool       `json:"active"`
	Scope         string     `json:"scope"`
	ClientID      string     `json:"client_id"`
	TokenType     string     `json:"token_type"`
	Exp           int64      `json:"exp"`
	Iat           int64      `json:"iat"`
	Sub           string     `json:"sub"`
	Aud           []string   `json:"aud"`
	Iss           string     `json:"iss"`
	Jti           string     `json:"jti"`
	Act           *actorJSON `json:"act"`
	Txn           string     `json:"txn"`
	Depth         uint32     `json:"depth"`
	PolicyVersion uint64     `json:"policy_version"`
	UsesLeft      *uint32    `json:"uses_left"`
}

type actorJSON struct {
	Sub      string     `json:"sub"`
	ClientID string     `json:"client_id"`
	Act      *actorJSON `json:"act"`
}

func (w *oauthWire) Introspect(ctx context.Context, c Client, m *whittlev1.IntrospectRequest) (*whittlev1.Introspection, error) {
	form := url.Values{}
	set(form, "token", m.GetToken())
	set(form, "token_type_hint", m.GetTokenTypeHint())
	set(form, "use_id", m.GetUseId())
	set(form, "use_scope", m.GetUseScope())
	set(form, "use_action", m.GetUseAction())
	if m.GetLook() {
		form.Set("look", "true")
	}
	var got introspectionJSON
	if err := w.post(ctx, c, "/oauth2/introspect", form, &got); err != nil {
		return nil, err
	}
	return &whittlev1.Introspection{
		Active: got.Active, Scope: strings.Fields(got.Scope), ClientId: got.ClientID, TokenType: got.TokenType,
		Exp: got.Exp, Iat: got.Iat, Sub: got.Sub, Aud: got.Aud, Iss: got.Iss, Jti: got.Jti, Act: got.Act.message(),
		Txn: got.Txn, Depth: got.Depth, PolicyVersion: got.PolicyVersion, UsesLeft: got.UsesLeft,
	}, nil
}

func (a *actorJSON) message() *whittlev1.Actor {
	if a == nil {
		return nil
	}
	return &whittlev1.Actor{Sub: a.Sub, ClientId: a.ClientID, Act: a.Act.message()}
}

func (w *oauthWire) RevokeToken(ctx context.Context, c Client, m *whittlev1.RevokeTokenRequest) error {
	form := url.Values{}
	set(form, "token", m.GetToken())
	set(form, "token_type_hint", m.GetTokenTypeHint())
	return w.post(ctx, c, "/oauth2/revoke", form, nil)
}

// post sends a form and reads the answer, with nothing left over.
func (w *oauthWire) post(ctx context.Context, c Client, path string, form url.Values, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", c.Basic())
	res, err := w.http.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK:
		return refusalOf(res, body)
	case answer == nil && len(body) == 0:
		return nil
	case answer == nil:
		return fmt.Errorf("%s answered with a body: %s", path, body)
	default:
		return json.Unmarshal(body, answer, json.RejectUnknownMembers(true))
	}
}

func refusalOf(res *http.Response, body []byte) error {
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Decision    string `json:"decision"`
	}
	if err := json.Unmarshal(body, &said, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%s with %q: %w", res.Status, body, err)
	}
	seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
	return &Refusal{
		Code: said.Error, Description: said.Description, Decision: said.Decision, Status: strconv.Itoa(res.StatusCode),
		RetryAfter: time.Duration(seconds) * time.Second,
	}
}

func set(form url.Values, name, value string) {
	if value != "" {
		form.Set(name, value)
	}
}

func ask(form url.Values, resource, audience, scope []string, lifetime *durationpb.Duration, label string) {
	form["resource"], form["audience"] = resource, audience
	set(form, "scope", strings.Join(scope, " "))
	if lifetime != nil {
		form.Set("lifetime", strconv.FormatInt(lifetime.GetSeconds(), 10))
	}
	set(form, "task_label", label)
}

// typeName is the identifier of a token type; one that the contract doesn't know is one that the
// server doesn't know either.
func typeName(t whittlev1.TokenType) string {
	if t == whittlev1.TokenType_TOKEN_TYPE_UNSPECIFIED {
		return ""
	}
	if name, ok := typeNames[t]; ok {
		return name
	}
	return tokenTypes + "saml2"
}

func typeOf(name string) whittlev1.TokenType {
	for t, known := range typeNames {
		if name == known {
			return t
		}
	}
	return whittlev1.TokenType_TOKEN_TYPE_UNSPECIFIED
}
