package guard

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/whittle-sts/whittle/internal/engine"
)

// lines is what the guard writes to the log: every fault of ours, refusals as many as a disk bears, and
// of good answers the sample that was asked for. A line holds names and words of ours, and the request's
// id; never what a caller sent as a credential or a message, nor whom a refusal is about.
type lines struct {
	refusals *rate.Limiter
	dropped  *atomic.Int64 // refusals since the last one that was written
	good     *atomic.Uint64
}

// Refusals are the callers' business, on the record and in the metrics. The log shows the first of a
// burst and then some, so that nobody fills the disk by asking.
const (
	refusalsPerSecond = 10
	refusalBurst      = 100
)

func newLines() lines {
	return lines{rate.NewLimiter(refusalsPerSecond, refusalBurst), new(atomic.Int64), new(atomic.Uint64)}
}

func (l lines) succeeded(ctx context.Context, c *call, took time.Duration) {
	sample := uint64(c.guard.config.Sample)
	if sample == 0 || l.good.Add(1)%sample != 0 {
		return
	}
	c.guard.config.Logger.LogAttrs(ctx, slog.LevelInfo, "request answered", c.attributes(took)...)
}

func (l lines) failed(ctx context.Context, c *call, e *engine.Error, took time.Duration) {
	level := slog.LevelInfo
	switch e.Code {
	case engine.ServerError:
		level = slog.LevelError
	case engine.TemporarilyUnavailable:
		level = slog.LevelWarn
	default:
	}
	logger := c.guard.config.Logger
	if !logger.Enabled(ctx, level) {
		return
	}
	var dropped int64
	if level == slog.LevelInfo {
		if !l.refusals.AllowN(c.guard.config.Now(), 1) {
			l.dropped.Add(1)
			return
		}
		dropped = l.dropped.Swap(0)
	}
	attributes := append(c.attributes(took),
		slog.String("decision", e.Decision), slog.String("reason", e.Reason()), slog.String("error", e.Logged()))
	if dropped > 0 {
		attributes = append(attributes, slog.Int64("refusals_not_shown", dropped))
	}
	if p, ok := errors.AsType[*panicked](error(e)); ok {
		attributes = append(attributes, slog.String("stack", string(p.stack)))
	}
	logger.LogAttrs(ctx, level, "request failed", attributes...)
}

func (c *call) attributes(took time.Duration) []slog.Attr {
	return []slog.Attr{
		slog.String("request", c.id), slog.String("method", c.methodName()), slog.String("wire", string(c.request.Wire)),
		slog.String("client", c.caller.ID), slog.Duration("took", took),
	}
}
