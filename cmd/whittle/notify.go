package main

import (
	"context"
	"net"
	"os"
	"time"
)

// notify tells the service manager how far the server is, if one asked for that: sd_notify(3), one datagram to
// the socket that NOTIFY_SOCKET names. That nobody hears it is no reason to stop.
func notify(ctx context.Context, state string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unixgram", socket) // a leading @ is Linux's abstract space
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state))
}
