package server

import (
	"context"
	"math"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// What metrics are shown of: docs/reference/metrics.md lists them, and deploy/ has the rules that watch them.
// Labels are bounded, and none names a client, a subject or a token.

// instrument makes the registry, which is the server's own, so that two servers fit into one process.
func (s *Server) instrument(context.Context) error {
	s.registry = prometheus.NewRegistry()
	s.registry.MustRegister(
		s.store.seconds, s.store.lost,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	s.gauge("whittle_build_info", "1, with this build's version and that of Go.",
		prometheus.Labels{"version": s.config.Version, "go": runtime.Version()}, func() float64 { return 1 })
	s.gauge("whittle_policy_version", "The policy version in force.", nil, func() float64 {
		return float64(s.image.View().Policy.Version())
	})
	s.gauge("whittle_clock_doubted", "1 while nothing is issued since the clock jumped.", nil,
		func() float64 { return flag(s.clock.Trust() != nil) })
	s.counter("whittle_connections_refused_total",
		"Connections closed at once, since their network had a quarter of them open on which no client had proved itself.", s.refused.Load)
	s.measureKeys()
	s.measureRevocations()
	s.measureLog()
	s.measureIndex()
	s.measureForwarding()
	s.measureDisks()
	return nil
}

// gauge shows what value says at each scrape. Two of one name and the same labels are a fault of the code.
func (s *Server) gauge(name, help string, labels prometheus.Labels, value func() float64) {
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

func (s *Server) counter(name, help string, value func() uint64) {
	s.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
		func() float64 { return float64(value()) }))
}

func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// moment is a time as Prometheus has it, and 0 if there is none.
func moment(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMilli()) / 1000
}

// age is how long ago that was, and 0 if it wasn't.
func (s *Server) age(since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(0, s.clock.Now().Sub(since).Seconds())
}

func (s *Server) measureKeys() {
	s.gauge("whittle_signing_key_timestamp_seconds", "When the key that signs tokens began to; 0 if none does.", nil, func() float64 {
		return moment(s.image.View().Keys.SigningSince(s.clock.Now()))
	})
	s.gauge("whittle_log_key_timestamp_seconds", "When the key that signs the audit log began to; 0 if it hasn't.", nil, func() float64 {
		since, err := s.log.SigningSince(context.Background())
		if err != nil {
			return math.NaN()
		}
		return moment(since)
	})
	if s.certificate != nil {
		s.gauge("whittle_certificate_expiry_timestamp_seconds", "When the TLS certificate in force ends.", nil, func() float64 {
			return moment(s.certificate.expires())
		})
	}
}

func (s *Server) measureRevocations() {
	revocations := s.image.Revocations
	s.gauge("whittle_revocations", "Selectors that are revoked.", nil, func() float64 { return float64(revocations.Len()) })
	s.gauge("whittle_revocations_awaited", "Revocations that act and aren't durable: a restart would forget them.", nil, func() float64 {
		count, _ := revocations.Awaited()
		return float64(count)
	})
	s.gauge("whittle_revocation_lag_seconds",
		"Age of the oldest revocation that acts and isn't durable; 0 if there is none.", nil, func() float64 {
			_, since := revocations.Awaited()
			return s.age(since)
		})
}

func (s *Server) measureLog() {
	s.counter("whittle_audit_entries_total", "Entries of the audit log.", s.log.Size)
	s.counter("whittle_refusals_lost_total", "Refusals that are on no record, since the store could not keep them.", s.log.LostRefusals)
	s.gauge("whittle_uses_waiting", "Uses of tokens that are counted in memory and not on the record yet.", nil, func() float64 {
		return float64(s.log.WaitingUses())
	})
	s.counter("whittle_uses_lost_total", "Uses of tokens that are on no record.", s.log.LostUses)
	s.counter("whittle_uses_uncovered_total",
		"Uses of a scope that the token does not hold there, as the resource server said.", s.engine.UncoveredUses)
	s.measureCheckpoints("log", false)
	if s.witnesses != nil {
		s.measureCheckpoints("witnesses", true)
	}
}

// measureCheckpoints is about those that the log has signed, or enough witnesses too.
func (s *Server) measureCheckpoints(by string, witnessed bool) {
	labels := prometheus.Labels{"signed_by": by}
	s.gauge("whittle_checkpoint_entries", "Entries that the newest checkpoint covers.", labels, func() float64 {
		newest, _ := s.log.Signed()
		if witnessed {
			newest, _ = s.log.Witnessed()
		}
		return float64(newest.Size)
	})
	s.gauge("whittle_checkpoint_lag_seconds", "Age of the oldest entry that the newest checkpoint doesn't cover; 0 if it covers all.", labels, func() float64 {
		since, err := s.log.Uncovered(context.Background(), witnessed)
		if err != nil {
			return math.NaN()
		}
		return s.age(since)
	})
}

func (s *Server) measureIndex() {
	if s.index == nil {
		return
	}
	s.gauge("whittle_index_lag_seconds", "Time since the index of the audit log last knew all of it; 0 while it does.", nil, func() float64 {
		return s.index.Lag(s.log.Size()).Seconds()
	})
	s.gauge("whittle_index_entries_behind",
		"Entries that the index of the audit log doesn't know yet: searches read them.", nil, func() float64 {
			size := s.log.Size()
			return float64(size - min(s.index.Next(), size))
		})
	s.counter("whittle_index_rebuilds_total",
		"Times that the index of the audit log was made anew, since it could not be used.", s.index.Built)
}

func (s *Server) measureDisks() {
	s.gauge("whittle_disk_low", "1 while nothing is issued for want of disk space.", nil,
		func() float64 { return flag(s.space.room() != nil) })
	s.gauge("whittle_disk_floor_bytes", "Free space below which nothing is issued.", nil, func() float64 { return float64(s.space.floor) })
	for holds, folder := range s.space.disks() {
		s.gauge("whittle_disk_free_bytes", "Free space on the disk that holds the database or the anchor.",
			prometheus.Labels{"holds": holds}, func() float64 {
				free, err := s.space.free(folder)
				if err != nil {
					return math.NaN()
				}
				return float64(free)
			})
	}
}
