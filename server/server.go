package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/forward"
	"github.com/whittle-sts/whittle/internal/index"
	"github.com/whittle-sts/whittle/internal/issuer"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/witness"
	"github.com/whittle-sts/whittle/server/guard"
	"github.com/whittle-sts/whittle/server/rpc"
)

// Server is one running Whittle.
type Server struct {
	config Config

	// The state, as the steps of New open it.
	vault      *vault
	space      *space
	store      *watched
	log        *audit.Log
	index      *index.Index                  // nil: it can't be opened
	witnesses  *witness.Keeper               // nil: nobody co-signs
	forwarders map[string]*forward.Forwarder // by what they hand on to
	clock      *live.Clock
	image      *live.Image
	outside    *issuer.Set
	engine     *engine.Engine
	bootstrap  engine.Credential

	// The wires.
	tls                                       *tls.Config  // nil: plaintext
	certificate                               *certificate // nil: plaintext
	grpcListener, httpListener, adminListener net.Listener
	registry                                  *prometheus.Registry
	guard                                     *guard.Guard
	services                                  *rpc.Services
	grpc                                      *grpc.Server
	health                                    *health.Server
	http, admin                               *http.Server

	draining atomic.Bool
	open     atomic.Int64  // connections to the HTTP listener
	refused  atomic.Uint64 // connections that were beyond their network's share
	closers  []func() error
}

// New opens the state and binds the listeners. Nothing is served before [Server.Run].
func New(ctx context.Context, c Config) (*Server, error) {
	c, err := c.complete()
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	s := &Server{config: c}
	steps := slices.Concat([]step{{"listeners", s.listen}}, s.stateSteps(), s.wireSteps())
	if err := perform(ctx, steps); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// step is one of those that make a server.
type step struct {
	name string
	run  func(context.Context) error
}

// stateSteps open the state, and make it at the first start.
func (s *Server) stateSteps() []step {
	return []step{
		{"state", s.openStore},
		{"clock", s.startClock},
		{"audit log", s.openLog},
		{"index of the audit log", s.openIndex},
		{"forwarding", s.openForwarders},
		{"witnesses", s.findWitnesses},
		{"memory image", s.loadImage},
		{"outside issuers", s.followIssuers},
		{"engine", s.startEngine},
		{"acceptance of the clock", s.recordClock},
		{"policy", s.loadPolicy},
		{"first start", s.firstStart},
		{"disk", s.lookAtDisk},
	}
}

// wireSteps put the wires on the state.
func (s *Server) wireSteps() []step {
	return []step{
		{"metrics", s.instrument},
		{"guard", s.setGuard},
		{"gRPC", s.serveGRPC},
		{"HTTP", s.serveHTTP},
		{"admin", s.serveAdmin},
	}
}

// perform takes the steps until one fails.
func perform(ctx context.Context, steps []step) error {
	for _, step := range steps {
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// Bootstrap is the credential that the first start made, or one that was told to; zero at any other start.
// The caller shows it to the operator once.
func (s *Server) Bootstrap() engine.Credential { return s.bootstrap }

// onClose remembers how to give back what a step took.
func (s *Server) onClose(fn func() error) { s.closers = append(s.closers, fn) }

// Close gives back everything that New took, in reverse. Run must have returned.
func (s *Server) Close() error {
	var problems []error
	for _, fn := range slices.Backward(s.closers) {
		problems = append(problems, fn())
	}
	s.closers = nil
	return errors.Join(problems...)
}
