// Package telemetry is what operators see of a running server: figures for Prometheus, traces for
// OpenTelemetry, and log lines that belong to them. Nothing of it names a person or repeats what
// a client sent: no variables, no arguments of statements, no keys, no texts of errors.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Telemetry measures one replica.
type Telemetry struct {
	registry *prometheus.Registry
	metrics  metrics
	// tracer is nil where nobody wants traces: then none is begun.
	tracer   trace.Tracer
	provider *sdktrace.TracerProvider
	// system is the database's name in traces.
	system string
}

// New begins to measure. Traces are made where the environment names who takes them
// (OTEL_EXPORTER_OTLP_ENDPOINT), or where a test takes the spans itself. postgres tells which
// database statements are for.
func New(ctx context.Context, log *slog.Logger, postgres bool, spans ...sdktrace.SpanProcessor) (*Telemetry, error) {
	t := &Telemetry{registry: prometheus.NewRegistry(), metrics: newMetrics(), system: systemOf(postgres)}
	t.metrics.register(t.registry)
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	provider, err := newProvider(ctx, log, spans)
	if err != nil || provider == nil {
		return t, err
	}
	t.provider, t.tracer = provider, provider.Tracer("kontor")
	return t, nil
}

// Register adds figures that are read when they are asked for.
func (t *Telemetry) Register(more ...prometheus.Collector) { t.registry.MustRegister(more...) }

// Registry has all figures.
func (t *Telemetry) Registry() *prometheus.Registry { return t.registry }

// Handler shows the figures to Prometheus. What cannot be read is left out, and the rest is shown.
func (t *Telemetry) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 2, EnableOpenMetrics: true,
	})
}

// closeTimeout bounds how long the end of the process waits for who takes traces.
const closeTimeout = 2 * time.Second

// Close sends the traces that were not sent yet.
func (t *Telemetry) Close() error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(errors.New("sending the last traces"), err)
	}
	return nil
}
