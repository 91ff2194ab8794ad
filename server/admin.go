package server

import (
	"context"
	"errors"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
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
	if err := s.engine.Clock.Trust(); err != nil {
		return err
	}
	return s.store.writable()
}

// instrument makes the registry, which is the server's own, so that two servers fit into one process.
func (s *Server) instrument(context.Context) error {
	s.registry = prometheus.NewRegistry()
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	if s.certificate != nil {
		expires := gauge("whittle_certificate_expiry_timestamp_seconds", "When the TLS certificate in force ends.", func() float64 {
			return float64(s.certificate.expires().Unix())
		})
		if err := s.registry.Register(expires); err != nil {
			return err
		}
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "whittle_build_info", Help: "1, with this build's version and that of Go.",
	}, []string{"version", "go"})
	build.WithLabelValues(s.config.Version, runtime.Version()).Set(1)
	return errors.Join(
		s.registry.Register(build),
		s.registry.Register(s.store.seconds),
		s.registry.Register(collectors.NewGoCollector()),
		s.registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})),
		s.registry.Register(gauge("whittle_policy_version", "The policy version in force.", func() float64 {
			return float64(s.engine.Image.View().Policy.Version())
		})),
		s.registry.Register(gauge("whittle_disk_low", "1 while nothing is issued for want of disk space.", s.space.metric)),
		s.registry.Register(gauge("whittle_revocations", "Selectors that are revoked.", func() float64 {
			return float64(s.engine.Image.Revocations.Len())
		})),
		s.registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "whittle_refusals_lost_total", Help: "Refusals that are on no record, since the store could not keep them.",
		}, func() float64 { return float64(s.log.LostRefusals()) })),
	)
}
