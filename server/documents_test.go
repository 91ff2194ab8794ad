package server_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
)

func TestTheMetadataSaysWhatIsServed(t *testing.T) {
	b := platform(t, nil)
	got := b.send("GET", "/.well-known/oauth-authorization-server", "")
	var document map[string]any
	if err := json.Unmarshal([]byte(got.body), &document); err != nil || got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	issuer := b.HTTPURL()
	if document["issuer"] != issuer || document["token_endpoint"] != issuer+"/oauth2/token" ||
		document["jwks_uri"] != issuer+"/oauth2/jwks" {
		t.Errorf("%s", got.body)
	}
	for name, value := range document {
		if list, ok := value.([]any); ok && len(list) == 0 {
			t.Errorf("%s is an empty array", name)
		}
	}
	if _, there := document["response_types_supported"]; there {
		t.Error("response_types_supported without an authorization endpoint")
	}
	if cache := got.header.Get("Cache-Control"); !strings.HasPrefix(cache, "public, max-age=") || got.header.Get("ETag") == "" {
		t.Errorf("headers %v", got.header)
	}
	if again := b.send("GET", "/.well-known/oauth-authorization-server", "", "If-None-Match", got.header.Get("ETag")); again.status != 304 {
		t.Errorf("not modified: %d", again.status)
	}
	if evil := b.send("GET", "/.well-known/oauth-authorization-server", "", "Host", "evil.example", "X-Forwarded-Host", "evil.example"); evil.body != got.body {
		t.Errorf("changed by the request: %s", evil.body)
	}
	if alias := b.send("GET", "/.well-known/openid-configuration", ""); alias.body != got.body {
		t.Errorf("the alias says %s", alias.body)
	}
}

