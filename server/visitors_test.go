package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whittle-sts/whittle/server/guard"
)

// callers is a listener to which a test's connections come.
type callers struct {
	net.Listener
	next chan net.Conn
}

func (c callers) Accept() (net.Conn, error) {
	conn, open := <-c.next
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

// from is a connection that comes from an address.
type from struct {
	net.Conn
	addr   net.Addr
	closed *atomic.Bool
}

func (f from) RemoteAddr() net.Addr { return f.addr }
func (f from) Close() error         { f.closed.Store(true); return nil }

func call(t *testing.T, addr string) from {
	t.Helper()
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return from{nil, at, new(atomic.Bool)}
}

func TestStrangersAreSentAwayAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused atomic.Uint64
		line := callers{next: make(chan net.Conn, 10)}
		l := receive(line, 100, 10*time.Second, &refused)
		enter := func(c from) net.Conn {
			line.next <- c
			in, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			return in
		}
		stranger, client := call(t, "192.0.2.1:1"), call(t, "192.0.2.1:2")
		enter(stranger)
		ctx := guard.WithVisit(context.Background(), enter(client))
		time.Sleep(9 * time.Second)
		if stranger.closed.Load() {
			t.Error("the stranger was closed too early")
		}
		guard.VisitOf(ctx).Prove()
		time.Sleep(time.Hour)
		if !stranger.closed.Load() {
			t.Error("the stranger is still there")
		}
		if client.closed.Load() {
			t.Error("a client that proved itself was closed")
		}
	})
}

func TestANetworksStrangersHaveAShareOfTheConnections(t *testing.T) {
	var refused atomic.Uint64
	line := callers{next: make(chan net.Conn, 100)}
	l := receive(line, 8, time.Hour, &refused)
	var in []net.Conn
	enter := func(addresses ...string) (dropped int) {
		t.Helper()
		var all []from
		for _, a := range addresses {
			c := call(t, a)
			all = append(all, c)
			line.next <- c
		}
		mark := call(t, "127.0.0.1:1") // this host's own isn't cut off, so it comes after them
		line.next <- mark
		for {
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if conn.RemoteAddr().String() == "127.0.0.1:1" {
				conn.Close()
				break
			}
			in = append(in, conn)
		}
		for _, c := range all {
			if c.closed.Load() {
				dropped++
			}
		}
		return dropped
	}
	if got := enter("192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3", "192.0.2.2:1"); got != 1 || len(in) != 3 {
		t.Fatalf("%d of a quarter and one more were closed, %d came in", got, len(in))
	}
	guard.VisitOf(guard.WithVisit(context.Background(), in[0])).Prove()
	if got := enter("192.0.2.1:4", "192.0.2.1:5"); got != 1 {
		t.Errorf("%d of two were closed after one proved itself", got)
	}
	in[0].Close() // it has given its share back already
	in[1].Close()
	in[1].Close()
	if got := enter("192.0.2.1:6", "192.0.2.1:7"); got != 1 {
		t.Errorf("%d of two were closed after one left", got)
	}
	if got := enter("127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4"); got != 0 {
		t.Errorf("%d of this host's own were closed", got)
	}
	if refused.Load() != 3 {
		t.Errorf("%d are counted", refused.Load())
	}
	close(line.next)
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener ends with %v", err)
	}
}

// Who only reads what is public is asked to come again on another connection, before this one is closed.
func TestAStrangersConnectionEndsWithAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{config: Defaults()}
		visit := guard.NewVisit(call(t, "192.0.2.1:1").addr, func() {})
		ctx := guard.WithVisit(t.Context(), tls.Server(&visitor{visit: visit}, nil))
		asked := func(ctx context.Context) string {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			s.leaving(http.NotFoundHandler()).ServeHTTP(w, r)
			return w.Header().Get("Connection")
		}
		if got := asked(ctx); got != "" {
			t.Errorf("at once: %q", got)
		}
		time.Sleep(5 * time.Second)
		if got := asked(ctx); got != "close" {
			t.Errorf("after half the time: %q", got)
		}
		visit.Prove()
		if got := asked(ctx); got != "" {
			t.Errorf("a client: %q", got)
		}
		if got := asked(t.Context()); got != "" {
			t.Errorf("a connection of which nothing is known: %q", got)
		}
	})
}
