package main

import (
	"context"
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// A service manager hears exactly what was said, and nobody waits for one that isn't there.
func TestNotifySaysItToTheServiceManager(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // it has no such socket, nor systemd
	}
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	notify(context.Background(), "READY=1")
	buffer := make([]byte, 64)
	if err := manager.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := manager.Read(buffer); err != nil || string(buffer[:n]) != "READY=1" {
		t.Errorf("it heard %q, %v", buffer[:n], err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	notify(context.Background(), "READY=1")
}
