package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"kontor/server/servertest"
)

// Clients that are slow on purpose, or do nothing at all, are let go by the times of the server, and
// nobody else notices them. Each kind has the time of its own: 5 seconds for headers, 15 for a body, 30 for an answer, 60
// between requests.
//
// Case: LOAD-03
func TestSlowClients(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than a minute")
	}
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[1])
	process := serve(t, k.Environment(t)...)
	martha := k.As(t, "martha.hansen").At(process.URL)
	host := strings.TrimPrefix(process.URL, "http://")
	stop := make(chan struct{})
	var usual sync.WaitGroup
	usual.Go(func() { unaffected(t, martha, stop) })
	t.Run("all of them", func(t *testing.T) {
		t.Run("header", func(t *testing.T) {
			t.Parallel()
			slowHeader(t, host)
		})
		t.Run("body", func(t *testing.T) {
			t.Parallel()
			slowBody(t, host, martha.Token)
		})
		t.Run("reader", func(t *testing.T) {
			t.Parallel()
			slowReader(t, host, process)
		})
		t.Run("idle from the beginning", func(t *testing.T) {
			t.Parallel()
			idleFromTheBeginning(t, host)
		})
		t.Run("idle after a request", func(t *testing.T) {
			t.Parallel()
			idleAfterARequest(t, host)
		})
		t.Run("header of a megabyte", func(t *testing.T) {
			t.Parallel()
			largeHeader(t, host)
		})
	})
	close(stop)
	usual.Wait()
	eventually(t, "no request is left", func() bool { return process.figure(t, "kontor_http_requests_running") == 0 })
}

// unaffected sends what everybody sends, meanwhile.
func unaffected(t *testing.T, c *servertest.Client, stop <-chan struct{}) {
	sent, slowest := 0, time.Duration(0)
	for {
		select {
		case <-stop:
			t.Logf("%d requests meanwhile, the slowest took %s", sent, slowest)
			return
		case <-time.After(50 * time.Millisecond):
		}
		began := time.Now()
		status, text, err := post(c, `{ viewer { user { username } } }`)
		if err != nil || status != http.StatusOK || !strings.Contains(text, "martha.hansen") {
			t.Errorf("an ordinary request is answered with %d %s %v", status, text, err)
			return
		}
		sent, slowest = sent+1, max(slowest, time.Since(began))
		if slowest > 10*time.Second {
			t.Errorf("an ordinary request took %s", slowest)
			return
		}
	}
}

func dial(t *testing.T, host string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ends reads a connection until the server ends it, and gives what came and when.
func ends(t *testing.T, c net.Conn, patience time.Duration) (string, time.Duration) {
	t.Helper()
	began := time.Now()
	if err := c.SetReadDeadline(began.Add(patience)); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Fatalf("the connection is still open after %s", patience)
	}
	return string(text), time.Since(began)
}

// drip sends a byte now and then, until the other side ends it.
func drip(c net.Conn, text string) {
	for i := 0; ; i++ {
		if _, err := c.Write([]byte{text[i%len(text)]}); err != nil {
			return
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func slowHeader(t *testing.T, host string) {
	c := dial(t, host)
	_, _ = io.WriteString(c, "POST /graphql HTTP/1.1\r\nHost: kontor\r\nX-Slow: ")
	go drip(c, "a")
	if text, took := ends(t, c, 20*time.Second); strings.Contains(text, "200 OK") || took < 4*time.Second {
		t.Errorf("a header without an end is answered after %s with %q", took, text)
	}
}

func slowBody(t *testing.T, host, token string) {
	c := dial(t, host)
	_, _ = fmt.Fprintf(c, "POST /graphql HTTP/1.1\r\nHost: kontor\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{\"query\":\"", token)
	go drip(c, " ")
	if text, took := ends(t, c, 40*time.Second); strings.Contains(text, "200 OK") || took < 10*time.Second {
		t.Errorf("a body without an end is answered after %s with %q", took, text)
	}
}

// slowReader asks for more than the line holds and reads none of it.
func slowReader(t *testing.T, host string, process *kontor) {
	c := dial(t, host)
	if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: slow-reader\r\n\r\n"); err != nil {
				return
			}
		}
	}()
	began := time.Now()
	hangs := func() bool { return process.figure(t, `kontor_http_requests_running`) >= 1 }
	// It hangs in an answer: the same is being sent for a whole second. Then it is given up.
	for quiet, since := false, time.Now(); !quiet; {
		if !hangs() {
			since = time.Now()
		}
		quiet = time.Since(since) > time.Second
		if time.Since(began) > 20*time.Second {
			t.Fatal("the answers are all sent: the line holds more than they are")
		}
		time.Sleep(20 * time.Millisecond)
	}
	gone := false
	for !gone && time.Since(began) < 60*time.Second {
		time.Sleep(200 * time.Millisecond)
		// The server has ended the connection when writing fails.
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_, err := io.WriteString(c, "G")
		timeout, ok := err.(net.Error)
		gone = err != nil && (!ok || !timeout.Timeout())
	}
	if took := time.Since(began); !gone || took < 20*time.Second {
		t.Errorf("who does not read is let go after %s: %t", took, gone)
	} else {
		t.Logf("who does not read was let go after %s", took)
	}
}

// many is how many idle connections there are: 10,000, or as many as this process may have.
func many(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := min(10_000, int(limit.Cur)-1500)
	if n < 10_000 {
		t.Logf("%d idle connections instead of 10,000: a process here may have %d files", n, limit.Cur)
	}
	if n < 100 {
		t.Skip("too few files are allowed")
	}
	return n
}

func idleFromTheBeginning(t *testing.T, host string) {
	n := many(t)
	began := time.Now()
	all := make([]net.Conn, n)
	for i := range all {
		all[i] = dial(t, host)
	}
	t.Logf("%d connections were opened in %s", n, time.Since(began))
	var open atomic.Int64
	var waiting sync.WaitGroup
	for _, c := range all {
		waiting.Go(func() {
			_ = c.SetReadDeadline(began.Add(45 * time.Second))
			if _, err := c.Read(make([]byte, 1)); err != nil {
				if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
					open.Add(1)
				}
			}
		})
	}
	waiting.Wait()
	if open.Load() > 0 {
		t.Errorf("%d of %d connections are open after %s, without a word", open.Load(), n, time.Since(began))
	}
	t.Logf("all of them were let go after %s", time.Since(began))
}

func idleAfterARequest(t *testing.T, host string) {
	began := time.Now()
	var all []*bufio.Reader
	for range 100 {
		c := dial(t, host)
		_ = c.SetReadDeadline(began.Add(90 * time.Second))
		_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: kontor\r\n\r\n")
		from := bufio.NewReader(c)
		response, err := http.ReadResponse(from, nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		all = append(all, from)
	}
	for _, c := range all {
		if _, err := c.ReadByte(); err != io.EOF {
			t.Fatalf("a connection that is not used: %v after %s", err, time.Since(began))
		}
	}
	if took := time.Since(began); took < 50*time.Second {
		t.Errorf("connections are not kept: they were ended after %s", took)
	}
}

func largeHeader(t *testing.T, host string) {
	c := dial(t, host)
	go func() {
		_, _ = io.WriteString(c, "POST /graphql HTTP/1.1\r\nHost: kontor\r\nX-Large: "+strings.Repeat("a", 1<<20)+"\r\n\r\n")
	}()
	if text, _ := ends(t, c, 20*time.Second); !strings.HasPrefix(text, "HTTP/1.1 431 ") {
		t.Errorf("a header of a megabyte is answered with %q", text[:min(len(text), 200)])
	}
}
