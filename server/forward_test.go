package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server"
)

const hookSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// The log is handed on to a file and to a webhook as it grows; a webhook that is down holds up nobody, and is behind.
func TestTheLogIsHandedOn(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "secret"), hookSecret+"\n")
	var down atomic.Bool
	var posted atomic.Pointer[string]
	down.Store(true)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if down.Load() || r.Header.Get("Webhook-Signature") == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		all := string(body)
		if before := posted.Load(); before != nil {
			all = *before + all
		}
		posted.Store(&all)
	}))
	defer hook.Close()
	file := filepath.Join(folder, "audit.jsonl")
	var config server.Config
	b := platform(t, func(c *server.Config) {
		c.Forward = server.Forward{File: file, Webhook: hook.URL, Secret: filepath.Join(folder, "secret")}
		config = *c
	})
	b.revoke(strings.Repeat("A", 22))
	metrics := func() string { return b.metrics() }
	eventually(t, "the file has the revocation, and the webhook is behind", func() bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), `"kind":"revocation"`) &&
			strings.Contains(metrics(), `whittle_forward_entries_behind{to="file"} 0`) &&
			regexp.MustCompile(`whittle_forward_failures_total\{to="webhook"\} [1-9]`).MatchString(metrics()) &&
			!strings.Contains(metrics(), `whittle_forward_entries_behind{to="webhook"} 0`)
	})
	b.Stop()
	config.Now = func() time.Time { return time.Now().Add(5 * time.Minute) } // it was down so long
	b.Boot(config)
	lag := regexp.MustCompile(`whittle_forward_lag_seconds\{to="webhook"\} (.*)`).FindStringSubmatch(metrics())
	if seconds, err := strconv.ParseFloat(append(lag, "", "")[1], 64); err != nil || seconds < 300 {
		t.Errorf("after a restart the webhook lags by %v", lag)
	}
	down.Store(false)
	eventually(t, "the webhook has it too", func() bool {
		return strings.Contains(metrics(), `whittle_forward_entries_behind{to="webhook"} 0`)
	})
	if text := *posted.Load(); !strings.Contains(text, `"kind":"revocation"`) || strings.Contains(text, "hunter2") {
		t.Errorf("posted: %s", text)
	}
}

func (b browser) metrics() string {
	b.t.Helper()
	res, err := http.Get(b.AdminURL() + "/metrics")
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// A webhook without a usable secret is a mistake that is told at the start.
func TestAWebhookNeedsItsSecret(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "short"), "whsec_c2hvcnQ=")
	t.Setenv("HOOK_SECRET", hookSecret)
	for secret, ok := range map[string]bool{
		"": false, filepath.Join(folder, "none"): false, filepath.Join(folder, "short"): false, "env:NO_SUCH_VARIABLE": false, "env:HOOK_SECRET": true,
	} {
		c := settings(t)
		c.Forward = server.Forward{Webhook: "https://siem.example.com/", Secret: secret}
		s, err := server.New(context.Background(), c)
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "c2hvcnQ") {
			t.Errorf("%q: %v", secret, err)
		}
		if s != nil {
			_ = s.Close()
		}
	}
	c := settings(t)
	c.Forward = server.Forward{Webhook: "http://siem.example.com/", Secret: "env:HOOK_SECRET"}
	if _, err := server.New(context.Background(), c); err == nil {
		t.Error("entries would be posted in the clear")
	}
}

// The index catches up by itself, and the pages of a search are the same whether it did yet, and whatever comes meanwhile.
func TestPagesAreStableWhileTheLogGrows(t *testing.T) {
	b := platform(t, nil)
	client := whittlev1.NewAuditServiceClient(b.Conn)
	ops := b.As(context.Background(), b.Client("ops-console"))
	for i := range 30 {
		b.revoke(fmt.Sprintf("%02d%s", i, strings.Repeat("A", 20)))
	}
	pages := func(between func()) (out []uint64) {
		ask := &whittlev1.ListEntriesRequest{Filter: &whittlev1.EntryFilter{Kind: "revocation"}, PageSize: 4, NewestFirst: true, From: proto.Uint64(40)}
		for {
			res, err := client.ListEntries(ops, ask)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range res.GetEntries() {
				out = append(out, e.GetIndex())
			}
			if ask.PageToken = res.GetNextPageToken(); ask.GetPageToken() == "" {
				if res.GetReached() != 0 {
					t.Errorf("reached %d at the end", res.GetReached())
				}
				return out
			}
			if res.GetReached() >= out[len(out)-1] {
				t.Errorf("reached %d after %v", res.GetReached(), out)
			}
			between()
		}
	}
	first := pages(func() { b.revoke(strings.Repeat("Q", 22)) })
	eventually(t, "the index knows all", func() bool { return strings.Contains(b.metrics(), "\nwhittle_index_entries_behind 0\n") })
	if second := pages(func() {}); len(first) < 20 || fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("%v, then %v", first, second)
	}
}
