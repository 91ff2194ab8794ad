package server_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
)

// said is what a path of the admin listener answers.
func saidAt(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// Below the floor nothing is issued, and what takes power away goes on; both end by themselves.
func TestBelowTheFloorOnlyRevokingGoesOn(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 30)
	w := servertest.Start(t, servertest.Options{
		Policy: servertest.ReadFile(t, "../test/scenarios/policies/platform.yaml"),
		Edit:   func(c *server.Config) { c.FreeSpace = func(string) (uint64, error) { return free.Load(), nil } },
	})
	ctx, export := context.Background(), w.Client("nightly-export")
	tokens := whittlev1.NewTokenServiceClient(w.Conn)
	ask := &whittlev1.ClientCredentialsRequest{Resource: []string{"https://data.example.com"}, Scope: []string{"ai.usage.log.read"}}
	held, err := tokens.ClientCredentials(w.As(ctx, export), ask)
	if err != nil {
		t.Fatal(err)
	}
	issues := func() bool { _, text := saidAt(t, w.AdminURL()+"/readyz"); return text == "ok\n" }
	eventually(t, "ready", issues)

	free.Store(1 << 20)
	eventually(t, "short of space", func() bool { return !issues() })
	if status, why := saidAt(t, w.AdminURL()+"/readyz"); status != http.StatusOK || !strings.Contains(why, "nothing is issued") || !strings.Contains(why, "only 1 MiB") {
		t.Errorf("/readyz says %d %q", status, why)
	}
	if _, metrics := saidAt(t, w.AdminURL()+"/metrics"); !strings.Contains(metrics, "\nwhittle_disk_low 1\n") {
		t.Error("no metric says so")
	}
	_, err = tokens.ClientCredentials(w.As(ctx, export), ask)
	if err == nil || !strings.Contains(err.Error(), "disk space") {
		t.Errorf("a token: %v", err)
	}
	clients := whittlev1.NewClientServiceClient(w.Conn)
	if _, err := clients.CreateSecret(w.As(ctx, w.Client("bootstrap")), &whittlev1.CreateSecretRequest{Client: "nightly-export"}); err == nil {
		t.Error("a secret was made")
	}
	_, err = whittlev1.NewRevocationServiceClient(w.Conn).RevokeToken(w.As(ctx, export), &whittlev1.RevokeTokenRequest{Token: held.GetToken().GetAccessToken()})
	if err != nil {
		t.Errorf("a revocation: %v", err)
	}
	size := logSize(t, w)
	for range 20 { // a refusal costs nothing, so none of them may take from the reserve
		if _, err := tokens.ClientCredentials(w.As(ctx, export), ask); err == nil {
			t.Error("a token")
		}
	}

	free.Store(1 << 30)
	eventually(t, "space again", issues)
	if _, err := tokens.ClientCredentials(w.As(ctx, export), ask); err != nil {
		t.Error(err)
	}
	if now := logSize(t, w); now != size+1 {
		t.Errorf("with refusals and one grant the log grew from %d to %d entries", size, now)
	}
}

// logSize is how many entries the log has.
func logSize(t *testing.T, w *servertest.World) uint64 {
	t.Helper()
	ctx := w.As(context.Background(), w.Client("bootstrap"))
	res, err := whittlev1.NewAuditServiceClient(w.Conn).ListEntries(ctx, &whittlev1.ListEntriesRequest{PageSize: 1, NewestFirst: true})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetEntries()[0].GetIndex() + 1
}