// Each grant and each method that is advertised is taken, and no other.
func TestWhatIsAdvertisedIsTaken(t *testing.T) {
	b := platform(t, nil)
	var document struct {
		Grants  []string `json:"grant_types_supported"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := json.Unmarshal([]byte(b.send("GET", "/.well-known/oauth-authorization-server", "").body), &document); err != nil {
		t.Fatal(err)
	}
	for _, grant := range append(document.Grants, "authorization_code", "implicit", "refresh_token") {
		form := url.Values{"grant_type": {grant}}
		got := b.send("POST", "/oauth2/token", form.Encode(), "Authorization", b.basic("research-agent"))
		advertised := strings.Contains(strings.Join(document.Grants, " "), grant)
		if refused := got.member(t, "error") == "unsupported_grant_type"; refused == advertised {
			t.Errorf("%s: %s", grant, got.body)
		}
	}
	secret := url.Values{"token": {"x"}, "client_id": {"data-gateway"}, "client_secret": {b.Client("data-gateway").Secret}}.Encode()
	for _, method := range document.Methods {
		got := answer{}
		switch method {
		case "client_secret_basic":
			got = b.send("POST", "/oauth2/introspect", "token=x", "Authorization", b.basic("data-gateway"))
		case "client_secret_post":
			got = b.send("POST", "/oauth2/introspect", secret)
		}
		if got.status != 200 {
			t.Errorf("T51: %s at introspection: %d", method, got.status)
		}
	}
}

func TestAnIssuerWithAPathHasThreeDocuments(t *testing.T) {
	b := browser{servertest.Start(t, servertest.Options{Edit: func(c *server.Config) { c.Issuer = "https://sts.example.com/t1" }}), t}
	want := b.send("GET", "/.well-known/oauth-authorization-server/t1", "")
	if want.status != 200 || want.member(t, "issuer") != "https://sts.example.com/t1" || want.member(t, "token_endpoint") != "https://sts.example.com/t1/oauth2/token" {
		t.Fatalf("%d %s", want.status, want.body)
	}
	for _, path := range []string{"/.well-known/openid-configuration/t1", "/t1/.well-known/openid-configuration"} {
		if got := b.send("GET", path, ""); got.body != want.body {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/oauth2/jwks"} {
		if got := b.send("GET", path, ""); got.status != 404 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := b.send("GET", "/t1/oauth2/jwks", ""); got.status != 200 {
		t.Errorf("keys: %d", got.status)
	}
	if got := b.send("POST", "/t1/oauth2/introspect", "token=x", "Authorization", b.basic("bootstrap")); got.body != `{"active":false}` {
		t.Errorf("introspection: %d %s", got.status, got.body)
	}
}

func TestTheKeySetHoldsNothingPrivate(t *testing.T) {
	b := platform(t, nil)
	got := b.send("GET", "/oauth2/jwks", "")
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal([]byte(got.body), &set); err != nil || len(set.Keys) == 0 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, key := range set.Keys {
		if key["use"] != "sig" || key["alg"] != "ES256" || key["kid"] == "" {
			t.Errorf("%v", key)
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if key[private] != nil {
				t.Errorf("member %s", private)
			}
		}
	}
	if got.header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("%v", got.header)
	}
	if post := b.send("POST", "/oauth2/jwks", ""); post.status != 405 || post.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", post.status, post.header)
	}
	if head := b.send("HEAD", "/oauth2/jwks", ""); head.status != 200 || head.body != "" {
		t.Errorf("HEAD: %d %q", head.status, head.body)
	}
}

const looks = "/whittle.v1.IntrospectionService/Introspect"

func TestScriptsOfConfiguredOriginsMayCall(t *testing.T) {
	b := platform(t, func(c *server.Config) { c.CORSOrigins = []string{"https://console.example.com"} })
	preflight := func(path, origin string) http.Header {
		return b.send("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,connect-protocol-version,content-type").header
	}
	for _, path := range []string{looks, "/oauth2/jwks", "/.well-known/oauth-authorization-server"} {
		h := preflight(path, "https://console.example.com")
		if path == looks && (h.Get("Access-Control-Allow-Origin") != "https://console.example.com" || !strings.Contains(strings.ToLower(h.Get("Access-Control-Allow-Headers")), "authorization")) {
			t.Errorf("%s: %v", path, h)
		}
		if h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: with credentials", path)
		}
		if h := preflight(path, "https://evil.example"); h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, h)
		}
	}
	if h := preflight("/oauth2/token", "https://console.example.com"); h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("the token endpoint: %v", h)
	}
	got := b.send("POST", looks, "{}", "Content-Type", "application/json", "Origin", "https://console.example.com")
	for _, name := range []string{"Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin", "Www-Authenticate"} {
		if !strings.Contains(strings.ToLower(got.header.Get("Access-Control-Expose-Headers")), strings.ToLower(name)) {
			t.Errorf("%s isn't exposed: %v", name, got.header)
		}
	}
	if got.status != 401 || got.header.Get("WWW-Authenticate") != `Basic realm="whittle"` {
		t.Errorf("%d %v", got.status, got.header)
	}
}

func TestNobodysScriptsMayCallByDefault(t *testing.T) {
	b := platform(t, nil)
	got := b.send("POST", looks, "{}", "Content-Type", "application/json", "Origin", "https://console.example.com")
	if got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", got.header)
	}
}

func TestTheAdminListener(t *testing.T) {
	b := platform(t, nil)
	get := func(base, path string) answer {
		res, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{res.StatusCode, res.Header, string(body)}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if got := get(b.AdminURL(), path); got.status != 200 || got.body != "ok\n" {
			t.Errorf("%s: %d %q", path, got.status, got.body)
		}
	}
	metrics := get(b.AdminURL(), "/metrics").body
	for _, want := range []string{`whittle_requests_total{code="ok",method="/whittle.v1.PolicyService/ApplyPolicy",wire="grpc"} 1`, "whittle_policy_version 1", "whittle_refusals_lost_total 0", "go_goroutines",
		"\nwhittle_clock_doubted 0\n", "\nwhittle_revocation_lag_seconds 0\n", "\nwhittle_commit_failures_total 0\n", `whittle_checkpoint_entries{signed_by="log"}`,
		`whittle_disk_free_bytes{holds="anchor"}`, "\nwhittle_disk_floor_bytes 6.7108864e+07\n"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if got := get(b.HTTPURL(), path); got.status != 404 {
			t.Errorf("%s on the public listener: %d", path, got.status)
		}
	}
	if got := get(b.AdminURL(), "/oauth2/jwks"); got.status != 404 {
		t.Errorf("the public part on the admin listener: %d", got.status)
	}
}
