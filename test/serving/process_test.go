// Package serving tries the command as those do who look after it: a process, signals, real load.
package serving

import (
	"bufio"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/internal/ledger"
)

// process is a running `whittle serve`.
type process struct {
	grpc, http, admin string
	secrets           map[string]string // by client
	output            *strings.Builder  // of stderr; to be read once it ended
	command           *exec.Cmd
	ended             chan error
}

var (
	addresses = regexp.MustCompile(`^gRPC (\S+) · Connect and OAuth (\S+) · health and metrics (\S+)$`)
	secret    = regexp.MustCompile(`^  secret (\S+)$`)
)

// start builds the command and serves a fresh state with the platform's policy.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "whittle")
	build := exec.Command("go", "build", "-o", file, "./cmd/whittle")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	args = append([]string{"serve", "--data", filepath.Join(folder, "state"), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...)
	if ledger.On() {
		args = append(args, "--log-level", "debug", "--log-sample", "1")
	}
	p := &process{command: exec.Command(file, args...), secrets: make(map[string]string), output: new(strings.Builder), ended: make(chan error, 1)}
	p.command.Stderr, p.command.Dir = p.output, folder
	if ledger.On() {
		p.command.Stderr = io.MultiWriter(p.output, os.Stderr)
	}
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.command.Process.Kill() }) // if it goes on
	lines := bufio.NewScanner(stdout)
	for (p.http == "" || p.secrets["bootstrap"] == "") && lines.Scan() { // in whatever order
		if found := addresses.FindStringSubmatch(lines.Text()); found != nil {
			p.grpc, p.http, p.admin = found[1], found[2], found[3]
		}
		if found := secret.FindStringSubmatch(lines.Text()); found != nil {
			p.secrets["bootstrap"] = found[1]
			ledger.Note(t, found[1])
		}
	}
	if p.http == "" || p.secrets["bootstrap"] == "" {
		_ = p.command.Process.Kill()
		t.Fatalf("it doesn't say where it is: %v, %s", p.command.Wait(), p.output)
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdout)
		p.ended <- p.command.Wait()
	}()
	p.furnish(t)
	return p
}

// furnish applies the platform's policy and makes the secrets of those who make the load.
func (p *process) furnish(t *testing.T) {
	t.Helper()
	p.apply(t, 0)
	clients := whittlev1connect.NewClientServiceClient(p.connect(http.DefaultClient))
	for _, id := range []string{"nightly-export", "data-gateway"} {
		made, err := clients.CreateSecret(p.as("bootstrap"), &whittlev1.CreateSecretRequest{Client: id})
		if err != nil {
			t.Fatal(err)
		}
		p.secrets[id] = made.GetSecret()
		ledger.Note(t, made.GetSecret())
	}
}

// apply applies the platform's policy as the next version.
func (p *process) apply(t *testing.T, version uint64) {
	t.Helper()
	policy, err := os.ReadFile("../scenarios/policies/platform.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("${corp}", "https://corp.example.com", "${ci}", "https://ci.example.com").Replace(string(policy))
	policies := whittlev1connect.NewPolicyServiceClient(p.connect(http.DefaultClient))
	if _, err := policies.ApplyPolicy(p.as("bootstrap"), &whittlev1.ApplyPolicyRequest{Yaml: text, ExpectedVersion: version}); err != nil {
		t.Fatal(err)
	}
}

func (p *process) connect(client *http.Client) *connect.Client {
	return connect.NewClient(connecthttp.NewTransport(client, p.http))
}

func (p *process) as(id string) context.Context {
	ctx, info := connect.NewClientContext(context.Background())
	info.RequestHeader().Set("Authorization", p.basic(id))
	return ctx
}

func (p *process) basic(id string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+url.QueryEscape(p.secrets[id])))
}

// ready says what a balancer reads.
func (p *process) ready() bool {
	res, err := http.Get(p.admin + "/readyz")
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// terminated waits until the process has ended, and well.
func (p *process) terminated(t *testing.T) {
	t.Helper()
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("it ended with %v\n%s", err, p.output)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it doesn't end")
	}
}
