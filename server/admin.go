package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serveAdmin makes the listener for those who run the server: it holds no secrets, but is nobody
// else's business.
func (s *Server) serveAdmin(context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { said(w, nil, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { said(w, s.ready(), s.space.room()) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	s.admin = s.newHTTPServer(mux)
	return nil
}

// said answers ok, if need be with a concern, or 503 with why not.
func said(w http.ResponseWriter, problem, concern error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	text := "ok\n"
	if concern != nil {
		text = "ok, but " + concern.Error() + "\n"
	}
	if problem != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = problem.Error() + "\n"
	}
	_, _ = w.Write([]byte(text)) // whoever can't be written to is gone
}

// ready says why the server can't do its work right now. A full disk isn't a reason: whoever is sent elsewhere
// for that could neither revoke nor introspect.
func (s *Server) ready() error {
	if s.draining.Load() {
		return errors.New("the server is stopping")
	}
	if err := s.clock.Trust(); err != nil {
		return err
	}
	return s.store.writable()
}
