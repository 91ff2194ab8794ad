package serving

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/internal/ledger"
)

// load is requests on each wire, each worker the next as soon as the last was answered: a token is
// minted, which waits for the disk, and looked at.
type load struct {
	t        *testing.T
	process  *process
	answered [3]atomic.Int64
	workers  sync.WaitGroup
	stop     atomic.Bool
	mu       sync.Mutex
	failed   []string
}

var wires = [3]string{"gRPC", "Connect over HTTP/2", "OAuth over HTTP/1.1"}

// begin starts the workers: a few on each wire, on connections that they keep.
func begin(t *testing.T, p *process) *load {
	t.Helper()
	l := &load{t: t, process: p}
	conn, err := grpc.NewClient(p.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	over2, over1 := &http.Transport{Protocols: new(http.Protocols)}, &http.Transport{MaxIdleConnsPerHost: 8}
	over2.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(func() { over2.CloseIdleConnections(); over1.CloseIdleConnections() })
	tries := [3]func() error{l.grpc(conn), l.connect(&http.Client{Transport: over2}), l.oauth(&http.Client{Transport: over1})}
	for wire, try := range tries {
		for range 4 {
			l.workers.Go(func() { l.work(wire, try) })
		}
	}
	return l
}

func (l *load) work(wire int, try func() error) {
	for !l.stop.Load() {
		if err := try(); err != nil {
			l.mu.Lock()
			l.failed = append(l.failed, wires[wire]+": "+err.Error())
			l.mu.Unlock()
			return
		}
		l.answered[wire].Add(1)
	}
}

// until waits for so many more answers on each wire.
func (l *load) until(t *testing.T, more int64) {
	t.Helper()
	for wire := range wires {
		from := l.answered[wire].Load()
		for deadline := time.Now().Add(30 * time.Second); l.answered[wire].Load() < from+more; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				l.end(t)
				t.Fatalf("%s: no answers any more", wires[wire])
			}
		}
	}
}

func (l *load) end(t *testing.T) {
	t.Helper()
	l.stop.Store(true)
	l.workers.Wait()
	for _, f := range l.failed {
		t.Error(f)
	}
	for wire, name := range wires {
		t.Logf("%s: %d requests answered", name, 2*l.answered[wire].Load())
	}
}

func (l *load) grpc(conn *grpc.ClientConn) func() error {
	tokens, looks := whittlev1.NewTokenServiceClient(conn), whittlev1.NewIntrospectionServiceClient(conn)
	as := func(id string) context.Context {
		return metadata.AppendToOutgoingContext(context.Background(), "authorization", l.process.basic(id))
	}
	return func() error {
		made, err := tokens.ClientCredentials(as("nightly-export"), wanted())
		if err != nil {
			return err
		}
		ledger.Note(l.t, made.GetToken().GetAccessToken())
		got, err := looks.Introspect(as("data-gateway"), &whittlev1.IntrospectRequest{Token: made.GetToken().GetAccessToken()})
		return active(got.GetIntrospection().GetActive(), err)
	}
}

func (l *load) connect(client *http.Client) func() error {
	c := l.process.connect(client)
	tokens, looks := whittlev1connect.NewTokenServiceClient(c), whittlev1connect.NewIntrospectionServiceClient(c)
	return func() error {
		made, err := tokens.ClientCredentials(l.process.as("nightly-export"), wanted())
		if err != nil {
			return err
		}
		got, err := looks.Introspect(l.process.as("data-gateway"), &whittlev1.IntrospectRequest{Token: made.GetToken().GetAccessToken()})
		return active(got.GetIntrospection().GetActive(), err)
	}
}

func (l *load) oauth(client *http.Client) func() error {
	post := func(id, path string, form url.Values) (string, error) {
		req, err := http.NewRequest(http.MethodPost, l.process.http+path, strings.NewReader(form.Encode()))
		if err != nil {
			return "", err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", l.process.basic(id))
		res, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", res.Status, body)
		}
		return string(body), err
	}
	return func() error {
		made, err := post("nightly-export", "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "audience": {"data"}, "scope": {"ai.usage.log.read"}})
		if err != nil {
			return err
		}
		_, token, _ := strings.Cut(made, `"access_token":"`)
		token, _, _ = strings.Cut(token, `"`)
		got, err := post("data-gateway", "/oauth2/introspect", url.Values{"token": {token}})
		return active(strings.Contains(got, `"active":true`), err)
	}
}

func wanted() *whittlev1.ClientCredentialsRequest {
	return &whittlev1.ClientCredentialsRequest{Audience: []string{"data"}, Scope: []string{"ai.usage.log.read"}}
}

func active(is bool, err error) error {
	if err == nil && !is {
		return fmt.Errorf("a token just minted is inactive")
	}
	return err
}

// SIGTERM comes while clients send as fast as they can. They do what a balancer does: stop sending once
// /readyz says no. No request fails, neither those before nor those after the signal.
func TestTheProcessDrainsUnderLoad(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM; the drain itself is tried in server's own tests")
	}
	p := start(t, "--drain-delay", "5s") // long enough for the answers below on a machine that is busy
	l := begin(t, p)
	l.until(t, 20)
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for p.ready() {
		time.Sleep(time.Millisecond)
	}
	l.until(t, 5) // it says no, and yet it serves
	l.end(t)
	p.terminated(t)
}

// The policy changes under the same load, many times.
func TestThePolicyChangesUnderLoad(t *testing.T) {
	p := start(t)
	l := begin(t, p)
	for version := range uint64(10) {
		l.until(t, 5)
		p.apply(t, version+1)
	}
	l.until(t, 5)
	l.end(t)
}

// Without a balancer: clients go on sending until nobody takes connections any more, and only that may
// fail. Requests on connections that were open at the signal, and of those that came with it, are answered.
func TestNothingAcceptedFailsWithoutABalancer(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM; the drain itself is tried in server's own tests")
	}
	p := start(t)
	l := begin(t, p)
	l.until(t, 20)
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.terminated(t)
	l.workers.Wait()
	var failed []string
	for _, f := range l.failed {
		if !strings.Contains(f, "connection refused") {
			failed = append(failed, f)
		}
	}
	l.failed = failed
	l.end(t)
}
