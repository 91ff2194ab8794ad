package guard

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// Visit is one connection, on which nobody is known until a client proves itself. It is the address of the peer too, since grpc-go
// hands on nothing else of a connection; net/http has it in the context. A nil Visit is of nobody's connection.
type Visit struct {
	net.Addr
	remote netip.AddrPort
	began  time.Time
	known  atomic.Bool
	proved func()
}

// NewVisit is a connection from addr. What proved does is done once, when a client proves itself there.
func NewVisit(addr net.Addr, proved func()) *Visit {
	return &Visit{Addr: addr, remote: Peer(addr.String()), began: time.Now(), proved: proved}
}

// Remote is the peer's address.
func (v *Visit) Remote() netip.AddrPort { return v.remote }

// Known says whether a client proved itself there.
func (v *Visit) Known() bool { return v == nil || v.known.Load() }

// Lasted says whether nobody proved themselves there for that long.
func (v *Visit) Lasted(d time.Duration) bool { return !v.Known() && time.Since(v.began) >= d }

// Prove is for the guard: a client proved itself. It is called for each such request, and costs those after the first one load.
func (v *Visit) Prove() {
	if !v.Known() && v.known.CompareAndSwap(false, true) {
		v.proved()
	}
}

type visitKey struct{}

// WithVisit is the context of requests on a connection; ctx itself if the connection's address is no Visit.
func WithVisit(ctx context.Context, conn net.Conn) context.Context {
	if v, ok := conn.RemoteAddr().(*Visit); ok {
		return context.WithValue(ctx, visitKey{}, v)
	}
	return ctx
}

// VisitOf is the connection of a request over HTTP; nil if that is unknown.
func VisitOf(ctx context.Context) *Visit {
	v, _ := ctx.Value(visitKey{}).(*Visit)
	return v
}
