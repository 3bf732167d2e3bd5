package servertest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"kontor/server"
)

// workerSettings is the environment variable that makes of a test binary a worker, which
// can be killed without the test.
const workerSettings = "KONTOR_TEST_WORKER"

type worker struct {
	Config server.Config
	Now    time.Time
}

// AsWorker is what to add to the environment of this test binary, so that it processes the
// orders of k, by a clock that is so far ahead, until it is killed.
func (k *Kontor) AsWorker(t testing.TB, ahead time.Duration) string {
	t.Helper()
	settings, err := json.Marshal(worker{Config: k.config, Now: k.Clock.Now().Add(ahead)})
	if err != nil {
		t.Fatal(err)
	}
	return workerSettings + "=" + string(settings)
}

// work processes orders until it is killed, or its test ends.
func work(settings string) int {
	var w worker
	if err := json.Unmarshal([]byte(settings), &w); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	began := time.Now()
	now := func() time.Time { return w.Now.Add(time.Since(began)) }
	s, err := server.New(context.Background(), w.Config, slog.New(slog.DiscardHandler), server.WithClock(now), server.WithHasher(Cheap()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	fmt.Println("working")
	s.Work(context.Background())
	return 0
}
