// Package live carries news between replicas, over Redis: which order changed, whose
// rights did, which session ended. News are hints: whoever gets one reads what is so in the
// database, for the viewer that it works for. Where news may have been lost, everybody
// is told so.
package live

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"kontor/internal/fault"
)

// Kind is what news are about.
type Kind string

const (
	// Order: an order was placed or got another state. Tenant is whose it is, Contract what
	// it is about.
	Order Kind = "order"
	// Rights: roles, rights or settings of somebody of the Tenant may be others now.
	Rights Kind = "rights"
	// Session: the session of the User ended, or acts for somebody else.
	Session Kind = "session"
	// Gap: news may have been lost. It is told by the hub itself.
	Gap Kind = "gap"
)

// News is what happened. Fields that say nothing are empty.
type News struct {
	Kind     Kind      `json:"k"`
	Tenant   uuid.UUID `json:"t,omitzero"`
	User     uuid.UUID `json:"u,omitzero"`
	Order    uuid.UUID `json:"o,omitzero"`
	Contract uuid.UUID `json:"c,omitzero"`
	Session  string    `json:"s,omitempty"`
}

const (
	channel = "kontor:live"
	// maxPending bounds what waits for one listener; beyond it the news become a gap.
	maxPending = 256
	// maxPerSession and maxPerUser are how many listeners a session and all sessions of a user
	// have at most, on a replica (GQL-16).
	maxPerSession = 10
	maxPerUser    = 30
	// tellTimeout bounds how long a change, which is committed already, waits for Redis.
	tellTimeout = time.Second
)

// Hub passes the news of all replicas on to the listeners of this one.
type Hub struct {
	client redis.UniversalClient
	log    *slog.Logger
	stop   context.CancelFunc
	done   chan struct{}

	mu        sync.Mutex
	listeners map[*Listener]bool
	sessions  map[string]int
	users     map[uuid.UUID]int
	closed    bool
}

// New listens to Redis until Close.
func New(client redis.UniversalClient, log *slog.Logger) *Hub {
	ctx, stop := context.WithCancel(context.Background())
	h := &Hub{client: client, log: log, stop: stop, done: make(chan struct{}), listeners: map[*Listener]bool{}, sessions: map[string]int{}, users: map[uuid.UUID]int{}}
	go h.receive(ctx)
	return h
}

// receive passes on what Redis sends. The library connects again by itself and says so:
// what was told meanwhile is lost.
func (h *Hub) receive(ctx context.Context) {
	defer close(h.done)
	subscription := h.client.Subscribe(ctx, channel)
	defer subscription.Close()
	messages := subscription.ChannelWithSubscriptions()
	for {
		select {
		case <-ctx.Done():
			return
		case message := <-messages:
			switch message := message.(type) {
			case *redis.Subscription:
				h.pass(News{Kind: Gap})
			case *redis.Message:
				var news News
				if err := json.Unmarshal([]byte(message.Payload), &news); err != nil {
					h.log.WarnContext(ctx, "news that are none", "error", err)
					news = News{Kind: Gap}
				}
				h.pass(news)
			}
		}
	}
}

func (h *Hub) pass(news News) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		if news.Kind == Gap || l.wants(news) {
			l.put(news)
		}
	}
}

// Tell sends news to all replicas, after what they are about is committed. Should Redis
// not be there, it is logged: the change itself has happened.
func (h *Hub) Tell(ctx context.Context, news News) {
	text, err := json.Marshal(news)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
		defer cancel()
		err = h.client.Publish(ctx, channel, text).Err()
	}
	if err != nil {
		h.log.WarnContext(ctx, "news were not told", "kind", news.Kind, "error", err)
	}
}

// Listen gives what a session of a user wants to hear, until Close. Who listens in too
// many places is told to wait.
func (h *Hub) Listen(user uuid.UUID, session string, wants func(News) bool) (*Listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, fault.ErrUnavailable
	}
	if h.sessions[session] >= maxPerSession || h.users[user] >= maxPerUser {
		return nil, &fault.RateLimited{RetryAfter: time.Minute}
	}
	l := &Listener{hub: h, user: user, session: session, wants: wants, ready: make(chan struct{}, 1), ended: make(chan struct{})}
	h.listeners[l] = true
	h.sessions[session]++
	h.users[user]++
	return l, nil
}

// Listening is how many listeners there are.
func (h *Hub) Listening() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.listeners)
}

// Close ends all listeners and stops listening to Redis.
func (h *Hub) Close() error {
	h.Dismiss()
	h.stop()
	<-h.done
	return nil
}

// Dismiss ends all listeners, and takes no new ones: the replica is about to stop.
func (h *Hub) Dismiss() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for l := range h.listeners {
		h.remove(l)
	}
}

func (h *Hub) remove(l *Listener) {
	if !h.listeners[l] {
		return
	}
	delete(h.listeners, l)
	close(l.ended)
	if h.sessions[l.session]--; h.sessions[l.session] <= 0 {
		delete(h.sessions, l.session)
	}
	if h.users[l.user]--; h.users[l.user] <= 0 {
		delete(h.users, l.user)
	}
}

// Listener is one place where news are waited for.
type Listener struct {
	hub     *Hub
	user    uuid.UUID
	session string
	wants   func(News) bool
	ready   chan struct{}
	ended   chan struct{}

	mu      sync.Mutex
	pending []News
}

// put adds news for whoever waits; the same news wait once.
func (l *Listener) put(news News) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, waiting := range l.pending {
		if waiting == news {
			return
		}
	}
	if len(l.pending) >= maxPending {
		l.pending = []News{{Kind: Gap}}
	} else {
		l.pending = append(l.pending, news)
	}
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// Ready is sent to when there are news to Take.
func (l *Listener) Ready() <-chan struct{} { return l.ready }

// Ended is closed when there will be no more news.
func (l *Listener) Ended() <-chan struct{} { return l.ended }

// Take gives the news that wait, and they wait no more.
func (l *Listener) Take() []News {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.pending
	l.pending = nil
	return taken
}

// Close ends listening.
func (l *Listener) Close() {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	l.hub.remove(l)
}
