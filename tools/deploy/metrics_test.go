package deploy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// TestWhatIsWatchedIsThere holds every metric and label that an alert, the dashboard or one of their texts names
// to what a running server shows after it was used and misused, and without what it needs.
func TestWhatIsWatchedIsThere(t *testing.T) {
	shown := scraped(t)
	for _, a := range alerts(t) {
		named := regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(a.Annotations["summary"]+a.Annotations["description"], -1)
		watched(t, shown, a.Alert, a.Expr, named)
	}
	legend := regexp.MustCompile(`\{\{(\w+)\}\}`)
	for where, q := range queries(t) {
		watched(t, shown, where, variables.Replace(q.expr), legend.FindAllStringSubmatch(q.legend, -1))
	}
}

// variables are those of Grafana that the dashboard uses.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$job", "whittle", "$instance", "a")

func watched(t *testing.T, shown map[string][]labels.Labels, where, expr string, named [][]string) {
	t.Helper()
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	known := map[string]bool{"job": true, "instance": true} // the scrape's own
	var used []string
	parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			var matching int
			for _, series := range shown[n.Name] {
				series.Range(func(l labels.Label) { known[l.Name] = true })
				if matches(n.LabelMatchers, series) {
					matching++
				}
			}
			if matching == 0 {
				t.Errorf("%s: the server shows no %s", where, n)
			}
		case *parser.AggregateExpr:
			used = append(used, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				used = append(append(used, n.VectorMatching.MatchingLabels...), n.VectorMatching.Include...)
			}
		}
		return nil
	})
	for _, n := range named {
		used = append(used, n[1])
	}
	for _, label := range used {
		if !known[label] {
			t.Errorf("%s: nothing in it has a label %s", where, label)
		}
	}
}

func matches(all []*labels.Matcher, series labels.Labels) bool {
	return !slices.ContainsFunc(all, func(m *labels.Matcher) bool {
		return m.Name != "job" && m.Name != "instance" && !m.Matches(series.Get(m.Name))
	})
}

// TestWhatIsntThereIsMissed is the test of the test.
func TestWhatIsntThereIsMissed(t *testing.T) {
	shown := map[string][]labels.Labels{"a_total": {labels.FromStrings("__name__", "a_total", "code", "ok")}}
	for expr, good := range map[string]bool{
		`rate(a_total{code="ok",job="x"}[5m])`: true, `sum by (code, job) (a_total)`: true, `up == 0`: false,
		`b_total`: false, `a_total{code="no"}`: false, `a_total{kode="ok"}`: false, `sum by (kode) (a_total)`: false, `a_total +`: false,
	} {
		quiet := new(testing.T)
		watched(quiet, shown, "x", expr, nil)
		if quiet.Failed() == good {
			t.Errorf("%s: found good: %v", expr, !good)
		}
	}
}

// scraped is the series that a server shows, by name: once with a witness that doesn't answer and a receiver of the log,
// once without the issuer, and once with TLS.
func scraped(t *testing.T) map[string][]labels.Labels {
	t.Helper()
	w := newServer(t)
	w.run("init", "--dev", ".")
	forget := w.start("dev", "issuer")
	stop := w.start("serve", "--witness", "http://127.0.0.1:1 "+witnessKey(), "--forward-file-path", "entries.jsonl")
	w.run("ready", "http://"+w.addresses["WHITTLE_LISTEN_HTTP"], w.addresses["WHITTLE_DEV_ISSUER"])
	w.use()
	shown := map[string][]labels.Labels{"up": {labels.FromStrings("__name__", "up")}} // Prometheus's own
	w.scrape(shown)
	stop()

	forget() // so that the next server can't have the issuer's keys
	stop = w.start("serve")
	w.run("ready", "http://"+w.addresses["WHITTLE_LISTEN_HTTP"])
	w.fail("token", "exchange", "--profile", "agent", "--subject-token-env", "ANA", "--subject-token-type", "jwt", "--scope", "data.read")
	w.scrape(shown)
	stop()

	cert, key := certificate(t, w.dir)
	stop = w.start("serve", "--tls-cert", cert, "--tls-key", key)
	w.until("/readyz answers", func() bool { _, err := w.admin("/readyz"); return err == nil })
	w.scrape(shown)
	stop()
	return shown
}

// server is a folder with a development server, and the command.
type server struct {
	t         *testing.T
	command   string
	dir       string
	env       []string
	addresses map[string]string
}

