package server

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// The figures of the process do not tell how it was started, and neither do its profiles.
//
// Case: PRIV-01
func TestFiguresDoNotTellSettings(t *testing.T) {
	was := os.Args
	os.Args = append(os.Args, "--secret", "canary-of-the-command")
	defer func() { os.Args = was }()
	recorder := httptest.NewRecorder()
	variables(recorder, nil)
	if text := recorder.Body.String(); !strings.Contains(text, "memstats") || strings.Contains(text, "canary") || strings.Contains(text, "cmdline") {
		t.Errorf("the figures: %.300s", text)
	}
	mux := httptest.NewServer(debugRoutes())
	defer mux.Close()
	for _, path := range []string{"/debug/pprof/cmdline", "/debug/vars", "/debug/pprof/goroutine?debug=2", "/debug/pprof/"} {
		response, err := http.Get(mux.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || strings.Contains(string(text), "canary") {
			t.Errorf("%s: %.300s %v", path, text, err)
		}
	}
}

func set(in map[string]int, name string) { in[name] = 1 }

// The log does not repeat what a handler panicked with, but says where.
//
// Case: PRIV-01
func TestPanicsAreLoggedWithoutTheirWords(t *testing.T) {
	var log bytes.Buffer
	s := &Server{log: slog.New(slog.NewJSONHandler(&log, nil))}
	for _, panicking := range []func(){
		func() { panic("canary typed") }, func() { panic(errors.New("canary quoted")) }, func() { set(nil, "canary") },
		func() { _ = any("canary").(int) },
	} {
		recorder := httptest.NewRecorder()
		s.recoverPanics(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panicking() })).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
		if recorder.Code != http.StatusInternalServerError || strings.Contains(recorder.Body.String(), "canary") {
			t.Errorf("the answer: %d %s", recorder.Code, recorder.Body)
		}
	}
	if text := log.String(); strings.Contains(text, "canary") || strings.Count(text, "a handler panicked") != 4 || !strings.Contains(text, "nil map") || !strings.Contains(text, "debug_test.go") {
		t.Errorf("the log: %s", text)
	}
}
