package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// verbs are the statements that are told apart.
var verbs = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT", "ROLLBACK", "other"}

// maxText bounds what a span keeps of a statement: lists of placeholders have no end.
const maxText = 2000

func systemOf(postgres bool) string {
	if postgres {
		return semconv.DBSystemNamePostgreSQL.Value.AsString()
	}
	return semconv.DBSystemNameSQLite.Value.AsString()
}

// verbOf is the first word of a statement, or "other".
func verbOf(statement string) string {
	for _, verb := range verbs {
		if len(statement) >= len(verb) && strings.EqualFold(statement[:len(verb)], verb) {
			return verb
		}
	}
	return "other"
}

// tableOf is the first table that a statement names; empty where that is not obvious.
func tableOf(statement string) string {
	for _, before := range []string{"FROM ", "INTO ", "UPDATE "} {
		_, rest, found := strings.Cut(statement, before)
		if !found {
			continue
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return r == ' ' || r == '(' || r == ')' || r == ',' || r == '\n' })
		if end < 0 {
			end = len(rest)
		}
		return strings.Trim(rest[:end], "`\"")
	}
	return ""
}

// Statement measures a SQL statement (db.Watcher). Within a trace it is a span, with its text but
// without its arguments.
func (t *Telemetry) Statement(ctx context.Context, statement string, sent time.Time, err error) {
	verb := verbOf(statement)
	t.metrics.bySQL[verb].Observe(time.Since(sent).Seconds())
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, sql.ErrTxDone) {
		t.metrics.statementsFailed.WithLabelValues(verb).Inc()
	}
	if !t.traced(ctx) {
		return
	}
	name, attributes := verb, []attribute.KeyValue{semconv.DBSystemNameKey.String(t.system), semconv.DBOperationName(verb)}
	if table := tableOf(statement); table != "" {
		name += " " + table
		attributes = append(attributes, semconv.DBCollectionName(table))
	}
	attributes = append(attributes, semconv.DBQueryText(statement[:min(len(statement), maxText)]))
	t.asked(ctx, name, sent, err, attributes)
}

// asked is the span of a question that is answered.
func (t *Telemetry) asked(ctx context.Context, name string, sent time.Time, err error, attributes []attribute.KeyValue) {
	_, span := t.tracer.Start(within(ctx), name, trace.WithTimestamp(sent), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	finish(span, err)
}

// Redis measures commands to Redis (redis.Hook). Within a trace each is a span by its name, without
// keys and values.
//
// It stands in for redisotel, which begins a trace of its own for each command of the background
// and writes the texts of errors into spans: Redis quotes the command in them.
func (t *Telemetry) Redis() redis.Hook { return redisHook{t} }

type redisHook struct{ t *Telemetry }

func (redisHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h redisHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		sent := time.Now()
		err := next(ctx, cmd)
		h.answered(ctx, "command", sent, err)
		if h.t.traced(ctx) {
			h.t.asked(ctx, cmd.FullName(), sent, failure(err), []attribute.KeyValue{semconv.DBSystemNameRedis, semconv.DBOperationName(cmd.FullName())})
		}
		return err
	}
}

func (h redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		sent := time.Now()
		err := next(ctx, cmds)
		h.answered(ctx, "pipeline", sent, err)
		if h.t.traced(ctx) {
			h.t.asked(ctx, "PIPELINE", sent, failure(err), []attribute.KeyValue{semconv.DBSystemNameRedis, semconv.DBOperationName("PIPELINE"), semconv.DBOperationBatchSize(len(cmds))})
		}
		return err
	}
}

func (h redisHook) answered(_ context.Context, kind string, sent time.Time, err error) {
	h.t.metrics.byRedis[kind].Observe(time.Since(sent).Seconds())
	if failure(err) != nil && !errors.Is(err, context.Canceled) {
		h.t.metrics.redisFailed.Inc()
	}
}

// failure is an error of Redis, unless it says that there is no such key, or that a script is not
// there yet, which is then sent.
func failure(err error) error {
	if errors.Is(err, redis.Nil) || err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		return nil
	}
	return err
}

// kindOf is what may be told of an error: PostgreSQL's code, or what it is in Go.
func kindOf(err error) string {
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		return refused.Code
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	var coded Code
	if errors.As(err, &coded) {
		return string(coded)
	}
	return fmt.Sprintf("%T", err)
}

// Code is the code of an error that a client was told.
type Code string

func (c Code) Error() string { return string(c) }