func newServer(t *testing.T) *server {
	w := &server{t: t, dir: t.TempDir(), command: filepath.Join(t.TempDir(), "whittle"), addresses: map[string]string{}}
	build := exec.Command("go", "build", "-o", w.command, "./cmd/whittle")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.env = append(os.Environ(), "WHITTLE_CONFIG_DIR="+filepath.Join(w.dir, "profiles"))
	for _, name := range []string{"WHITTLE_LISTEN_HTTP", "WHITTLE_LISTEN_GRPC", "WHITTLE_LISTEN_ADMIN", "WHITTLE_DEV_ISSUER"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at := l.Addr().String()
		l.Close()
		if name == "WHITTLE_DEV_ISSUER" {
			at = "http://" + at
		}
		w.addresses[name] = at
		w.env = append(w.env, name+"="+at)
	}
	return w
}

// use is a day in the life: a good exchange, a look, a refusal, wrong credentials, a revocation.
func (w *server) use() {
	ana := w.run("dev", "token", "--subject", "ana", "--group", "research")
	w.env = append(w.env, "ANA="+strings.TrimSpace(ana))
	exchange := []string{"token", "exchange", "--profile", "agent", "--subject-token-env", "ANA", "--subject-token-type", "jwt", "--resource", "https://data.example.com", "--scope"}
	w.env = append(w.env, "TOKEN="+strings.TrimSpace(w.run(append(exchange, "data.read")...)))
	w.run("token", "introspect", "--profile", "gateway", "--token-env", "TOKEN")
	w.fail(append(exchange, "data.write")...)
	w.run("token", "revoke", "--profile", "agent", "--token-env", "TOKEN")
	w.fail("token", "introspect", "--profile", "gateway", "--token-env", "TOKEN")
	w.run("audit", "list")
	res, err := http.PostForm("http://"+w.addresses["WHITTLE_LISTEN_HTTP"]+"/oauth2/token", map[string][]string{"client_id": {"agent"}, "client_secret": {"wrong"}, "grant_type": {"client_credentials"}})
	if err != nil {
		w.t.Fatal(err)
	}
	res.Body.Close()
}

func (w *server) run(args ...string) string {
	w.t.Helper()
	out, err := w.cmd(args...).Output()
	if err != nil {
		w.t.Fatalf("whittle %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (w *server) fail(args ...string) {
	w.t.Helper()
	if out, err := w.cmd(args...).CombinedOutput(); err == nil {
		w.t.Fatalf("whittle %s does not fail:\n%s", strings.Join(args, " "), out)
	}
}

func (w *server) cmd(args ...string) *exec.Cmd {
	cmd := exec.Command(w.command, args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	return cmd
}

// start runs a command in the background, until stop or the end of the test.
func (w *server) start(args ...string) (stop func()) {
	w.t.Helper()
	cmd := w.cmd(args...)
	said, err := os.Create(filepath.Join(w.t.TempDir(), "said"))
	if err != nil {
		w.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	done := false
	stop = func() {
		if done {
			return
		}
		done = true
		_ = cmd.Process.Signal(os.Interrupt)
		err := cmd.Wait()
		said.Close()
		if w.t.Failed() || err != nil {
			text, _ := os.ReadFile(said.Name())
			w.t.Logf("whittle %s: %v\n%s", args[0], err, text)
		}
	}
	w.t.Cleanup(stop)
	return stop
}

func (w *server) until(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never: %s", what)
		}
	}
}

func (w *server) admin(path string) (string, error) {
	res, err := http.Get("http://" + w.addresses["WHITTLE_LISTEN_ADMIN"] + path)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

// scrape adds the series that the server shows.
func (w *server) scrape(shown map[string][]labels.Labels) {
	w.t.Helper()
	text, err := w.admin("/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	p := parser.NewParser(parser.Options{})
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		series, err := p.ParseMetric(line[:strings.LastIndexByte(line, ' ')])
		if err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		name := series.Get(labels.MetricName)
		shown[name] = append(shown[name], series)
	}
}

// witnessKey is the verifier key of a witness (C2SP tlog-cosignature) that nobody plays.
func witnessKey() string {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	key := append([]byte{4}, public...)
	sum := sha256.Sum256(append([]byte("witness.example/w\n"), key...))
	return fmt.Sprintf("witness.example/w+%x+%s", sum[:4], base64.StdEncoding.EncodeToString(key))
}

// certificate writes a self-signed pair.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "whittle"}, NotBefore: time.Now(),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
