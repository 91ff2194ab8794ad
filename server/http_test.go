package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
)

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	jwtType       = "urn:ietf:params:oauth:token-type:jwt"
)

// browser sends requests to the OAuth endpoints as they are written down.
type browser struct {
	*servertest.World
	t *testing.T
}

func platform(t *testing.T, edit func(*server.Config)) browser {
	t.Helper()
	policy := servertest.ReadFile(t, "../test/scenarios/policies/platform.yaml")
	return browser{servertest.Start(t, servertest.Options{Policy: policy, Edit: edit}), t}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// member is a member of the answer's JSON.
func (a answer) member(t *testing.T, name string) any {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	return got[name]
}

func (b browser) send(method, path, body string, headers ...string) answer {
	b.t.Helper()
	r, err := http.NewRequest(method, b.HTTPURL()+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else if strings.HasPrefix(headers[i], "Content") {
			r.Header.Set(headers[i], headers[i+1])
		} else {
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

func (b browser) basic(id string) string { return b.Client(id).Basic() }

// exchangeForm is a good token exchange of the platform's policy.
func (b browser) exchangeForm() url.Values {
	return url.Values{
		"grant_type": {exchangeGrant}, "subject_token_type": {jwtType}, "scope": {"ai.training.read"},
		"subject_token": {b.Token("corp", "rita", map[string]any{"groups": []string{"research"}, "amr": []string{"mfa"}})},
	}
}

func TestTheTokenEndpointHoldsToItsRules(t *testing.T) {
	b := platform(t, nil)
	good := b.exchangeForm().Encode()
	agent := []string{"Authorization", b.basic("research-agent")}
	other := url.Values{"client_id": {"summarizer"}}.Encode()
	secret := url.Values{"client_id": {"research-agent"}, "client_secret": {b.Client("research-agent").Secret}}.Encode()
	wrong := servertest.Client{ID: "research-agent", Secret: "wrong"}.Basic()
	for _, c := range []struct {
		name    string
		body    string
		headers []string
		status  int
		code    string
	}{
		{"a good request", good, agent, 200, ""},
		{"client_secret_post", good + "&" + secret, nil, 200, ""},
		{"an unknown parameter is ignored", good + "&foo=bar", agent, 200, ""},
		{"an empty parameter counts as absent", good + "&requested_token_type=&actor_token=&resource=", agent, 200, ""},
		{"a lifetime of ours", good + "&lifetime=5", agent, 200, ""},
		{"a task label of ours", good + "&task_label=nightly+build", agent, 200, ""},
		{"a bare client_id beside the header", good + "&client_id=research-agent", agent, 200, ""},
		{"grant_type twice", good + "&grant_type=" + exchangeGrant, agent, 400, "invalid_request"},
		{"subject_token twice with equal values", good + "&" + url.Values{"subject_token": b.exchangeForm()["subject_token"]}.Encode(), agent, 400, "invalid_request"},
		{"scope twice", good + "&scope=ai.training.read", agent, 400, "invalid_request"},
		{"T31: GRANT_TYPE in capitals only", strings.Replace(good, "grant_type", "GRANT_TYPE", 1), agent, 400, "invalid_request"},
		{"an unknown grant", "grant_type=password", agent, 400, "unsupported_grant_type"},
		{"a grant of a later version", "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer", agent, 400, "unsupported_grant_type"},
		{"a scope with two spaces", strings.Replace(good, "scope=ai.training.read", "scope=a++b", 1), agent, 400, "invalid_scope"},
		{"a bare word for a token type", strings.Replace(good, url.QueryEscape(jwtType), "jwt", 1), agent, 400, "invalid_request"},
		{"authorization_details", good + "&authorization_details=[]", agent, 400, "invalid_authorization_details"},
		{"a lifetime that is no number", good + "&lifetime=soon", agent, 400, "invalid_request"},
		{"a DPoP proof", good, append(agent, "DPoP", "a.b.c"), 400, "invalid_request"},
		{"Basic with a wrong secret", good, []string{"Authorization", wrong}, 401, "invalid_client"},
		{"no credentials at all", good, nil, 401, "invalid_client"},
		{"a client_id alone", good + "&client_id=research-agent", nil, 401, "invalid_client"},
		{"the subject token as Bearer", good, []string{"Authorization", "Bearer " + b.exchangeForm().Get("subject_token")}, 401, "invalid_client"},
		{"a wrong secret in the body", good + "&client_id=research-agent&client_secret=wrong", nil, 401, "invalid_client"},
		{"Basic and another client_id", good + "&" + other, agent, 401, "invalid_client"},
		{"Basic and a secret in the body", good + "&" + secret, agent, 400, "invalid_request"},
		{"two Authorization headers", good, append(agent, agent...), 400, "invalid_request"},
		{"JSON", `{"grant_type":"client_credentials"}`, append(agent, "Content-Type", "application/json"), 400, "invalid_request"},
		{"a body beyond the limit", "a=" + strings.Repeat("x", 300<<10), agent, 413, "invalid_request"},
		{"ten thousand scopes", strings.Replace(good, "scope=ai.training.read", "scope="+strings.Repeat("a+", 10_000)+"a", 1), agent, 400, "invalid_scope"},
		{"a subject token of 200 KB", strings.Replace(good, "subject_token=", "subject_token="+strings.Repeat("x", 200<<10), 1), agent, 400, "invalid_request"},
		{"T36: a subject token of dots", strings.Replace(good, "subject_token=", "subject_token="+strings.Repeat(".", 200<<10), 1), agent, 400, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := b.send("POST", "/oauth2/token", c.body, c.headers...)
			if code, _ := got.member(t, "error").(string); got.status != c.status || code != c.code {
				t.Fatalf("%d %s", got.status, got.body)
			}
			checkCommon(t, got)
		})
	}
}

// checkCommon is what holds for every answer of the endpoints (RFC 6749 section 5, RFC 9110 section 15.5.2).
func checkCommon(t *testing.T, got answer) {
	t.Helper()
	h := got.header
	if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers: %v", h)
	}
	if challenge := h.Get("WWW-Authenticate"); (got.status == 401) != (challenge == `Basic realm="whittle"`) {
		t.Errorf("%d with the challenge %q", got.status, challenge)
	}
	if description, _ := got.member(t, "error_description").(string); strings.ContainsAny(description, "\"\\") {
		t.Errorf("description %q", description)
	}
	if got.member(t, "error") == "invalid_scope" && got.member(t, "decision") == nil {
		t.Error("a refusal of a known client names no decision")
	}
	if h.Get("Access-Control-Allow-Origin") != "" {
		t.Error("scripts may read it")
	}
}

func TestTheAnswerOfTheTokenEndpoint(t *testing.T) {
	b := platform(t, nil)
	form := b.exchangeForm()
	form["audience"] = []string{"data"}
	got := b.send("POST", "/oauth2/token", form.Encode(), "Authorization", b.basic("research-agent"))
	for name, want := range map[string]any{
		"issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "scope": "ai.training.read",
		"expires_in": 600.0, "refresh_token": nil,
	} {
		if got.member(t, name) != want {
			t.Errorf("%s is %v", name, got.member(t, name))
		}
	}
}

func TestUnknownClientAndWrongSecretGetTheSameAnswer(t *testing.T) {
	b := platform(t, nil)
	for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"} {
		unknown := b.send("POST", path, "token=x", "Authorization", servertest.Client{ID: "nobody", Secret: "x"}.Basic())
		wrong := b.send("POST", path, "token=x", "Authorization", servertest.Client{ID: "research-agent", Secret: "x"}.Basic())
		for _, h := range []http.Header{unknown.header, wrong.header} {
			h.Del("Date")
			h.Del("X-Request-ID")
		}
		if unknown.status != wrong.status || unknown.body != wrong.body || fmt.Sprint(unknown.header) != fmt.Sprint(wrong.header) {
			t.Errorf("%s: %v and %v", path, unknown, wrong)
		}
	}
}

func TestOnlyPostWithTheParametersInTheBody(t *testing.T) {
	b := platform(t, nil)
	for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"} {
		got := b.send("GET", path+"?token=secret-token", "")
		if got.status != 405 || got.header.Get("Allow") != "POST" || got.header.Get("Cache-Control") != "no-store" ||
			got.header.Get("Pragma") != "no-cache" || got.member(t, "error") != "invalid_request" {
			t.Errorf("GET %s: %d %v %s", path, got.status, got.header, got.body)
		}
		got = b.send("POST", path+"?token=secret-token", "a=b", "Authorization", b.basic("data-gateway"))
		if got.status != 400 || got.member(t, "error") != "invalid_request" || strings.Contains(got.body, "secret-token") {
			t.Errorf("POST %s: %d %s", path, got.status, got.body)
		}
	}
}

