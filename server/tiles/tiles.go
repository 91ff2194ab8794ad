package tiles

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// Log is what is served.
type Log interface {
	Origin() string
	Signed() (store.Checkpoint, bool)
	Witnessed() (store.Checkpoint, bool)
	Handovers() [][]byte
	Tile(ctx context.Context, tile tree.Tile) ([]byte, error)
}

// Server serves one log.
type Server struct {
	log     Log
	timeout time.Duration
}

// New makes a server. A request may take so long, waiting for the disk included.
func New(log Log, timeout time.Duration) *Server { return &Server{log, timeout} }

// Register puts the log on mux, below the issuer's path: where its origin says that it is. public wraps what
// scripts of other origins may read.
func (s *Server) Register(mux *http.ServeMux, issuer string, public func(http.Handler) http.Handler) error {
	u, err := url.Parse(issuer)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	below := strings.TrimSuffix(u.EscapedPath(), "/") + "/log/" + path.Base(s.log.Origin()) + "/"
	mux.Handle("GET "+below+"checkpoint", public(http.HandlerFunc(s.checkpoint)))
	mux.Handle("GET "+below+"handovers", public(http.HandlerFunc(s.handovers)))
	mux.Handle("GET "+below+"tile/", public(http.StripPrefix(below, http.HandlerFunc(s.tile))))
	return nil
}

// checkpoint serves the newest checkpoint that enough witnesses have seen; without witnesses, the newest.
func (s *Server) checkpoint(w http.ResponseWriter, _ *http.Request) {
	c, ok := s.log.Witnessed()
	if !ok {
		c, ok = s.log.Signed()
	}
	if !ok {
		refuse(w, "the log has no checkpoint yet", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	write(w, c.Note)
}

// handovers serves the checkpoints with which the log's keys followed each other; none, as nearly always, is nothing.
func (s *Server) handovers(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	write(w, checkpoint.JoinHandovers(s.log.Handovers()))
}

// tile serves a tile of hashes, which never changes. One that isn't full may be asked for as long as it is
// wanted: its hashes are the first of the full one.
func (s *Server) tile(w http.ResponseWriter, r *http.Request) {
	tile, err := tree.ParsePath(r.URL.Path)
	if err != nil {
		refuse(w, "no tile of hashes has this path", http.StatusNotFound)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.timeout)
	defer cancel()
	data, err := s.log.Tile(ctx, tile)
	switch {
	case errors.Is(err, audit.ErrNotCovered):
		refuse(w, "no checkpoint covers this tile yet", http.StatusNotFound)
		return
	case err != nil:
		refuse(w, "the tile can't be read now", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	write(w, data)
}

// refuse says why not, which may be otherwise in a moment.
func refuse(w http.ResponseWriter, why string, status int) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, why, status)
}

func write(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) //nolint:gosec // hashes and base64, of a type that nobody renders; whoever can't be written to is gone
}
