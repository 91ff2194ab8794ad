package guard

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
)

// Again asks whether whoever opened a stream may still have the next message.
type Again func() error

// Stream is [Guard.Do] for a method that answers with many messages. It has no deadline, but ends when
// the server stops, and each client has only so many. The wire asks again before each message that leaves:
// what was taken from the client meanwhile ends its streams.
func (g *Guard) Stream(ctx context.Context, r Request, next func(context.Context, Again) error) (err error) {
	began := g.config.Now()
	call := call{guard: g, request: r, method: g.methods[r.Method]}
	ctx = call.begin(ctx)
	defer func() { err = call.end(ctx, began, caught(recover(), err)) }()
	if err := call.admit(began); err != nil {
		return err
	}
	client := call.caller.ID
	if !g.streams.enter(client) {
		return slowDown("the client has too many streams open")
	}
	defer g.streams.leave(client)
	open, cancel := g.whileServing(ctx)
	defer cancel()
	admitted := call
	err = next(&caller.Context{Context: open, Caller: call.caller}, admitted.again)
	switch {
	case ctx.Err() != nil:
		return nil // the client ended it, which is how a stream ends well
	case open.Err() != nil:
		return stopping()
	default:
		return err
	}
}

// again authenticates and authorises once more, by the state of now. Whoever was admitted stays known, so that a refusal is on
// the record. Nothing of c changes: what sends to a reader who stands still may outlive the call.
func (c *call) again() error {
	now := *c
	if err := now.authenticate(); err != nil {
		return err
	}
	return now.authorise()
}

// Stop ends all streams, and those that begin later, so that they don't hold up a server that stops.
func (g *Guard) Stop() { g.stop() }

// whileServing is ctx until the server stops.
func (g *Guard) whileServing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(g.serving, cancel)
	return ctx, func() { unlink(); cancel() }
}

// reasonStopping is the reason of the refusal that ends the streams of a server that stops.
const reasonStopping = "stopping"

func stopping() error {
	refusal := engine.Refuse(engine.TemporarilyUnavailable, reasonStopping, "the server is stopping; connect again")
	refusal.RetryAfter = time.Second
	return refusal
}

// maxStreams is how many streams one client may have open, over all wires.
const maxStreams = 16

// streams counts the open ones.
type streams struct {
	mu       sync.Mutex
	byClient map[string]int
	gauge    prometheus.Gauge
}

func newStreams(r prometheus.Registerer) (*streams, error) {
	s := &streams{byClient: make(map[string]int), gauge: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "whittle_streams", Help: "Streams that are open.",
	})}
	return s, r.Register(s.gauge)
}

// enter counts a stream, unless the client has too many.
func (s *streams) enter(client string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byClient[client] >= maxStreams {
		return false
	}
	s.byClient[client]++
	s.gauge.Inc()
	return true
}

func (s *streams) leave(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byClient[client]--; s.byClient[client] == 0 {
		delete(s.byClient, client)
	}
	s.gauge.Dec()
}
