package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/importrun"
	entmail "kontor/ent/mail"
	"kontor/ent/orderjob"
	"kontor/internal/mail"
	"kontor/internal/telemetry"
)

// WithSpans has a processor take the spans of all traces: tests look at them.
func WithSpans(processor sdktrace.SpanProcessor) Option {
	return func(o *options) { o.spans = append(o.spans, processor) }
}

// Figures shows the figures of the replica to Prometheus.
func (s *Server) Figures() http.Handler { return s.telemetry.Handler(s.log) }

// queueTimeout bounds how long Prometheus waits for the figures of queues.
const queueTimeout = 2 * time.Second

// isStream tells a request that may go on for hours.
func isStream(r *http.Request) bool {
	return r.Header.Get("Upgrade") != "" || strings.Contains(r.Header.Get("Accept"), typeEvents)
}

// readFigures are the figures of a replica that are read when Prometheus asks.
func (s *Server) readFigures() []prometheus.Collector {
	return []prometheus.Collector{telemetry.Database(s.db.Stats), telemetry.RedisPool(s.redis), s.connections(), s.queues()}
}

// connections are what goes on for longer than a request.
func (s *Server) connections() *telemetry.Reading {
	return telemetry.Read(func(tell func(int, float64, ...string)) error {
		tell(0, float64(s.sockets.count()))
		tell(1, float64(s.live.Listening()))
		tell(2, float64(len(s.uploading)))
		tell(3, float64(s.downloading.Load()))
		return nil
	},
		telemetry.Figure{Name: "websockets", Help: "WebSockets that are open."},
		telemetry.Figure{Name: "listeners", Help: "Subscriptions that wait for news."},
		telemetry.Figure{Name: "uploads_running", Help: "Files that are being taken in."},
		telemetry.Figure{Name: "downloads_running", Help: "Files that are being sent: exports and documents."},
	)
}

// queues are what waits in the database, for all replicas together.
func (s *Server) queues() *telemetry.Reading {
	return telemetry.Read(func(tell func(int, float64, ...string)) error {
		ctx, cancel := context.WithTimeout(authz.System(context.Background()), queueTimeout)
		defer cancel()
		mails, jobs := s.db.Client.Mail.Query().Where(entmail.SentAtIsNil()), s.db.Client.OrderJob.Query().Where(orderjob.EndedAtIsNil())
		waiting := mails.Clone().Where(entmail.NextAttemptAtLT(mail.Never))
		oldestMail, err := oldest(waiting.Clone().Order(entmail.ByCreatedAt()).First(ctx))
		if err != nil {
			return fmt.Errorf("reading the oldest mail: %w", err)
		}
		oldestJob, err := oldest(jobs.Clone().Order(orderjob.ByCreatedAt()).First(ctx))
		if err != nil {
			return fmt.Errorf("reading the oldest job: %w", err)
		}
		imports := s.db.Client.ImportRun.Query()
		for _, queue := range []struct {
			name, state string
			count       func(context.Context) (int, error)
			oldest      time.Time
		}{
			{"mails", "waiting", waiting.Count, oldestMail},
			{"mails", "given_up", mails.Clone().Where(entmail.NextAttemptAtGTE(mail.Never)).Count, time.Time{}},
			{"order_jobs", "waiting", jobs.Count, oldestJob},
			{"imports", "waiting", imports.Clone().Where(importrun.StateEQ(importrun.StateQUEUED)).Count, time.Time{}},
			{"imports", "running", imports.Clone().Where(importrun.StateEQ(importrun.StateRUNNING)).Count, time.Time{}},
		} {
			length, err := queue.count(ctx)
			if err != nil {
				return fmt.Errorf("reading the queue %s: %w", queue.name, err)
			}
			tell(0, float64(length), queue.name, queue.state)
			if !queue.oldest.IsZero() || queue.name != "imports" && queue.state == "waiting" {
				tell(1, s.age(queue.oldest), queue.name)
			}
		}
		return nil
	},
		telemetry.Figure{Name: "queue_length", Help: "What waits in the database, for all replicas together.", Labels: []string{"queue", "state"}},
		telemetry.Figure{Name: "queue_oldest_seconds", Help: "How long the oldest in a queue has waited.", Labels: []string{"queue"}},
	)
}

// age is how long something has waited; nothing has not.
func (s *Server) age(since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(0, s.now().Sub(since).Seconds())
}

// oldest is when the first in a queue came; zero where it is empty.
func oldest[T *ent.Mail | *ent.OrderJob](first T, err error) (time.Time, error) {
	if ent.IsNotFound(err) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	switch first := any(first).(type) {
	case *ent.Mail:
		return first.CreatedAt, nil
	case *ent.OrderJob:
		return first.CreatedAt, nil
	}
	return time.Time{}, nil
}
