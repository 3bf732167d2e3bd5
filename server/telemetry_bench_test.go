package server_test

import (
	"testing"

	"kontor/server/servertest"
)

// BenchmarkTelemetry is what a request costs while nobody takes traces, and while somebody does; client and
// server together.
func BenchmarkTelemetry(b *testing.B) {
	const query = `{ orders(first: 3) { totalCount nodes { number state items { quantity product { name } } placedBy { lastName } } } }`
	run := func(b *testing.B, k *servertest.Kontor) {
		martha := k.As(b, "martha.hansen")
		martha.Do(b, query, nil).OK(b)
		b.ReportAllocs()
		for b.Loop() {
			martha.Do(b, query, nil)
		}
	}
	b.Run("off", func(b *testing.B) { run(b, servertest.Start(b, servertest.Backends[1])) })
	b.Run("on", func(b *testing.B) {
		k, spans := servertest.Traced(b, servertest.Backends[1])
		defer spans.Reset()
		run(b, k)
	})
}
