package guard

import (
	"context"
	"encoding/hex"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/whittle-sts/whittle/internal/engine"
)

// RequestID is the header, and in gRPC the metadata, that tells the caller how the log calls its request. Both names
// are spelt as net/http keeps them.
const RequestID = "X-Request-Id"

// Traceparent is the header in which a caller names its trace (W3C Trace Context section 3.2).
const Traceparent = "Traceparent"

// begin counts the call in, and out is end.
func (c *call) begin(ctx context.Context) context.Context {
	c.guard.metrics.inFlight[c.request.Wire.index()].Inc()
	return c.name(ctx)
}

// name gives the call its id and tells the caller. The id is that of the caller's trace, if it names one:
// the two sides' logs then go together. It is a name and nothing more; nothing is looked up by it. A look of which
// nothing is going to be written has none unless it fails: telling it costs 2 µs of 23 over gRPC.
func (c *call) name(ctx context.Context) context.Context {
	parent, ok := parent(c.request.Trace)
	switch tracer := c.guard.config.Tracer; {
	case tracer != nil:
		if ok {
			ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
		}
		ctx, c.span = tracer.Start(ctx, strings.TrimPrefix(c.methodName(), "/"), trace.WithSpanKind(trace.SpanKindServer)) //nolint:spancheck // endSpan ends it
		c.id = c.span.SpanContext().TraceID().String()
	case ok:
		c.id = parent.TraceID().String()
	case c.method != nil && c.method.rule.class == look && c.guard.config.Sample == 0:
		return ctx
	default:
		c.id = c.guard.newID()
	}
	c.request.Tell(c.id)
	return ctx
}

// identify gives the call an id if it has none yet: something is going to be written about it.
func (c *call) identify() {
	if c.id == "" {
		c.id = c.guard.newID()
		c.request.Tell(c.id)
	}
}

// newID is 16 random bytes in hex, as a trace's id is written.
func (g *Guard) newID() string {
	var id [16]byte
	if _, err := g.config.Random.Read(id[:]); err != nil {
		return strings.Repeat("0", 2*len(id)) // a request without a name is better than none
	}
	var text [2 * len(id)]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}

// parent reads a traceparent of version 00, and of later ones the part that is the same. That it is to be
// sampled is the caller's wish, which the sampler that OTEL_TRACES_SAMPLER names follows or doesn't.
func parent(header string) (trace.SpanContext, bool) {
	const length = len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	if len(header) < length || len(header) > length && (header[length] != '-' || header[:2] == "00") || header[:2] == "ff" {
		return trace.SpanContext{}, false
	}
	if header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return trace.SpanContext{}, false
	}
	id, err := trace.TraceIDFromHex(header[3:35]) // lower case, and not all zero
	if err != nil {
		return trace.SpanContext{}, false
	}
	span, err := trace.SpanIDFromHex(header[36:52])
	if err != nil {
		return trace.SpanContext{}, false
	}
	flags, err := hex.DecodeString(header[53:55])
	if err != nil {
		return trace.SpanContext{}, false
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: trace.TraceFlags(flags[0]) & trace.FlagsSampled, Remote: true,
	}), true
}

// methodName is one of a bounded number.
func (c *call) methodName() string {
	if c.method == nil {
		return "unknown"
	}
	return c.method.name
}

// endSpan says on the span how the call went, by words of ours: never what a caller sent.
func (c *call) endSpan(code engine.Code) {
	if c.span == nil {
		return
	}
	outcome := string(code)
	if outcome == "" {
		outcome = "ok"
	}
	c.span.SetAttributes(attribute.String("whittle.wire", string(wires[c.request.Wire.index()])), attribute.String("whittle.outcome", outcome))
	if code == engine.ServerError || code == engine.TemporarilyUnavailable {
		c.span.SetStatus(codes.Error, outcome)
	}
	c.span.End()
}