func TestInactiveIsOneMemberAndNothingElse(t *testing.T) {
	b := platform(t, nil)
	form := b.exchangeForm()
	form["audience"] = []string{"data"}
	issued := b.send("POST", "/oauth2/token", form.Encode(), "Authorization", b.basic("research-agent"))
	token, _ := issued.member(t, "access_token").(string)
	about := func(token, client string) answer {
		return b.send("POST", "/oauth2/introspect", url.Values{"token": {token}}.Encode(), "Authorization", b.basic(client))
	}
	if got := about(token, "data-gateway"); got.member(t, "active") != true || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s", got.body)
	}
	for name, got := range map[string]answer{
		"T15: of another audience":         about(token, "model-gateway"),
		"T5: a character short":            about(token[:len(token)-1], "data-gateway"),
		"T5: a character long":             about(token+"A", "data-gateway"),
		"with a newline":                   about(token+"\n", "data-gateway"),
		"of another case":                  about(strings.ToUpper(token), "data-gateway"),
		"garbage":                          about("garbage", "data-gateway"),
		"200 KB":                           about(strings.Repeat("x", 200<<10), "data-gateway"),
		"T18: somebody who serves nothing": about(token, "summarizer"),
		"an outside token":                 about(form.Get("subject_token"), "data-gateway"),
		"T16: whoever it was issued to":    about(token, "research-agent"),
	} {
		if got.status != 200 || got.body != `{"active":false}` || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := about("", "data-gateway"); got.status != 400 || got.member(t, "error") != "invalid_request" {
		t.Errorf("no token: %d %s", got.status, got.body)
	}
	if got := about(token, "nobody"); got.status != 401 {
		t.Errorf("T13: a stranger: %d", got.status)
	}
	got := b.send("POST", "/oauth2/introspect", url.Values{"token": {token}}.Encode(), "Authorization", "Bearer "+token)
	if got.status != 401 || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("the token itself: %d", got.status)
	}
}

func TestRevocationAnswersWithAnEmptyBody(t *testing.T) {
	b := platform(t, nil)
	for range 2 {
		got := b.send("POST", "/oauth2/revoke", "token=unknown&token_type_hint=banana", "Authorization", b.basic("research-agent"))
		if got.status != 200 || got.body != "" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %q %v", got.status, got.body, got.header)
		}
	}
	got := b.send("POST", "/oauth2/revoke", "token=x&callback=f", "Authorization", b.basic("research-agent"))
	if got.body != "" {
		t.Errorf("JSONP: %q", got.body)
	}
}

func TestTwoAuthorizationHeadersOnTheRawWire(t *testing.T) {
	b := platform(t, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.HTTPURL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	auth := "authorization: " + b.basic("data-gateway") + "\r\n"
	fmt.Fprintf(conn, "POST /oauth2/introspect HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n%s%s\r\ntoken=x", auth, strings.ToUpper(auth[:13])+auth[13:])
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 400 {
		t.Errorf("%s", res.Status)
	}
}
