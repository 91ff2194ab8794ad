package server

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/server/guard"
)

// visitors is a listener whose connections end after a while if nobody proves who they are there, so that strangers leave room for
// others. A network has a share of such connections; what is beyond it is closed at once.
type visitors struct {
	net.Listener
	shares  *guard.Shares
	time    time.Duration
	refused *atomic.Uint64
}

// receive has connections of the listener, so many of which are open at once, wait no longer than that for a client.
func receive(listener net.Listener, most int, patience time.Duration, refused *atomic.Uint64) *visitors {
	return &visitors{listener, guard.NewShares(most, max(1, most/4)), patience, refused}
}

// Accept waits for the next connection that may stay for now.
func (l *visitors) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if remote := guard.Peer(conn.RemoteAddr().String()); l.shares.Take(remote, 1) {
			return l.visit(conn, remote), nil
		}
		l.refused.Add(1)
		conn.Close()
	}
}

// visitor is a connection with its visit.
type visitor struct {
	net.Conn
	visit *guard.Visit
	leave func() // a stranger no more
}

func (l *visitors) visit(conn net.Conn, remote netip.AddrPort) *visitor {
	end := time.AfterFunc(l.time, func() { conn.Close() })
	leave := sync.OnceFunc(func() {
		end.Stop()
		l.shares.Give(remote, 1)
	})
	return &visitor{conn, guard.NewVisit(conn.RemoteAddr(), leave), leave}
}

// RemoteAddr is the visit, through TLS too.
func (v *visitor) RemoteAddr() net.Addr { return v.visit }

// Close implements [net.Conn].
func (v *visitor) Close() error {
	v.leave()
	return v.Conn.Close()
}
