package telemetry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// OK is the outcome of an operation without errors; any other outcome is the code of its first one.
const OK = "OK"

// maxName bounds what a span keeps of the name that a client gave its operation.
const maxName = 64

// Operation is a GraphQL operation that is carried out.
type Operation struct {
	Kind string // query, mutation or subscription
	// Field is the one root field, or "several": names of operations are the client's, and without number.
	Field string
	// Name is what the client calls it, and Document what it sent; spans have the name and a hash.
	Name, Document string
}

// Operation measures an operation. end is told the outcome; only the first call counts.
func (t *Telemetry) Operation(ctx context.Context, o Operation) (_ context.Context, end func(outcome string)) {
	began, running, span := time.Now(), t.metrics.running.WithLabelValues(o.Kind), trace.Span(nil)
	running.Inc()
	if t.tracer != nil {
		sum := sha256.Sum256([]byte(o.Document))
		ctx, span = t.tracer.Start(ctx, o.Kind+" "+o.Field, trace.WithAttributes(semconv.GraphQLOperationTypeKey.String(o.Kind),
			semconv.GraphQLOperationName(o.Name[:min(len(o.Name), maxName)]), attribute.String("graphql.document.hash", hex.EncodeToString(sum[:]))))
		if o.Kind == "subscription" {
			// It goes on for hours: what its events cost, the figures say.
			span.End()
			ctx, span = trace.ContextWithSpan(ctx, nil), nil
		}
	}
	var once sync.Once
	return ctx, func(outcome string) {
		once.Do(func() {
			running.Dec()
			t.metrics.operations.WithLabelValues(o.Kind, o.Field, outcome).Inc()
			if o.Kind != "subscription" {
				t.metrics.operationSeconds.WithLabelValues(o.Kind, o.Field).Observe(time.Since(began).Seconds())
			}
			if span == nil {
				return
			}
			if outcome == OK {
				finish(span, nil)
			} else {
				finish(span, Code(outcome))
			}
		})
	}
}

// Refused counts an operation that was not carried out.
func (t *Telemetry) Refused(kind, field, outcome string) {
	t.metrics.operations.WithLabelValues(kind, field, outcome).Inc()
}

// Event counts an event of a subscription.
func (t *Telemetry) Event() { t.metrics.events.Inc() }
