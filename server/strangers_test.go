package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server"
)

// halted is a request that has sent its headers, and its body once the server asks for that.
type halted struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// hold sends a request's headers. RFC 9110 section 10.1.1: the server says when it begins to read the body.
func (b browser) hold(path string, size int, headers ...string) halted {
	b.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.HTTPURL(), "http://"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	lines := []string{"POST " + path + " HTTP/1.1", "Host: x", "Expect: 100-continue", fmt.Sprint("Content-Length: ", size)}
	if len(headers) == 0 || !strings.HasPrefix(headers[0], "Content-Type") {
		lines = append(lines, "Content-Type: application/x-www-form-urlencoded")
	}
	if _, err := io.WriteString(conn, strings.Join(append(lines, headers...), "\r\n")+"\r\n\r\n"); err != nil {
		b.t.Fatal(err)
	}
	return halted{b.t, conn, bufio.NewReader(conn)}
}

// status is that of the next answer: 100 if the server reads the body.
func (h halted) status() int {
	h.t.Helper()
	res, err := http.ReadResponse(h.in, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode
}

// finish sends the body.
func (h halted) finish(body string) int {
	h.t.Helper()
	if _, err := io.WriteString(h.conn, body); err != nil {
		h.t.Fatal(err)
	}
	return h.status()
}

// Of a request with credentials in its headers nothing more is read before these are good.
func TestNoBodyIsReadBeforeTheHeadersCredentialsAreGood(t *testing.T) {
	b := platform(t, nil)
	const size = 200 << 10
	for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"} {
		for name, value := range map[string]string{"a guess": b.basic("nobody"), "a token": "Bearer x.y.z", "nothing": ""} {
			if got := b.hold(path, size, "Authorization: "+value).status(); got != http.StatusUnauthorized {
				t.Errorf("%s, %s: %d", path, name, got)
			}
		}
		if got := b.hold(path, size, "DPoP: a.b.c").status(); got != http.StatusBadRequest {
			t.Errorf("%s, a proof: %d", path, got)
		}
		if got := b.hold(path, size, "Authorization: "+b.basic("data-gateway")).status(); got != http.StatusContinue {
			t.Errorf("%s, a client: %d", path, got)
		}
	}
	const rpc = "/whittle.v1.IntrospectionService/Introspect"
	// Connect answers once the rest has come, and throws it away.
	if got := b.hold(rpc, size, "Content-Type: application/json").finish(strings.Repeat("x", size)); got != http.StatusUnauthorized {
		t.Errorf("Connect: %d", got)
	}
	if got := b.hold(rpc, size, "Content-Type: application/json", "Authorization: "+b.basic("data-gateway")).status(); got != http.StatusContinue {
		t.Errorf("Connect, a client: %d", got)
	}
}

// Forms that are read for the credentials in them have room for so many bytes together; whoever brings theirs in the header needs none.
func TestFormsOfStrangersHaveABudget(t *testing.T) {
	b := platform(t, nil)
	const path, size, room = "/oauth2/introspect", 256 << 10, 16
	var forms []halted
	for i := range room {
		forms = append(forms, b.hold(path, size))
		if got := forms[i].status(); got != http.StatusContinue {
			t.Fatalf("form %d: %d", i, got)
		}
	}
	inForm := "client_id=data-gateway&token=x&client_secret=" + b.Client("data-gateway").Secret
	got := b.send("POST", path, inForm)
	if got.status != http.StatusTooManyRequests || got.member(t, "error") != "slow_down" || got.header.Get("Retry-After") != "1" {
		t.Errorf("a form beyond the budget: %d %s", got.status, got.body)
	}
	if got := b.send("POST", path, "token=x", "Authorization", b.basic("data-gateway")); got.status != http.StatusOK {
		t.Errorf("a client with a header: %d %s", got.status, got.body)
	}
	if got := forms[0].finish(strings.Repeat("x", size)); got != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", got)
	}
	if got := b.send("POST", path, inForm); got.status != http.StatusOK {
		t.Errorf("a client with its secret in the form, once there is room: %d %s", got.status, got.body)
	}
}

// However many requests in flight the settings allow for, a connection of HTTP/2 has 250.
func TestStreamsOfAConnectionAreBounded(t *testing.T) {
	for set, want := range map[int]uint32{100_000: 250, 100: 100} {
		b := platform(t, func(c *server.Config) { c.Limits.Streams = set })
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.HTTPURL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		framer := http2.NewFramer(conn, conn)
		if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
			t.Fatal(err)
		}
		if err := framer.WriteSettings(); err != nil {
			t.Fatal(err)
		}
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		settings, ok := frame.(*http2.SettingsFrame)
		if !ok {
			t.Fatalf("%v comes first", frame)
		}
		if got, _ := settings.Value(http2.SettingMaxConcurrentStreams); got != want {
			t.Errorf("%d are taken where %d is set", got, set)
		}
	}
}

// Strangers that hold all connections and say nothing lock no client out, and what a client has proved itself on stays, whatever
// the wire.
func TestConnectionsOfStrangersAreFreed(t *testing.T) {
	const most = 4
	b := platform(t, func(c *server.Config) { c.Limits.Connections, c.Limits.Unknown = most, time.Second })
	b.Conn.Close()
	silent := func(addr string) net.Conn {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	web, opened := strings.TrimPrefix(b.HTTPURL(), "http://"), new(atomic.Int32)
	count := func(ctx context.Context, _, addr string) (net.Conn, error) {
		opened.Add(1)
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	for range most {
		silent(b.GRPCAddr())
		silent(web)
	}
	native, err := grpc.NewClient(b.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return count(ctx, "", addr) }))
	if err != nil {
		t.Fatal(err)
	}
	defer native.Close()
	transport := &http.Transport{DialContext: count}
	defer transport.CloseIdleConnections()
	ask := map[string]func() error{
		"gRPC": func() error {
			_, err := whittlev1.NewIntrospectionServiceClient(native).Introspect(
				b.As(t.Context(), b.Client("data-gateway")), &whittlev1.IntrospectRequest{Token: "x"}, grpc.WaitForReady(true))
			return err
		},
		"OAuth": func() error {
			return b.over(transport, "/oauth2/introspect", "application/x-www-form-urlencoded", "token=x")
		},
		"Connect": func() error {
			return b.over(transport, "/whittle.v1.IntrospectionService/Introspect", "application/json", `{"token":"x"}`)
		},
	}
	for wire, where := range map[string]string{"gRPC": b.GRPCAddr(), "OAuth": web, "Connect": web} {
		transport.CloseIdleConnections()
		before := opened.Load()
		if err := ask[wire](); err != nil {
			t.Fatalf("%s: a client is locked out: %v", wire, err)
		}
		// This one begins later than the client's, and is there until it is closed.
		if _, err := io.Copy(io.Discard, silent(where)); err != nil {
			t.Fatal(err)
		}
		if err := ask[wire](); err != nil || opened.Load() != before+1 {
			t.Errorf("%s: %v, %d connections", wire, err, opened.Load()-before)
		}
	}
}

// over sends a client's request over the transport.
func (b browser) over(transport *http.Transport, path, kind, body string) error {
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.HTTPURL()+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Authorization", b.basic("data-gateway"))
	res, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}
