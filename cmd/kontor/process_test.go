package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kontor/server/servertest"
)

// asKontor makes of this test binary kontor itself.
const asKontor = "KONTOR_TEST_AS_KONTOR"

// kontor is `kontor serve` as a process of its own.
type kontor struct {
	*exec.Cmd
	URL, Debug string
	log        *lines
	exited     chan struct{}
}

// lines collects what a process logs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve starts a process with these settings and waits until it listens.
func serve(t *testing.T, environment ...string) *kontor {
	t.Helper()
	k := &kontor{Cmd: exec.Command(os.Args[0], "serve"), log: &lines{}, exited: make(chan struct{})}
	k.Env = append(append(os.Environ(), asKontor+"=yes"), environment...)
	k.Dir, k.Stderr = t.TempDir(), k.log
	output, err := k.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = k.Process.Kill()
		<-k.exited
		if t.Failed() {
			t.Logf("the process logged:\n%s", tail(k.log.String()))
		}
	})
	first, err := bufio.NewReader(output).ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, output)
		_ = k.Wait() // how it ended is asked for by the tests
		close(k.exited)
	}()
	found := regexp.MustCompile(`listens on ([^:]+:\d+):`).FindStringSubmatch(first)
	if err != nil || found == nil {
		t.Fatalf("the process does not listen: %q %v\n%s", first, err, k.log)
	}
	k.URL = "http://" + found[1]
	debug := regexp.MustCompile(`"msg":"figures are shown","address":"([^"]+)"`)
	eventually(t, "the address of figures is logged", func() bool { return debug.MatchString(k.log.String()) })
	k.Debug = "http://" + debug.FindStringSubmatch(k.log.String())[1]
	return k
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

// signal sends a signal to the process.
func (k *kontor) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := k.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// end waits for the end of the process, and gives how long it took and the code it left; -1 where
// a signal ended it.
func (k *kontor) end(t *testing.T, patience time.Duration) (took time.Duration, code int) {
	t.Helper()
	began := time.Now()
	select {
	case <-k.exited:
	case <-time.After(patience):
		t.Fatalf("the process has not ended in %s", patience)
	}
	return time.Since(began), k.ProcessState.ExitCode()
}

// figure is the sum of a metric over its labels; 0 where there is none.
func (k *kontor) figure(t *testing.T, name string) float64 {
	t.Helper()
	response, err := http.Get(k.Debug + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	sum := 0.0
	for all := bufio.NewScanner(response.Body); all.Scan(); {
		if line := all.Text(); strings.HasPrefix(line, name+"{") || strings.HasPrefix(line, name+" ") {
			value, err := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			sum += value
		}
	}
	return sum
}

// eventually waits for what must become so soon.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so after half a minute: %s", what)
		}
	}
}

// post sends an operation and gives the status, and what came.
func post(c *servertest.Client, query string) (int, string, error) {
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequest(http.MethodPost, c.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+c.Token)
	response, err := c.HTTP.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// saving is a mutation that writes one address, by which it is found.
func saving(name string) string {
	return fmt.Sprintf(`mutation { saveAddress(input: {label: %q, street: "Kai 1", postalCode: "20457", city: "Hamburg"}) { address { id } errors { code } } }`, name)
}

// addresses are all that were written by saving.
const addresses = `SELECT count(*) FROM addresses WHERE label LIKE 'late%'`

// terminate is how a process is told to end.
const terminate = syscall.SIGTERM
