package servertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// soon is how long a test waits for what must happen within a second.
const soon = 5 * time.Second

// Stream is a running subscription.
type Stream struct {
	events chan *Answer
	// Problem is what the operation or the connection was refused with; read it when the
	// stream has ended.
	Problem string
	close   func()
}

// Next is the next event; the test fails when none comes soon.
func (s *Stream) Next(t testing.TB) *Answer {
	t.Helper()
	select {
	case event, more := <-s.events:
		if !more {
			t.Fatalf("the stream has ended: %s", s.Problem)
		}
		return event
	case <-time.After(soon):
		t.Fatal("no event came")
	}
	return nil
}

// Quiet makes sure that nothing comes for a moment, and the stream goes on.
func (s *Stream) Quiet(t testing.TB) {
	t.Helper()
	select {
	case event, more := <-s.events:
		if !more {
			t.Errorf("the stream has ended: %s", s.Problem)
		} else {
			t.Errorf("an event came: %s", event.Body)
		}
	case <-time.After(300 * time.Millisecond):
	}
}

// End waits for the end, passes over events before it, and gives how long it took.
func (s *Stream) End(t testing.TB) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		select {
		case _, more := <-s.events:
			if !more {
				return time.Since(began)
			}
		case <-time.After(soon):
			t.Fatal("the stream does not end")
		}
	}
}

// Close leaves the stream.
func (s *Stream) Close() { s.close() }

// Streams are the ways in which a client subscribes.
var Streams = map[string]func(c *Client, t testing.TB, query string, variables Vars) *Stream{
	"WebSocket":          (*Client).WebSocket,
	"server-sent events": (*Client).Events,
}

// Events subscribes by server-sent events.
func (c *Client) Events(t testing.TB, query string, variables Vars) *Stream {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	c.sign(request.Header)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	response, err := c.HTTP.Do(request)
	if err != nil {
		t.Fatalf("subscribing: %v", err)
	}
	s := &Stream{events: make(chan *Answer, 100), close: cancel}
	go func() {
		defer close(s.events)
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
			text, _ := io.ReadAll(response.Body)
			s.Problem = response.Status + " " + string(text)
			return
		}
		event := ""
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case name == "event":
				event = value
			case name == "data" && event == "next":
				s.put(response.StatusCode, []byte(value))
			}
			if event == "complete" {
				return
			}
		}
	}()
	return s
}

// WebSocket subscribes over a WebSocket of its own, as graphql-transport-ws.
func (c *Client) WebSocket(t testing.TB, query string, variables Vars) *Stream {
	t.Helper()
	socket, response, err := c.Dial(t)
	if err != nil {
		t.Fatalf("connecting: %v %v", err, response)
	}
	ctx := context.Background()
	init := map[string]any{"type": "connection_init"}
	if c.Token != "" {
		init["payload"] = map[string]any{"Authorization": "Bearer " + c.Token}
	}
	Send(t, socket, init)
	Send(t, socket, map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"query": query, "variables": variables}})
	s := &Stream{events: make(chan *Answer, 100), close: func() { _ = socket.CloseNow() }}
	t.Cleanup(s.close)
	go func() {
		defer close(s.events)
		for {
			_, text, err := socket.Read(ctx)
			if err != nil {
				s.Problem = err.Error()
				return
			}
			var message struct {
				Type    string          `json:"type"`
				Payload json.RawMessage `json:"payload"`
			}
			if err := json.Unmarshal(text, &message); err != nil {
				s.Problem = err.Error()
				return
			}
			switch message.Type {
			case "next":
				s.put(http.StatusOK, message.Payload)
			case "error":
				s.Problem = string(message.Payload)
				return
			case "complete":
				return
			}
		}
	}()
	return s
}

// put passes an event on; one with errors only is why the stream ends.
func (s *Stream) put(status int, body []byte) {
	answer := &Answer{Status: status, Body: body}
	if err := json.Unmarshal(body, answer); err != nil {
		s.Problem = err.Error()
		return
	}
	if answer.Data == nil && len(answer.Errors) > 0 {
		s.Problem = string(body)
		return
	}
	s.events <- answer
}

// Dial opens a WebSocket with the client's headers.
func (c *Client) Dial(t testing.TB) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	header := http.Header{}
	for name, value := range c.Header {
		header.Set(name, value)
	}
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	socket, response, err := websocket.Dial(ctx, c.URL+"/graphql", &websocket.DialOptions{HTTPClient: c.HTTP, HTTPHeader: header, Subprotocols: []string{"graphql-transport-ws"}})
	if err == nil {
		t.Cleanup(func() { _ = socket.CloseNow() })
	}
	return socket, response, err
}

// Send sends a message over a WebSocket.
func Send(t testing.TB, socket *websocket.Conn, message any) {
	t.Helper()
	text, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	if err := socket.Write(context.Background(), websocket.MessageText, text); err != nil {
		t.Fatalf("sending %s: %v", text, err)
	}
}

// Drain passes over the events that have come.
func (s *Stream) Drain() {
	for {
		select {
		case _, more := <-s.events:
			if !more {
				return
			}
		default:
			return
		}
	}
}

// Ask is Do, and for a subscription what it begins with: its first event, why it was
// refused, or an empty answer where nothing comes for a moment.
func (c *Client) Ask(t testing.TB, query string, variables Vars) *Answer {
	t.Helper()
	if !strings.HasPrefix(query, "subscription") {
		return c.Do(t, query, variables)
	}
	s := c.Events(t, query, variables)
	defer s.Close()
	select {
	case event, more := <-s.events:
		if more {
			return event
		}
		answer := &Answer{Status: http.StatusOK, Body: []byte(s.Problem)}
		if err := json.Unmarshal(answer.Body, answer); err != nil {
			t.Fatalf("a subscription ends with %q", s.Problem)
		}
		return answer
	case <-time.After(300 * time.Millisecond):
		return &Answer{Status: http.StatusOK}
	}
}
