package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"kontor/server/servertest"
)

// Traces are sent to whom the environment names, by OTLP over HTTP, the last ones as the process ends; and to nobody
// where the environment wants none.
func TestTracesAreSent(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var sent bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s of %s is sent", r.URL.Path, r.Header.Get("Content-Type"))
		}
		_, _ = io.Copy(&sent, r.Body)
	}))
	t.Cleanup(collector.Close)
	k := servertest.Start(t, servertest.Backends[1])
	environment, martha := append(k.Environment(t), "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL), k.As(t, "martha.hansen")
	for setting, want := range map[string]bool{"OTEL_SERVICE_NAME=kontor-test": true, "OTEL_TRACES_SAMPLER=always_off": false, "OTEL_SDK_DISABLED=true": false} {
		sent.Reset()
		process := serve(t, append(environment, setting)...)
		if status, text, err := post(martha.At(process.URL), `{ viewer { user { username } } }`); status != http.StatusOK || err != nil {
			t.Fatal(status, text, err)
		}
		process.signal(t, terminate)
		if _, code := process.end(t, 30*time.Second); code != 0 {
			t.Errorf("%s: it ended with %d", setting, code)
		}
		mu.Lock()
		got := sent.String()
		mu.Unlock()
		for _, part := range []string{"kontor-test", "POST /graphql", "query viewer", "Query.viewer", "SELECT "} {
			if strings.Contains(got, part) != want {
				t.Errorf("%s: %q is sent: %t", setting, part, !want)
			}
		}
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	refused := exec.Command(path, "serve")
	refused.Env, refused.Dir = append(append(os.Environ(), environment...), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"), t.TempDir()
	if said, err := refused.CombinedOutput(); err == nil || !strings.Contains(string(said), "OTEL_EXPORTER_OTLP_PROTOCOL") {
		t.Errorf("a protocol that Kontor does not speak: %v %s", err, said)
	}
}
