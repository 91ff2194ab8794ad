package guard

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/server/fault"
)

// call is one run through the guard.
type call struct {
	guard   *Guard
	request Request
	method  *Method // nil: not in the table
	caller  clientauth.Caller
	known   bool // the caller is authenticated
	id      string
	span    trace.Span // nil: not traced
}

// admit authenticates the caller and says whether it may go on. The order is a security property:
// nothing but the credentials is looked at before they were verified.
func (c *call) admit(now time.Time) error {
	if c.method == nil {
		return engine.Refuse(engine.AccessDenied, "no_rule", "this method may not be called")
	}
	if err := c.authenticate(); err != nil {
		return c.guard.stranger(c.request.Remote, err)
	}
	if err := c.guard.pace(c.caller.ID, c.method.rule.class, now); err != nil {
		return err
	}
	return c.authorise()
}

func (c *call) authenticate() error {
	credentials, err := c.request.Credentials()
	if err != nil {
		return err
	}
	origin := clientauth.Origin{Wire: string(c.request.Wire), Remote: c.request.Remote}
	c.caller, err = c.guard.config.Authenticator.Authenticate(credentials, origin)
	if c.known = err == nil; c.known {
		c.request.Visit.Prove()
	}
	return err
}

func (c *call) authorise() error {
	may := c.method.rule.may
	for _, p := range may {
		if c.caller.Can(p) {
			return nil
		}
	}
	if len(may) == 0 {
		return nil
	}
	return engine.Refuse(engine.AccessDenied, "permission", "this operation needs the permission "+or(may))
}

func or(may []policy.Permission) string {
	names := make([]string, 0, len(may))
	for _, p := range may {
		names = append(names, string(p))
	}
	return strings.Join(names, " or ")
}

// end records, counts and logs how the call went, and makes of its error the one that callers see.
func (c *call) end(ctx context.Context, began time.Time, err error) error {
	c.guard.metrics.inFlight[c.request.Wire.index()].Dec()
	took := c.guard.config.Now().Sub(began)
	if err == nil {
		c.guard.metrics.succeeded(c, took)
		c.guard.log.succeeded(ctx, c, took)
		c.endSpan("")
		return nil
	}
	c.identify()
	seen := c.recorded(err)
	c.guard.metrics.failed(c, fault.Of(seen), took)
	c.guard.log.failed(ctx, c, fault.Of(seen), took)
	c.endSpan(fault.Of(seen).Code)
	return seen
}

// recorded puts the refusal of an authenticated caller on the record, unless the engine did.
func (c *call) recorded(err error) error {
	refusal := fault.Of(err)
	if !c.known || refusal.Decision != "" || !isRefusal(refusal.Code) || errors.Is(err, fault.ErrTooLarge) {
		return err
	}
	fresh := *refusal // it may be shared
	return c.guard.config.Recorder.Refused(c.caller, c.method.rule.kind, &fresh)
}

// isRefusal tells what was judged from what couldn't be done or found.
func isRefusal(code engine.Code) bool {
	switch code {
	case engine.ServerError, engine.TemporarilyUnavailable, engine.NotFound, engine.Conflict:
		return false
	default:
		return true
	}
}
