package server_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/guard"
	"github.com/whittle-sts/whittle/server/servertest"
)

// A client beyond the rate that was set is told to slow down and when to come back, on each wire.
func TestARateIsSetAndHeldOnEachWire(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire.name, func(t *testing.T) {
			b := platform(t, func(c *server.Config) {
				c.Limits.Rates = guard.StandardRates()
				c.Limits.Rates.Look = guard.Rate{PerSecond: 1, Burst: 3}
			})
			speak, slowed := wire.pick(b.World), 0
			for range 50 {
				_, err := speak.Introspect(context.Background(), b.Client("data-gateway"), &whittlev1.IntrospectRequest{Token: "x.y.z"})
				if refusal, ok := errors.AsType[*servertest.Refusal](err); ok && refusal.Code == "slow_down" {
					slowed++
					if refusal.RetryAfter != time.Second {
						t.Errorf("to come back after %v", refusal.RetryAfter)
					}
				} else if err != nil {
					t.Error(err)
				}
			}
			if slowed == 0 {
				t.Error("50 at once were taken")
			}
			if _, err := speak.Introspect(context.Background(), b.Client("model-gateway"), &whittlev1.IntrospectRequest{Token: "x.y.z"}); err != nil {
				t.Errorf("another client: %v", err)
			}
		})
	}
}

// What is too large is refused by the limits that were set, not by those that are standard.
func TestSizesAreSet(t *testing.T) {
	b := platform(t, func(c *server.Config) {
		c.Limits.Body, c.Limits.Message, c.Limits.Header = 4<<10, 64<<10, 4<<10
	})
	got := b.send("POST", "/oauth2/introspect", "token="+strings.Repeat("x", 5<<10), "Authorization", b.basic("data-gateway"))
	if got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of 5 KiB: %d", got.status)
	}
	long := strings.Repeat("x", 70<<10)
	for _, wire := range b.Wires() {
		if _, err := wire.Introspect(context.Background(), b.Client("data-gateway"), &whittlev1.IntrospectRequest{Token: long}); err == nil {
			t.Errorf("%s takes a message of 70 KiB", wire.Name())
		}
	}
	req, err := http.NewRequest(http.MethodGet, b.HTTPURL()+"/oauth2/jwks", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Long", strings.Repeat("x", 16<<10))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("headers of 16 KiB: %s", res.Status)
	}
}

// More connections than are taken wait until one ends.
func TestConnectionsAreLimited(t *testing.T) {
	c := settings(t)
	c.Limits.Connections = 2
	s := running(t, c)
	addr := strings.TrimPrefix(s.HTTPURL(), "http://")
	ask := func(conn net.Conn) error {
		if _, err := io.WriteString(conn, "GET /oauth2/jwks HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	var open []net.Conn
	for range 3 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
	}
	both := func() {
		for _, conn := range open[:2] {
			if err := ask(conn); err != nil {
				t.Fatal(err)
			}
		}
	}
	both()
	third := make(chan error, 1)
	go func() { third <- ask(open[2]) }()
	for range 100 { // the two are served again and again, and the third has as much time
		both()
	}
	select {
	case err := <-third:
		t.Fatalf("a third connection was served: %v", err)
	default:
	}
	open[0].Close()
	if err := <-third; err != nil {
		t.Errorf("it waits for ever: %v", err)
	}
}

func TestPlaintextAnywhereIsSaid(t *testing.T) {
	c := settings(t)
	c.Issuer, c.GRPCAddr = "https://sts.example.com", "0.0.0.0:0"
	if s, err := server.New(context.Background(), c); err == nil {
		s.Close()
		t.Error("plaintext is served to everybody, and nobody said so")
	}
	c.Plaintext = server.PlaintextAnywhere
	running(t, c)
}

// Each wire tells the caller the id by which the log calls its request: that of the caller's trace.
func TestEachWireTellsTheRequestsID(t *testing.T) {
	var log lines
	b := platform(t, func(c *server.Config) {
		c.Logger, c.LogSample = slog.New(slog.NewTextHandler(&log, nil)), 1
	})
	const id = "0af7651916cd43dd8448eb211c80319c"
	traced := []string{"Traceparent", "00-" + id + "-b7ad6b7169203331-01", "Authorization", b.basic("data-gateway")}
	oauth := b.send("POST", "/oauth2/introspect", "token=x", traced...)
	rpc := b.send("POST", "/whittle.v1.IntrospectionService/Introspect", `{"token":"x"}`, append(traced, "Content-Type", "application/json")...)
	refused := b.send("POST", "/oauth2/introspect", "token=x", traced[:2]...)
	var header metadata.MD
	ctx := metadata.AppendToOutgoingContext(b.As(context.Background(), b.Client("data-gateway")), "traceparent", traced[1])
	if _, err := whittlev1.NewIntrospectionServiceClient(b.Conn).Introspect(ctx, &whittlev1.IntrospectRequest{Token: "x"}, grpc.Header(&header)); err != nil {
		t.Fatal(err)
	}
	for where, got := range map[string][]string{
		"OAuth": oauth.header.Values("X-Request-ID"), "Connect": rpc.header.Values("X-Request-ID"),
		"a refusal": refused.header.Values("X-Request-ID"), "gRPC": header.Get("x-request-id"),
	} {
		if len(got) != 1 || got[0] != id {
			t.Errorf("%s: %q", where, got)
		}
	}
	if n := strings.Count(log.String(), "request="+id); n != 4 {
		t.Errorf("%d lines name it:\n%s", n, log.String())
	}
}

// Whatever callers send, no label has a value of theirs, and the number of series is bounded.
func TestLabelsAreBounded(t *testing.T) {
	b := platform(t, func(c *server.Config) { c.Version = "v1.2.3" })
	count := func() (n int, text string) {
		res, err := http.Get(b.AdminURL() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(body, []byte("\nwhittle_")), string(body)
	}
	round := func(n string) {
		b.send("POST", "/oauth2/token", "grant_type=oddity"+n, "Authorization", servertest.Client{ID: "oddity" + n, Secret: "x"}.Basic())
		b.send("POST", "/whittle.v1.TokenService/Oddity"+n, "{}", "Content-Type", "application/json")
		b.send("POST", "/oddity"+n, "")
		b.send("POST", "/oauth2/introspect", "token=oddity"+n, "Authorization", b.basic("data-gateway"), "Traceparent", "oddity"+n)
		b.send("POST", "/oauth2/token", "grant_type=client_credentials&scope=oddity"+n, "Authorization", b.basic("nightly-export"))
		_ = b.Conn.Invoke(b.As(context.Background(), b.Client("data-gateway")), "/whittle.v1.TokenService/Oddity"+n, &whittlev1.IntrospectRequest{}, &whittlev1.IntrospectResponse{})
	}
	round("0")
	before, _ := count()
	for i := range 20 {
		round(string(rune('a' + i)))
	}
	after, text := count()
	if after > before+3 { // a refusal may get another code: slow_down
		t.Errorf("%d series became %d", before, after)
	}
	if strings.Contains(strings.ToLower(text), "oddity") {
		t.Error("a label holds what a caller sent")
	}
	for _, name := range []string{
		"whittle_requests_total{", "whittle_request_seconds_bucket{", "whittle_requests_in_flight{", "whittle_slowed_total{",
		"whittle_commit_seconds_bucket{", "whittle_revocations ", `whittle_build_info{go="go1`, `version="v1.2.3"`, "whittle_policy_version ",
	} {
		if !strings.Contains(text, name) {
			t.Errorf("no %s", name)
		}
	}
}
