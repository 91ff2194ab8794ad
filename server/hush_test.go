package server_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/whittle-sts/whittle/server/rpc"
	"github.com/whittle-sts/whittle/server/servertest"
)

// Whatever field of whatever call a caller puts a live token or a secret into, by mistake or by a typing error: the
// record, the server's log, what is handed on, the database and what an error says don't have it. Good answers aren't
// looked at, since they give tokens and secrets out.
func TestASecretInTheWrongFieldIsWrittenNowhere(t *testing.T) {
	c := startCareful(t)
	for _, s := range rpc.Descriptors() {
		for i := range s.Methods().Len() {
			m := s.Methods().Get(i)
			paths := textFields(m.Input())
			if len(paths) == 0 {
				continue
			}
			asks := c.asks()[string(m.Name())]
			if len(asks) == 0 {
				t.Errorf("%s takes texts, and nothing says what it is asked with", m.FullName())
			}
			method := "/" + string(s.FullName()) + "/" + string(m.Name())
			secrets := c.alive()
			for _, asked := range asks {
				if err := c.ask(method, asked, m.Output()); err != nil && status.Code(err) != codes.NotFound {
					t.Errorf("%s does nothing of what it is for: %v", m.FullName(), err)
				}
				for _, path := range paths {
					for _, secret := range secrets {
						for _, text := range guises(string(path[len(path)-1].Name()), secret) {
							c.ask(method, with(asked, path, c.Fill(text)), m.Output())
						}
					}
				}
			}
		}
	}
	c.holdsNone(t, "the server's log", "an error", "an entry", "what is held of a person")
}

// Over OAuth the same: each parameter that the server reads, found in its code.
func TestASecretInTheWrongParameterIsWrittenNowhere(t *testing.T) {
	c := startCareful(t)
	names := parameters(t)
	secrets := c.alive()
	for _, asked := range []struct {
		path string
		form url.Values
	}{
		{"/oauth2/token", url.Values{"grant_type": {exchangeGrant}, "subject_token_type": {jwtType}, "scope": {"data.read"}, "subject_token": {c.rita()}}},
		{"/oauth2/token", url.Values{"grant_type": {exchangeGrant}, "subject_token_type": {jwtType}, "scope": {"data.read"}, "subject_token": {c.rita()}, "actor_token_type": {jwtType}, "actor_token": {c.rita()}}},
		{"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"data.read"}}},
		{"/oauth2/introspect", url.Values{"token": {c.token("data.read")}}},
		{"/oauth2/introspect", url.Values{"token": {c.token("data.once")}}},
		{"/oauth2/introspect", url.Values{"token": {c.token("data.audited")}}},
		{"/oauth2/revoke", url.Values{"token": {"x.y.z"}}},
	} {
		for _, secret := range secrets {
			for _, name := range append(names, secret) {
				for _, text := range guises(name, secret) {
					form := make(url.Values)
					for k, v := range asked.form {
						form[k] = append([]string(nil), v...)
					}
					form.Set(name, text)
					c.post(asked.path, form.Encode(), c.basic("all"))
				}
			}
			twice := asked.form.Encode() + "&scope=" + secret + "&scope=" + secret
			for _, body := range []string{twice, secret, "%" + secret, asked.form.Encode() + ";" + secret} {
				c.post(asked.path, body, c.basic("all"))
			}
			c.post(asked.path+"?token="+secret, asked.form.Encode(), c.basic("all"))
			c.post(asked.path+"/"+secret, asked.form.Encode(), c.basic("all"))
			for _, header := range []string{secret, "Bearer " + secret, "Basic " + secret, servertest.Client{ID: secret, Secret: secret}.Basic()} {
				c.post(asked.path, asked.form.Encode(), header)
			}
		}
	}
	c.holdsNone(t, "the server's log", "an error", "an entry", "what is held of a person")
}

func (c *careful) post(path, body, authorization string) {
	c.t.Helper()
	c.tick()
	got := c.send(http.MethodPost, path, body, "Authorization", authorization)
	if got.status != http.StatusOK {
		for name, values := range got.header {
			_, _ = io.WriteString(c.answers, name+": "+strings.Join(values, " ")+"\n")
		}
		_, _ = io.WriteString(c.answers, got.body+"\n")
	}
}

// parameters is the names of the parameters that the OAuth endpoints read.
func parameters(t *testing.T) (names []string) {
	t.Helper()
	seen := make(map[string]bool)
	for _, pattern := range []string{"oauth/*.go", "caller/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, found := range regexp.MustCompile(`\.(?:Get|all|flag)\("([a-z_]+)"\)`).FindAllStringSubmatch(servertest.ReadFile(t, file), -1) {
				if !seen[found[1]] {
					seen[found[1]] = true
					names = append(names, found[1])
				}
			}
		}
	}
	for _, known := range []string{"grant_type", "subject_token", "resource", "audience", "scope", "receipt", "use_id", "client_secret"} {
		if !seen[known] {
			t.Fatalf("%s is no parameter of %v", known, names)
		}
	}
	return append(names, "token_type_hint", "unknown")
}

// A token whose claims hold another one, as some issuers' do, leaves no more.
func TestASecretInAClaimIsWrittenNowhere(t *testing.T) {
	c := startCareful(t)
	for _, secret := range c.alive() {
		for claim, value := range map[string]any{
			"sub": secret, "note": secret, "groups": []string{secret}, "act": map[string]any{"sub": secret}, "may_act": map[string]any{"sub": secret}, "jti": secret,
		} {
			m := c.exchange("data.read")
			claims := map[string]any{"note": "a"}
			claims[claim] = value
			subject := "rita"
			if claim == "sub" {
				delete(claims, "sub")
				subject = secret
			}
			m.SubjectToken = c.Token("corp", subject, claims)
			c.tick()
			_, err := c.GRPC().Exchange(context.Background(), c.Client("all"), m)
			if err != nil {
				_, _ = io.WriteString(c.answers, err.Error()+"\n")
			} else if claim == "sub" {
				t.Error("somebody who is called as a token is takes part")
			}
		}
	}
	c.holdsNone(t, "what is held of a person")
}
