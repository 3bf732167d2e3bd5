package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the figures that are counted while things happen. Their labels have few values, all of
// our own: routes, root fields of the schema, codes of errors. docs/operations.md explains each.
type metrics struct {
	requests         *prometheus.CounterVec
	requestSeconds   *prometheus.HistogramVec
	requestsRunning  prometheus.Gauge
	operations       *prometheus.CounterVec
	operationSeconds *prometheus.HistogramVec
	running          *prometheus.GaugeVec
	events           prometheus.Counter
	statementSeconds *prometheus.HistogramVec
	statementsFailed *prometheus.CounterVec
	redisSeconds     *prometheus.HistogramVec
	redisFailed      prometheus.Counter
	sessions         *prometheus.CounterVec
	lines            *prometheus.CounterVec
	// bySQL and byRedis are looked up once: they are asked for at each statement and command.
	bySQL   map[string]prometheus.Observer
	byRedis map[string]prometheus.Observer
}

var (
	secondsOfRequests   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15}
	secondsOfStatements = []float64{.0005, .001, .0025, .005, .01, .025, .1, .5, 2.5, 10}
)

func newMetrics() metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kontor_" + name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "kontor_" + name, Help: help, Buckets: buckets}, labels)
	}
	m := metrics{
		requests:         counter("http_requests_total", "HTTP requests that were answered.", "route", "method", "status"),
		requestSeconds:   histogram("http_request_seconds", "How long HTTP requests took, without streams.", secondsOfRequests, "route"),
		requestsRunning:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "kontor_http_requests_running", Help: "HTTP requests that are being answered, streams among them."}),
		operations:       counter("operations_total", "GraphQL operations that ended, refused ones among them.", "kind", "field", "outcome"),
		operationSeconds: histogram("operation_seconds", "How long GraphQL queries and mutations took.", secondsOfRequests, "kind", "field"),
		running:          prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "kontor_operations_running", Help: "GraphQL operations that are being carried out."}, []string{"kind"}),
		events:           prometheus.NewCounter(prometheus.CounterOpts{Name: "kontor_subscription_events_total", Help: "Events that subscriptions sent."}),
		statementSeconds: histogram("sql_seconds", "How long SQL statements took, until their rows were read.", secondsOfStatements, "statement"),
		statementsFailed: counter("sql_failed_total", "SQL statements that failed, refused by a constraint among them.", "statement"),
		redisSeconds:     histogram("redis_seconds", "How long Redis took to answer.", secondsOfStatements, "command"),
		redisFailed:      prometheus.NewCounter(prometheus.CounterOpts{Name: "kontor_redis_failed_total", Help: "Commands that Redis did not answer, or refused."}),
		sessions:         counter("sessions_total", "Sessions that began, and those that were ended before their time.", "change"),
		lines:            counter("log_lines_total", "Lines that were logged.", "level"),
		bySQL:            map[string]prometheus.Observer{},
		byRedis:          map[string]prometheus.Observer{},
	}
	for _, verb := range verbs {
		m.bySQL[verb] = m.statementSeconds.WithLabelValues(verb)
		m.statementsFailed.WithLabelValues(verb)
	}
	for _, kind := range []string{"command", "pipeline"} {
		m.byRedis[kind] = m.redisSeconds.WithLabelValues(kind)
	}
	for _, kind := range []string{"query", "mutation", "subscription"} {
		m.running.WithLabelValues(kind)
	}
	for _, change := range []string{"begun", "ended"} {
		m.sessions.WithLabelValues(change)
	}
	for _, level := range []string{"debug", "info", "warn", "error"} {
		m.lines.WithLabelValues(level)
	}
	return m
}

func (m metrics) register(r *prometheus.Registry) {
	r.MustRegister(m.requests, m.requestSeconds, m.requestsRunning, m.operations, m.operationSeconds, m.running, m.events,
		m.statementSeconds, m.statementsFailed, m.redisSeconds, m.redisFailed, m.sessions, m.lines)
}

// SessionBegun counts a session.
func (t *Telemetry) SessionBegun() { t.metrics.sessions.WithLabelValues("begun").Inc() }

// SessionEnded counts a session that was ended.
func (t *Telemetry) SessionEnded() { t.metrics.sessions.WithLabelValues("ended").Inc() }
