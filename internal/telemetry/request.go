package telemetry

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// methods are those that are told apart: a client may invent others.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions}

func methodOf(r *http.Request) string {
	if slices.Contains(methods, r.Method) {
		return r.Method
	}
	return "other"
}

// path is the route of a pattern, without the method.
func path(pattern string) string {
	if _, path, found := strings.Cut(pattern, " "); found {
		return path
	}
	return cmp.Or(pattern, "none")
}

// Request measures an HTTP request. end is told the pattern of the route, empty for none, and the status. A request that opens
// a stream has no span: it may last for days, and each operation in it is a trace of its own.
//
// Clients are not trusted: who sends a traceparent gets a link to its span and neither decides
// where the trace hangs nor whether it is taken.
func (t *Telemetry) Request(r *http.Request, id string, stream bool) (_ context.Context, end func(pattern string, status int)) {
	began, ctx, span := time.Now(), r.Context(), trace.Span(nil)
	t.metrics.requestsRunning.Inc()
	if t.tracer != nil && !stream {
		ctx, span = t.begin(ctx, r, id)
	}
	return ctx, func(pattern string, status int) {
		t.metrics.requestsRunning.Dec()
		route := path(pattern)
		t.metrics.requests.WithLabelValues(route, methodOf(r), strconv.Itoa(status)).Inc()
		if !stream {
			t.metrics.requestSeconds.WithLabelValues(route).Observe(time.Since(began).Seconds())
		}
		if span == nil {
			return
		}
		span.SetName(methodOf(r) + " " + route)
		span.SetAttributes(semconv.HTTPRoute(route), semconv.HTTPResponseStatusCode(status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

func (t *Telemetry) begin(ctx context.Context, r *http.Request, id string) (context.Context, trace.Span) {
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindServer), trace.WithNewRoot(),
		trace.WithAttributes(semconv.HTTPRequestMethodKey.String(methodOf(r)), attribute.String("kontor.request_id", id)),
	}
	if theirs := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header))); theirs.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: theirs.TraceID(), SpanID: theirs.SpanID(), TraceFlags: theirs.TraceFlags(), Remote: true,
		})}))
	}
	return t.tracer.Start(ctx, methodOf(r), options...)
}
