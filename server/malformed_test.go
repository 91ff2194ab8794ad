package server_test

import (
	"context"
	"net/url"
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
