package server_test

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server/servertest"
)

// A malformed request of a client whose header says who it is, is that client's refusal; of anybody
// else it is a stranger's failure, of which there is no record.
func TestAMalformedFormIsOnTheRecordOfItsClient(t *testing.T) {
	b := platform(t, nil)
	good := b.exchangeForm().Encode()
	inBody := url.Values{"client_id": {"research-agent"}, "client_secret": {b.Client("research-agent").Secret}}.Encode()
	basic := b.basic("research-agent")
	wrong := servertest.Client{ID: "research-agent", Secret: "wrong"}.Basic()
	const token = "/oauth2/token"
	for _, c := range []struct {
		name, path, body string
		headers          []string
		code             string
		recorded         bool
	}{
		{"a repeated parameter", token, good + "&scope=ai.training.read", []string{"Authorization", basic}, "invalid_request", true},
		{"a query string", token + "?a=b", good, []string{"Authorization", basic}, "invalid_request", true},
		{"another media type", token, "{}", []string{"Authorization", basic, "Content-Type", "application/json"}, "invalid_request", true},
		{"two methods at once", token, good + "&" + inBody, []string{"Authorization", basic}, "invalid_request", true},
		{"a repeated parameter and a wrong secret", token, good + "&scope=x", []string{"Authorization", wrong}, "invalid_client", false},
		{"two methods at once, one of them wrong", token, good + "&" + inBody, []string{"Authorization", wrong}, "invalid_client", false},
		{"a repeated parameter and two headers", token, good + "&scope=x", []string{"Authorization", basic, "Authorization", basic}, "invalid_request", false},
		{"a repeated parameter with the secret in the body", token, good + "&scope=x&" + inBody, nil, "invalid_request", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := b.send("POST", c.path, c.body, c.headers...)
			decision, _ := got.member(t, "decision").(string)
			if got.member(t, "error") != c.code || (decision != "") != c.recorded {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if !c.recorded {
				return
			}
			why := explained(t, func() (*whittlev1.ExplainResponse, error) {
				return whittlev1.NewAuditServiceClient(b.Conn).Explain(
					b.As(context.Background(), b.Client("ops-console")), &whittlev1.ExplainRequest{Decision: decision})
			})
			if why.GetClient() != "research-agent" || why.GetOutcome() != "refused" {
				t.Errorf("%v", why)
			}
		})
	}
}

// A timeout that can't be read is the guard's to refuse: after the caller is known, as any error is told, and not quoted.
func TestAMalformedTimeoutIsOnTheRecordOfItsClient(t *testing.T) {
	b := platform(t, nil)
	const frame = "\x00\x00\x00\x00\x03\x0a\x01x" // a token "x", as gRPC-Web sends it
	ask := func(secret bool, headers ...string) answer {
		body := `{"token":"x"}`
		if headers[0] == "Grpc-Timeout" {
			body, headers = frame, append(headers, "Content-Type", "application/grpc-web+proto")
		} else {
			headers = append(headers, "Content-Type", "application/json")
		}
		if secret {
			headers = append(headers, "Authorization", b.basic("data-gateway"))
		}
		return b.send("POST", "/whittle.v1.IntrospectionService/Introspect", body, headers...)
	}
	for _, value := range []string{"-1", "1e3", "+7", "12345678901", "soon", " 1 2"} {
		got := ask(true, "Connect-Timeout-Ms", value)
		details, _ := got.member(t, "details").([]any)
		if got.status != 400 || got.member(t, "message") != "the timeout can not be read" || len(details) != 1 {
			t.Fatalf("%q: %d %s", value, got.status, got.body)
		}
		info, err := base64.RawStdEncoding.DecodeString(details[0].(map[string]any)["value"].(string))
		if err != nil || !strings.Contains(string(info), "invalid_request") || !strings.Contains(string(info), "decision") {
			t.Errorf("%q: %q, %v", value, info, err)
		}
		if got := ask(false, "Connect-Timeout-Ms", value); got.status != 401 {
			t.Errorf("a stranger, %q: %d %s", value, got.status, got.body)
		}
	}
	for _, value := range []string{"S", "5", "5x", "-1S", "123456789S", "1SS"} {
		got := ask(true, "Grpc-Timeout", value)
		if told := got.header.Get("Grpc-Message") + got.body; !strings.Contains(told, "the timeout can not be read") {
			t.Errorf("%q: %v %q", value, got.header, got.body)
		}
	}
	for name, value := range map[string]string{"Connect-Timeout-Ms": "9999999999", "Grpc-Timeout": "99999999S"} {
		if got := ask(true, name, value); got.status != 200 || strings.Contains(got.header.Get("Grpc-Message")+got.body, "timeout") {
			t.Errorf("%s: %d %v %q", name, got.status, got.header, got.body)
		}
	}
}

// What comes back over Connect and gRPC-Web holds tokens, and says what they are good for: no cache may keep it.
func TestNobodyKeepsAnAnswerOverConnect(t *testing.T) {
	b := platform(t, nil)
	const path = "/whittle.v1.IntrospectionService/Introspect"
	for name, headers := range map[string][]string{
		"an answer":  {"Content-Type", "application/json", "Authorization", b.basic("data-gateway")},
		"an error":   {"Content-Type", "application/json"},
		"a web page": {"Content-Type", "application/grpc-web+proto", "Authorization", b.basic("data-gateway")},
	} {
		body := `{"token":"x"}`
		if name == "a web page" {
			body = "\x00\x00\x00\x00\x03\x0a\x01x"
		}
		if got := b.send("POST", path, body, headers...); got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
	}
}
