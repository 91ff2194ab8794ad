package guard

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"buf.build/go/protovalidate"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
)

// Authenticator says who brought the credentials, or [clientauth.ErrInvalid].
type Authenticator interface {
	Authenticate(clientauth.Credentials, clientauth.Origin) (clientauth.Caller, error)
}

// Recorder puts a refusal on the record and answers with the same refusal, its decision named.
type Recorder interface {
	Refused(clientauth.Caller, audit.Kind, *engine.Error) error
}

// Config is what a Guard works with. All of it is needed but the last two.
type Config struct {
	Authenticator Authenticator
	Recorder      Recorder
	Services      []protoreflect.ServiceDescriptor // all that the server will register
	Registry      prometheus.Registerer
	Logger        *slog.Logger
	Now           func() time.Time
	Timeout       time.Duration // of any one request
	Rates         Rates
	Random        io.Reader // for requests' ids

	Sample int          // one good answer in so many is logged; 0: none
	Tracer trace.Tracer // nil: nothing is traced, and tracing costs nothing
}

// Guard stands before every operation. It is safe for concurrent use.
type Guard struct {
	config    Config
	methods   map[string]*Method
	validator protovalidate.Validator
	metrics   *metrics
	clients   *buckets[clientClass]
	strangers *buckets[network]
	streams   *streams
	serving   context.Context // done once the server stops
	stop      context.CancelFunc
	log       lines
}

// Method is one entry of the table, with its counters.
type Method struct {
	name    string
	rule    rule
	streams bool // it answers with many messages
	ok      [len(wires)]bound
}

// New makes a Guard. It fails if a method of the services has no entry in the table.
func New(c Config) (*Guard, error) {
	if c.Authenticator == nil || c.Recorder == nil || c.Registry == nil || c.Logger == nil || c.Now == nil || c.Random == nil || c.Timeout <= 0 || c.Rates == (Rates{}) {
		return nil, errors.New("guard: a part is missing from the configuration")
	}
	table := rules()
	methods, err := methodsOf(c.Services)
	if err != nil {
		return nil, err
	}
	if err := complete(table, methods); err != nil {
		return nil, err
	}
	validator, err := newValidator(c.Services)
	if err != nil {
		return nil, err
	}
	counters, err := newMetrics(c.Registry)
	if err != nil {
		return nil, err
	}
	open, err := newStreams(c.Registry)
	if err != nil {
		return nil, err
	}
	g := &Guard{
		log: newLines(), config: c, methods: make(map[string]*Method), validator: validator, metrics: counters, streams: open,
		clients: newBuckets[clientClass](maxClients), strangers: newBuckets[network](maxStrangers),
	}
	g.serving, g.stop = context.WithCancel(context.Background())
	for name, r := range table {
		g.methods[name] = &Method{name: name, rule: r, streams: methods[name], ok: counters.bind(name)}
	}
	return g, nil
}

// Request is one call as its wire sees it before the guard does.
type Request struct {
	Method string // full name, or the path of an OAuth endpoint
	Wire   Wire
	Remote netip.AddrPort // the peer's address; zero if it has none
	Visit  *Visit         // the connection; nil: unknown
	Trace  string         // the caller's traceparent; empty: none
	Envelope
}

// Envelope is what is around a call's message: each wire has its own.
type Envelope interface {
	// Credentials takes them off the request. It runs inside the guard and may fail.
	Credentials() (clientauth.Credentials, error)

	// Tell tells the caller the request's id, before anything is answered.
	Tell(id string)
}

// Do runs next if the caller may, with the caller in its context. The error is what the caller
// may see of it once server/fault has put it into the wire's words.
func (g *Guard) Do(ctx context.Context, r Request, next func(context.Context) error) (err error) {
	began := g.config.Now()
	call := call{guard: g, request: r, method: g.methods[r.Method]}
	ctx = call.begin(ctx)
	defer func() { err = call.end(ctx, began, caught(recover(), err)) }()
	in := &admitted{limit: deadline{Context: ctx, at: time.Now().Add(g.config.Timeout)}}
	defer in.limit.end()
	if err := call.admit(began); err != nil {
		return err
	}
	in.Context = caller.Context{Context: &in.limit, Caller: call.caller}
	return next(in)
}

// admitted is the context of a request that may go on: two contexts in one object.
type admitted struct {
	caller.Context
	limit deadline
}

// Streams says whether the method, by its full name, answers with many messages.
func (g *Guard) Streams(method string) bool {
	m, known := g.methods[method]
	return known && m.streams
}
