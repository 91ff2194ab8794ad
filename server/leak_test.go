package server_test

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server"
)

// Whatever the log is turned into - its index, what is handed on, metrics, the server's own log - names nobody whom
// entries seal, and holds no token and no secret.
func TestWhatIsDerivedFromTheLogNamesNobody(t *testing.T) {
	const person, words = "rita-of-the-third-floor", "leaving-for-a-rival"
	folder := t.TempDir()
	write(t, filepath.Join(folder, "secret"), hookSecret+"\n")
	var log, posted lines
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			_, _ = io.WriteString(&posted, name+": "+strings.Join(values, " ")+"\n")
		}
		_, _ = io.Copy(&posted, r.Body)
	}))
	defer hook.Close()
	file := filepath.Join(folder, "audit.jsonl")
	var data string
	b := platform(t, func(c *server.Config) {
		c.Forward = server.Forward{File: file, Webhook: hook.URL, Secret: filepath.Join(folder, "secret")}
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		data = c.DataDir
	})
	ctx, ops := context.Background(), b.Client("bootstrap")

	// She trades, is refused, her token is used, searched for and revoked.
	hers := b.Token("corp", person, map[string]any{"groups": []string{"research"}, "amr": []string{"mfa"}})
	form := url.Values{
		"grant_type": {exchangeGrant}, "subject_token_type": {jwtType}, "scope": {"ai.training.read"}, "subject_token": {hers},
		"resource": {"https://data.example.com"}, "task_label": {words},
	}
	agent := []string{"Authorization", b.basic("research-agent"), "Content-Type", "application/x-www-form-urlencoded"}
	granted := b.send("POST", "/oauth2/token", form.Encode(), agent...)
	token, _ := granted.member(t, "access_token").(string)
	if granted.status != http.StatusOK || token == "" {
		t.Fatalf("%d %s", granted.status, granted.body)
	}
	form.Set("scope", "ai.deploy.manage")
	if got := b.send("POST", "/oauth2/token", form.Encode(), agent...); got.status == http.StatusOK {
		t.Fatal("it is granted")
	}
	used := url.Values{"token": {token}, "use_scope": {"ai.training.read"}, "use_action": {"read"}}
	gate := []string{"Authorization", b.basic("data-gateway"), "Content-Type", "application/x-www-form-urlencoded"}
	if got := b.send("POST", "/oauth2/introspect", used.Encode(), gate...); got.member(t, "active") != true {
		t.Fatalf("%d %s", got.status, got.body)
	}
	_, err := whittlev1.NewRevocationServiceClient(b.Conn).Revoke(b.As(ctx, ops), &whittlev1.RevokeRequest{
		Selector: &whittlev1.Selector{By: &whittlev1.Selector_Subject{Subject: "corp:" + person}}, Reason: words,
	})
	if err != nil {
		t.Fatal(err)
	}
	form.Set("scope", "ai.training.read") // and what was refused because of her says so on the record only
	for _, of := range []struct{ text, kind string }{{hers, jwtType}, {token, "urn:ietf:params:oauth:token-type:access_token"}} {
		form.Set("subject_token", of.text)
		form.Set("subject_token_type", of.kind)
		if got := b.send("POST", "/oauth2/token", form.Encode(), agent...); got.member(t, "error_description") != "subject_token is not acceptable" {
			t.Fatalf("after the revocation: %d %s", got.status, got.body)
		}
	}
	found, err := whittlev1.NewAuditServiceClient(b.Conn).ListEntries(b.As(ctx, ops), &whittlev1.ListEntriesRequest{Filter: &whittlev1.EntryFilter{Subject: "corp:" + person}})
	if err != nil || len(found.GetEntries()) < 2 {
		t.Fatalf("%d entries are found, %v", len(found.GetEntries()), err)
	}
	eventually(t, "all is handed on and indexed", func() bool {
		m := b.metrics()
		return strings.Contains(m, `whittle_forward_entries_behind{to="webhook"} 0`) && strings.Contains(m, `whittle_forward_entries_behind{to="file"} 0`) &&
			strings.Contains(m, "whittle_index_entries_behind 0") && strings.Contains(posted.String(), `"kind":"revocation"`)
	})
	texts := map[string]string{"the metrics": b.metrics(), "a message of the webhook": posted.String()}
	b.Stop() // which also writes the counts of uses
	texts["the server's log"] = log.String()
	readAll(t, texts, folder, data)
	if len(texts) < 6 || !strings.Contains(texts[file], `"kind":"exchange"`) {
		t.Fatalf("it isn't all there: %d texts", len(texts))
	}
	names := []string{person, words}
	secrets := []string{ops.Secret, b.Client("research-agent").Secret, b.Client("data-gateway").Secret}
	for _, text := range []string{hers, token} {
		secrets = append(secrets, text)
		if parts := strings.Split(text, "."); len(parts) == 3 {
			secrets = append(secrets, parts[1], parts[2])
		}
	}
	for where, text := range texts {
		if filepath.Base(where) != "whittle.db" { // in which the revocation that is in force must match her
			for _, s := range names {
				if strings.Contains(text, s) {
					t.Errorf("%s names her: %q", where, s)
				}
			}
		}
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s holds %q", where, s)
			}
		}
		if where != filepath.Join(folder, "secret") && strings.Contains(text, strings.TrimPrefix(hookSecret, "whsec_")) {
			t.Errorf("%s holds the webhook's secret", where)
		}
	}
}

// readAll adds the files in the folders to the texts, and holds each to being its owner's only.
func readAll(t *testing.T, texts map[string]string, folders ...string) {
	t.Helper()
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s is for others, too: %v, %v", path, info.Mode(), err)
			}
			text, err := os.ReadFile(path)
			texts[path] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
