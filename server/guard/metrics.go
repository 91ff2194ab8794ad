package guard

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whittle-sts/whittle/internal/engine"
)

// Wire names one of the ways in, as entries and metrics do.
type Wire string

// The wires.
const (
	GRPC    Wire = "grpc"
	Connect Wire = "connect"
	GRPCWeb Wire = "grpcweb"
	OAuth   Wire = "oauth"
)

var wires = [...]Wire{GRPC, Connect, GRPCWeb, OAuth}

func (w Wire) index() int {
	for i, known := range wires {
		if w == known {
			return i
		}
	}
	return 0
}

// metrics counts requests. Every label has a bounded number of values, and none is the caller's.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	inFlight [len(wires)]prometheus.Gauge
	slowed   [len(limited)]prometheus.Counter
}

// bound is the counters of one method's good answers on one wire, looked up once.
type bound struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whittle_requests_total", Help: "Requests by method, wire and OAuth error code; ok without one.",
		}, []string{"method", "wire", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "whittle_request_seconds", Help: "Time from the request's headers to its answer; streams are not in it.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
		}, []string{"method", "wire"}),
		// A reason is a word of the code, never of a caller.
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whittle_refusals_total", Help: "Requests that were judged and refused, by method and the record's word for why.",
		}, []string{"method", "reason"}),
	}
	inFlight := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "whittle_requests_in_flight", Help: "Requests and streams that are being answered.",
	}, []string{"wire"})
	for i, wire := range wires {
		m.inFlight[i] = inFlight.WithLabelValues(string(wire))
	}
	slowed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "whittle_slowed_total", Help: "Requests refused with slow_down since their caller was beyond its rate, by what is limited.",
	}, []string{"limit"})
	for i, limit := range limited {
		m.slowed[i] = slowed.WithLabelValues(limit)
	}
	return m, errors.Join(r.Register(m.requests), r.Register(m.seconds), r.Register(m.refusals), r.Register(inFlight), r.Register(slowed))
}

func (m *metrics) bind(method string) (out [len(wires)]bound) {
	for i, wire := range wires {
		out[i] = bound{
			requests: m.requests.WithLabelValues(method, string(wire), "ok"),
			seconds:  m.seconds.WithLabelValues(method, string(wire)),
		}
	}
	return out
}

func (m *metrics) succeeded(c *call, took time.Duration) {
	of := &c.method.ok[c.request.Wire.index()]
	of.requests.Inc()
	if !c.method.streams {
		of.seconds.Observe(took.Seconds())
	}
}

func (m *metrics) failed(c *call, e *engine.Error, took time.Duration) {
	method, wire := c.methodName(), string(wires[c.request.Wire.index()])
	m.requests.WithLabelValues(method, wire, string(e.Code)).Inc()
	if isRefusal(e.Code) {
		m.refusals.WithLabelValues(method, e.Reason()).Inc()
	}
	if c.method == nil || !c.method.streams {
		m.seconds.WithLabelValues(method, wire).Observe(took.Seconds())
	}
}
