package tiles

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// fake is a log of 300 entries of which 299 are signed.
type fake struct{ signed, witnessed []byte }

func (f *fake) Origin() string { return "sts.example.com/a/log/0a" }

func (f *fake) Signed() (store.Checkpoint, bool) {
	return store.Checkpoint{Size: 299, Note: f.signed}, f.signed != nil
}

func (f *fake) Witnessed() (store.Checkpoint, bool) {
	return store.Checkpoint{Size: 200, Note: f.witnessed}, f.witnessed != nil
}

func (f *fake) Tile(_ context.Context, tile tree.Tile) ([]byte, error) {
	switch {
	case !tile.Within(299):
		return nil, audit.ErrNotCovered
	case tile.Level == 1:
		return nil, errors.New("the disk failed")
	}
	return fmt.Append(nil, tile), nil
}

func get(t *testing.T, f *fake, method, path string) *http.Response {
	t.Helper()
	mux := http.NewServeMux()
	if err := New(f, time.Second).Register(mux, "https://sts.example.com/a", func(h http.Handler) http.Handler { return h }); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w.Result()
}

func TestWhatIsServed(t *testing.T) {
	log := &fake{signed: []byte("signed\n")}
	const forever, never = "public, max-age=31536000, immutable", "no-store"
	for _, c := range []struct {
		path, kind, cache string
		status            int
	}{
		{"/a/log/0a/checkpoint", "text/plain; charset=utf-8", "no-cache", 200},
		{"/a/log/0a/tile/0/000", "application/octet-stream", forever, 200},
		{"/a/log/0a/tile/0/001.p/43", "application/octet-stream", forever, 200},
		{"/a/log/0a/tile/0/000.p/7", "application/octet-stream", forever, 200}, // the full one is there
		{"/a/log/0a/tile/0/001.p/44", "", never, 404},                          // not signed yet
		{"/a/log/0a/tile/0/001", "", never, 404},
		{"/a/log/0a/tile/1/000.p/1", "", never, 503},
		{"/a/log/0a/tile/entries/000", "", never, 404}, // entries aren't public
		{"/a/log/0a/tile/0/0", "", never, 404},
		{"/a/log/0a/tile/0/%30%30%30", "application/octet-stream", forever, 200},
		{"/a/log/0b/checkpoint", "", "", 404}, // another generation
		{"/log/0a/checkpoint", "", "", 404},
		{"/a/log/0a/", "", "", 404},
	} {
		got := get(t, log, http.MethodGet, c.path)
		if got.StatusCode != c.status || got.Header.Get("Cache-Control") != c.cache || c.kind != "" && got.Header.Get("Content-Type") != c.kind {
			t.Errorf("%s: %d %v", c.path, got.StatusCode, got.Header)
		}
	}
	if got := get(t, log, http.MethodPost, "/a/log/0a/checkpoint"); got.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", got.StatusCode)
	}
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	var out strings.Builder
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCheckpointIsTheWitnessedOne(t *testing.T) {
	if got := get(t, &fake{}, http.MethodGet, "/a/log/0a/checkpoint"); got.StatusCode != http.StatusNotFound {
		t.Errorf("before the first: %d", got.StatusCode)
	}
	both := &fake{signed: []byte("signed\n"), witnessed: []byte("witnessed\n")}
	if got := body(t, get(t, both, http.MethodGet, "/a/log/0a/checkpoint")); !strings.HasSuffix(got, "witnessed\n") {
		t.Errorf("with witnesses: %s", got)
	}
}

func (f *fake) Handovers() [][]byte { return nil }
