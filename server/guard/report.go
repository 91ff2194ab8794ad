package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/whittle-sts/whittle/internal/engine"
)

// panicked is the error of a handler that panicked.
type panicked struct {
	value any
	stack []byte
}

// caught is the error of a run that may have panicked. Only a deferred function may call it, with recover().
func caught(value any, err error) error {
	if value == nil {
		return err
	}
	return &panicked{value, debug.Stack()}
}

// Error says the panic's type only: its value may hold what the caller sent.
func (p *panicked) Error() string { return fmt.Sprintf("a handler panicked (%T)", p.value) }

// log writes one line for a fault of ours. Refusals are the callers' business: they are on the
// record and in the metrics, and a log line for each would let strangers fill the disk.
func (c *call) log(ctx context.Context, e *engine.Error) {
	var level slog.Level
	switch {
	case e.Code == engine.ServerError:
		level = slog.LevelError
	case e.Code == engine.TemporarilyUnavailable && e.Reason() != reasonStopping:
		level = slog.LevelWarn
	default:
		level = slog.LevelDebug
	}
	if !c.guard.config.Logger.Enabled(ctx, level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("method", c.request.Method), slog.String("wire", string(c.request.Wire)),
		slog.String("client", c.caller.ID), slog.String("decision", e.Decision), slog.String("error", e.Error()),
	}
	if p, ok := errors.AsType[*panicked](error(e)); ok {
		attributes = append(attributes, slog.String("stack", string(p.stack)))
	}
	c.guard.config.Logger.LogAttrs(ctx, level, "request failed", attributes...)
}
