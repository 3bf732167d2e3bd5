package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// Log counts lines, and says in each to which trace it belongs.
func (t *Telemetry) Log(log *slog.Logger) *slog.Logger { return slog.New(handler{log.Handler(), t}) }

type handler struct {
	slog.Handler
	t *Telemetry
}

func (h handler) Handle(ctx context.Context, line slog.Record) error {
	h.t.metrics.lines.WithLabelValues(levelOf(line.Level)).Inc()
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		line = line.Clone()
		line.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, line)
}

func (h handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attributes), h.t}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name), h.t} }

func levelOf(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "error"
	case level >= slog.LevelWarn:
		return "warn"
	case level >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}
