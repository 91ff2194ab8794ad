package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthIsWhatReadyzSays(t *testing.T) {
	status, body := 0, ""
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer admin.Close()
	for _, c := range []struct {
		status     int
		body, want string // want is empty if it is healthy
	}{
		{200, "ok\n", ""},
		{503, "the disk is full\n", "not ready: the disk is full"},
		{404, "", "not ready: "},
	} {
		status, body = c.status, c.body
		err := askReady(context.Background(), admin.URL)
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%d %q: %v", c.status, c.body, err)
		}
	}
	admin.Close()
	if err := askReady(context.Background(), admin.URL); err == nil || !strings.HasPrefix(err.Error(), "no answer: ") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestWhereTheHostReachesItsListener(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:9091": "127.0.0.1:9091", ":9091": "localhost:9091", "0.0.0.0:9091": "localhost:9091",
		"[::]:9091": "localhost:9091", "[::1]:9091": "[::1]:9091", "10.0.0.7:9091": "10.0.0.7:9091", "admin.example.com:1": "admin.example.com:1",
	} {
		if got := reachable(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
