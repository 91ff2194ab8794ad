package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/settings"
	"github.com/whittle-sts/whittle/server"
)

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "whittle.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTheLaterSourceWins(t *testing.T) {
	file := write(t, "data: state\nlisten: {grpc: '127.0.0.1:1', http: '127.0.0.1:2', admin: '127.0.0.1:3'}\nlimits: {request_time: 5s, body: 64KiB}\n")
	s, err := settings.Load(settings.Source{
		File:  file,
		Env:   []string{"WHITTLE_LISTEN_HTTP=127.0.0.1:22", "WHITTLE_LISTEN_ADMIN=127.0.0.1:33", "WHITTLE_LISTEN_GRPC="},
		Flags: map[string]string{"admin": "127.0.0.1:333", "allow-network": "10.0.0.0/8,192.168.0.0/16"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := s.Server
	if c.GRPCAddr != "127.0.0.1:1" || c.HTTPAddr != "127.0.0.1:22" || c.AdminAddr != "127.0.0.1:333" || len(c.AllowNetworks) != 2 {
		t.Errorf("%+v", c)
	}
	if c.Limits.Time != 5*time.Second || c.Limits.Body != 64<<10 || c.Limits.Message != server.Defaults().Limits.Message {
		t.Errorf("%+v", c.Limits)
	}
	if want := filepath.Join(filepath.Dir(file), "state"); c.DataDir != want {
		t.Errorf("data %s, not beside the file in %s", c.DataDir, want)
	}
	from := make(map[string]string)
	for _, v := range s.Values {
		from[v.Path] = v.From
	}
	for path, want := range map[string]string{
		"listen.grpc": file + ":2", "listen.http": "WHITTLE_LISTEN_HTTP", "listen.admin": "--admin", "issuer": "the default",
	} {
		if from[path] != want {
			t.Errorf("%s comes from %s, not %s", path, from[path], want)
		}
	}
}

func TestAPathOfAFlagIsRelativeToHere(t *testing.T) {
	s, err := settings.Load(settings.Source{File: write(t, "data: a\n"), Flags: map[string]string{"data": "b"}})
	if err != nil || s.Server.DataDir != "b" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestMistakesHaveTheirPlace(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"dta: x", `whittle.yaml:1:1: the document has no member "dta"; did you mean "data"?`},
		{"listen:\n  gprc: x", `whittle.yaml:2:3: listen has no member "gprc"; did you mean "grpc"?`},
		{"cert: x", `the document has no member "cert"; it is tls.cert`},
		{"listen: [a]", "write listen as a mapping with the members grpc, http, admin"},
		{"data: a\ndata: b", `whittle.yaml:2:1: "data" is here twice, first in line 1`},
		{"data:", "data: write one value"},
		{"data: [a]", "data: write one value"},
		{"cors_origins: a", "write cors_origins as a list"},
		{"tls: {min_version: 1.1}", `tls.min_version: "1.1" must be 1.3 or 1.2`},
		{"reflection: yes", `reflection: "yes" must be true or false`},
		{"limits: {body: 1}", `"1" must be a size as in 64KiB or 4MiB, 4KiB to 4MiB`},
		{"limits: {body: 9999MiB}", "4KiB to 4MiB"},
		{"limits: {streams: -1}", "1 to 100000"},
		{"limits: {request_time: 1h}", "1s to 5m"},
		{"allow_networks: [10.0.0.1]", "must be a network"},
		{"data: &a x", "remove the anchor"},
		{"data: x\n---\ndata: y", "a second document"},
		{"data: [", "not YAML"},
	} {
		_, err := settings.Load(settings.Source{File: write(t, c.text)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
	_, err := settings.Load(settings.Source{Env: []string{"WHITTLE_PLAINTEXT=everywhere"}, Flags: map[string]string{"log-level": "loud"}})
	if err == nil || !strings.Contains(err.Error(), "WHITTLE_PLAINTEXT: ") || !strings.Contains(err.Error(), "--log-level: ") {
		t.Errorf("%v", err)
	}
	_, err = settings.Load(settings.Source{Env: []string{"WHITTLE_LISTEN_HTPP=127.0.0.1:1", "WHITTLE_PASSWORD=x"}})
	if err == nil || !strings.Contains(err.Error(), `WHITTLE_LISTEN_HTPP: there is no such setting; did you mean "WHITTLE_LISTEN_HTTP"?`) ||
		!strings.Contains(err.Error(), "WHITTLE_PASSWORD: there is no such setting") || strings.Contains(err.Error(), "=") {
		t.Errorf("%v", err)
	}
	if _, err := settings.Load(settings.Source{File: "no/such/file.yaml"}); err == nil {
		t.Error("a file that was named may be absent")
	}
}

// Each setting can be given in each way, and what it is by default is what it says.
func TestTheTable(t *testing.T) {
	t.Chdir(t.TempDir())
	seen := make(map[string]bool)
	for _, s := range settings.Table() {
		for _, name := range []string{s.Path, s.Env, "--" + s.Flag} {
			if seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
		if !strings.HasSuffix(s.Doc, ".") || s.Form == "" || s.Default == "" {
			t.Errorf("%s: %q, %q, %q", s.Path, s.Doc, s.Form, s.Default)
		}
	}
	plain, err := settings.Load(settings.Source{})
	if err != nil {
		t.Fatal(err)
	}
	flags := make(map[string]string)
	for _, v := range plain.Values {
		if v.Text != "" {
			flags[v.Flag] = v.Text
		}
	}
	again, err := settings.Load(settings.Source{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range again.Values {
		if v.Text != plain.Values[i].Text {
			t.Errorf("%s: the default %q is read as %q", v.Path, plain.Values[i].Text, v.Text)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags := settings.Register(set)
	if err := set.Parse([]string{"--reflection", "--cors-origin", "https://a.example.com", "--cors-origin=https://b.example.com,https://c.example.com"}); err != nil {
		t.Fatal(err)
	}
	s, err := flags.Load()
	if err != nil || !s.Server.Reflection || len(s.Server.CORSOrigins) != 3 {
		t.Errorf("%+v, %v", s, err)
	}
}

// Variables of other commands, what Kubernetes sets for a service called whittle, and what a setting names are no mistakes.
func TestVariablesThatAreNoSettings(t *testing.T) {
	for _, name := range []string{
		"WHITTLE_CONFIG", "WHITTLE_CONFIG_DIR", "WHITTLE_URL", "WHITTLE_PROFILE", "WHITTLE_CLIENT_ID", "WHITTLE_CLIENT_SECRET",
		"WHITTLE_CLIENT_SECRET_FILE", "WHITTLE_DEV_ISSUER", "WHITTLE_TEST_LEDGER", "WHITTLE_SERVICE_HOST", "WHITTLE_SERVICE_PORT_HTTP",
		"WHITTLE_PORT", "WHITTLE_PORT_8080_TCP_ADDR", "WHITTLE_GRPC_SERVICE_PORT", "WHITTLE_HOOK", "WHITTLER", "OTHER",
	} {
		env := []string{name + "=x", "WHITTLE_FORWARD_WEBHOOK_SECRET=env:WHITTLE_HOOK"}
		if _, err := settings.Load(settings.Source{Env: env}); err != nil {
			t.Error(err)
		}
	}
	if _, err := settings.Load(settings.Source{Env: []string{"WHITTLE_HOOK=x"}}); err == nil {
		t.Error("a variable that nothing names is taken")
	}
}
