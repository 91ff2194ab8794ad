package caller

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
)

func basicOf(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// codeOf is the OAuth code of an error, as the fault table will say it.
func codeOf(err error) engine.Code {
	if err == nil {
		return ""
	}
	if errors.Is(err, clientauth.ErrInvalid) {
		return engine.InvalidClient
	}
	return engine.Fault(err).Code
}

func TestCredentialsInTheHeader(t *testing.T) {
	good := basicOf("agent", "secret")
	for _, c := range []struct {
		name   string
		values []string
		want   engine.Code // "": agent and secret come out
	}{
		{"Basic is taken", []string{good}, ""},
		{"the scheme's case doesn't matter", []string{"bAsIc" + strings.TrimPrefix(good, "Basic")}, ""},
		{"more spaces after the scheme", []string{strings.Replace(good, " ", "   ", 1)}, ""},
		{"none", nil, engine.InvalidClient},
		{"an empty value", []string{""}, engine.InvalidClient},
		{"the scheme alone", []string{"Basic"}, engine.InvalidClient},
		{"Bearer isn't taken", []string{"Bearer abc"}, engine.InvalidClient},
		{"a DPoP-bound token isn't taken", []string{"DPoP abc"}, engine.InvalidClient},
		{"two values", []string{good, good}, engine.InvalidRequest},
		{"two values joined by a comma", []string{good + ", " + good}, engine.InvalidRequest},
		{"not base64", []string{"Basic !!!"}, engine.InvalidClient},
		{"base64 with a newline", []string{"Basic " + good[6:10] + "\n" + good[10:]}, engine.InvalidClient},
		{"no colon", []string{"Basic " + base64.StdEncoding.EncodeToString([]byte("agent"))}, engine.InvalidClient},
		{"no id", []string{basicOf("", "secret")}, engine.InvalidClient},
		{"no secret", []string{basicOf("agent", "")}, engine.InvalidClient},
		{"a bad percent escape", []string{"Basic " + base64.StdEncoding.EncodeToString([]byte("agent:%zz"))}, engine.InvalidClient},
		{"a huge value", []string{basicOf("agent", strings.Repeat("x", 8<<10))}, engine.InvalidRequest},
		{"a long id", []string{basicOf(strings.Repeat("x", 300), "secret")}, engine.InvalidClient},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := FromHeaders(http.Header{"Authorization": c.values}.Values)
			if code := codeOf(err); code != c.want {
				t.Fatalf("got %q (%v), want %q", code, err, c.want)
			}
			if err == nil && (got.ClientID != "agent" || got.Secret.Reveal() != "secret" || got.Method != clientauth.SecretBasic) {
				t.Errorf("got client %q by %q", got.ClientID, got.Method)
			}
		})
	}
}

// RFC 6749 section 2.3.1: what Go's own BasicAuth leaves undone.
func TestBothHalvesOfBasicAreUnescaped(t *testing.T) {
	got, err := FromHeaders(http.Header{"Authorization": {basicOf("an:agent", "a+b%c:d e")}}.Values)
	if err != nil || got.ClientID != "an:agent" || got.Secret.Reveal() != "a+b%c:d e" {
		t.Errorf("got %q, %v", got.ClientID, err)
	}
}

func TestAProofThatCanNotBeHonouredIsRefused(t *testing.T) {
	h := http.Header{"Authorization": {basicOf("agent", "secret")}, "Dpop": {"a.b.c"}}
	if _, err := FromHeaders(h.Values); codeOf(err) != engine.InvalidRequest {
		t.Errorf("got %v", err)
	}
}

// inOrder reads credentials as the endpoints do.
func inOrder(headers func(string) []string, form Parameters) (clientauth.Credentials, error) {
	if !InHeader(headers) {
		return FromForm(form)
	}
	got, err := FromHeaders(headers)
	if err != nil {
		return got, err
	}
	return got, Beside(form, got.ClientID)
}

func TestCredentialsInTheForm(t *testing.T) {
	header := basicOf("agent", "secret")
	for _, c := range []struct {
		name   string
		header string
		form   string
		want   engine.Code
	}{
		{"id and secret", "", "client_id=agent&client_secret=secret", ""},
		{"the header alone", header, "", ""},
		{"the header and the same client_id", header, "client_id=agent", ""},
		{"an empty secret beside the header", header, "client_secret=", ""},
		{"the header and another client_id", header, "client_id=other", engine.InvalidClient},
		{"the header and a secret", header, "client_id=agent&client_secret=secret", engine.InvalidRequest},
		{"a secret without an id", "", "client_secret=secret", engine.InvalidRequest},
		{"T13: an id alone proves nothing", "", "client_id=agent", engine.InvalidClient},
		{"nothing", "", "", engine.InvalidClient},
		{"an assertion beside the header", header, "client_assertion=a&client_assertion_type=b", engine.InvalidRequest},
		{"an assertion beside a secret", "", "client_id=agent&client_secret=secret&client_assertion=a&client_assertion_type=b", engine.InvalidRequest},
		{"half an assertion", "", "client_assertion=a", engine.InvalidRequest},
		{"T12: an assertion is not taken for anything else", "", "client_id=agent&client_assertion=a&client_assertion_type=b", engine.InvalidClient},
	} {
		t.Run(c.name, func(t *testing.T) {
			form, err := url.ParseQuery(c.form)
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{}
			if c.header != "" {
				h.Set("Authorization", c.header)
			}
			got, err := inOrder(h.Values, form)
			if code := codeOf(err); code != c.want {
				t.Fatalf("got %q (%v), want %q", code, err, c.want)
			}
			if err == nil && (got.ClientID != "agent" || got.Secret.Reveal() != "secret") {
				t.Errorf("got client %q", got.ClientID)
			}
		})
	}
}

func TestAHandlerPastTheGuardPanics(t *testing.T) {
	who := clientauth.Caller{ID: "agent"}
	if got := Of(&Context{context.Background(), who}); got.ID != "agent" {
		t.Errorf("got %q", got.ID)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic without a caller")
		}
	}()
	Of(context.Background())
}

func FuzzBasic(f *testing.F) {
	for _, seed := range []string{"", "Basic", "Basic YTpi", "basic  YTpi", "Basic YSUzQTpi", "Bearer x", "Basic YTpi, Basic YTpi", basicOf("a:b", "c d")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, err := FromHeaders(http.Header{"Authorization": {value}}.Values)
		if err != nil {
			if code := codeOf(err); code != engine.InvalidClient && code != engine.InvalidRequest {
				t.Fatalf("%q: %v", value, err)
			}
			return
		}
		// What was read is what writing it again says.
		again, err := FromHeaders(http.Header{"Authorization": {basicOf(got.ClientID, got.Secret.Reveal())}}.Values)
		if err == nil && (again.ClientID != got.ClientID || again.Secret.Reveal() != got.Secret.Reveal()) {
			t.Fatalf("%q: read as %q, then as %q", value, got.ClientID, again.ClientID)
		}
	})
}
