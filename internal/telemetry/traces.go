package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// wanted tells whether the environment asks for traces, by the variables that all programs with
// OpenTelemetry have. It fails where it asks for what is not there.
func wanted() (bool, error) {
	endpoint := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	if endpoint == "" || strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch exporter := os.Getenv("OTEL_TRACES_EXPORTER"); exporter {
	case "", "otlp":
	case "none":
		return false, nil
	default:
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER %q: Kontor sends otlp, or none", exporter)
	}
	protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf")
	if protocol != "http/protobuf" {
		return false, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL %q: Kontor sends http/protobuf, to port 4318 as a rule", protocol)
	}
	return true, nil
}

// Check tells what the environment asks for and is not there.
func Check() error {
	_, err := wanted()
	return err
}

// newProvider makes spans and sends them; nil where nobody takes any. Which traces are taken
// (OTEL_TRACES_SAMPLER) and how they are sent the library reads from the environment.
func newProvider(ctx context.Context, log *slog.Logger, taken []sdktrace.SpanProcessor) (*sdktrace.TracerProvider, error) {
	send, err := wanted()
	if err != nil || !send && len(taken) == 0 {
		return nil, err
	}
	// Neither the host's nor the process's detectors: a command line may have secrets.
	described, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName("kontor"), semconv.ServiceVersion(version()),
		semconv.ServiceInstanceID(uuid.NewString())), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("describing the server for traces (OTEL_RESOURCE_ATTRIBUTES): %w", err)
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(described)}
	for _, processor := range taken {
		options = append(options, sdktrace.WithSpanProcessor(processor))
	}
	if send {
		exporter, err := otlptracehttp.New(ctx)
		if err != nil {
			return nil, fmt.Errorf("preparing to send traces: %w", err)
		}
		options = append(options, sdktrace.WithBatcher(exporter))
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are not sent", "error", err) }))
	}
	return sdktrace.NewTracerProvider(options...), nil
}

// version is what the binary was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return info.Main.Version
}

// traced tells whether there is a span in a context to which more belongs. It may have ended: what is below
// a field is resolved after the field, in its context.
func (t *Telemetry) traced(ctx context.Context) bool {
	return t.tracer != nil && trace.SpanContextFromContext(ctx).IsSampled()
}

// step is what a resolver does below a list: it has a span only once it asked somebody, so that a
// list of a hundred has not a hundred spans.
type step struct {
	tracer trace.Tracer
	ctx    context.Context
	name   string
	began  time.Time

	mu    sync.Mutex
	begun context.Context // with its span; nil so far
	ended bool
}

type stepKey struct{}

// within is a context with the span that something asked belongs to.
func within(ctx context.Context) context.Context {
	s, ok := ctx.Value(stepKey{}).(*step)
	if !ok {
		return ctx
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun == nil {
		if s.ended {
			return ctx
		}
		s.begun, _ = s.tracer.Start(s.ctx, s.name, trace.WithTimestamp(s.began))
	}
	return s.begun
}

func (s *step) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.begun != nil {
		finish(trace.SpanFromContext(s.begun), err)
	}
}

// Field follows a resolver: below the root it has a span at once, elsewhere once it asks the database
// or Redis. end is told how it went.
func (t *Telemetry) Field(ctx context.Context, name string, root bool) (_ context.Context, end func(error)) {
	if root {
		ctx, span := t.tracer.Start(ctx, name)
		return ctx, func(err error) { finish(span, err) }
	}
	s := &step{tracer: t.tracer, ctx: ctx, name: name, began: time.Now()}
	return context.WithValue(ctx, stepKey{}, s), s.end
}

// Traced tells whether fields of the operation of a context are worth following.
func (t *Telemetry) Traced(ctx context.Context) bool { return t.traced(ctx) }

// Tracing tells whether traces are made at all.
func (t *Telemetry) Tracing() bool { return t.tracer != nil }

// finish ends a span. Of an error only the kind is said: its text may quote what a client sent.
func finish(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(attribute.String("error.type", kindOf(err)))
	}
	span.End()
}
