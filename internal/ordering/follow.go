package ordering

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/order"
	"kontor/ent/orderevent"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/live"
)

const (
	// lookAgain is how often a subscription is looked at without any news: sessions run out.
	lookAgain = 30 * time.Second
	// catchUp is how far back a subscription to all orders begins: whoever lost its
	// connection and comes back within that misses nothing (OR-10).
	catchUp = 2 * time.Minute
	// maxCaughtUp bounds what a subscription begins with, and maxWaiting what waits for a client:
	// one that does not read is let go.
	maxCaughtUp = 100
	maxWaiting  = 500
)

// Changed tells the replicas of an order, once it is committed: also of one that came from the ERP.
func (s *Service) Changed(tx *ent.Tx, o *ent.Order) {
	news := live.News{Kind: live.Order, Tenant: o.TenantID, Order: o.ID}
	if o.ContractID != nil {
		news.Contract = *o.ContractID
	}
	db.AfterCommit(tx, func(ctx context.Context) { s.live.Tell(ctx, news) })
}

// Follow gives an order whenever it changed, or with a nil ID every order of the
// viewer's (OR-10): as it is now, first of all, and then after each change. query makes the
// query that says what to load. It ends when the viewer may no longer see the order, when
// its session ends, and when its rights became others: what was asked for is answered by
// rights as they are.
func (s *Service) Follow(ctx context.Context, id *gid.ID, query func() (*ent.OrderQuery, error)) (<-chan *ent.Order, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	f := &follower{Service: s, viewer: v, query: query, orders: make(chan *ent.Order)}
	if id != nil {
		f.only = id.Of(ent.KindOrder)
		if f.only == uuid.Nil {
			return nil, fault.ErrNotFound
		}
	}
	// Listening begins before reading, so that no change falls in between.
	if f.listener, err = s.live.Listen(v.User, v.Session, f.wants); err != nil {
		return nil, err
	}
	first, err := f.begin(ctx)
	if err != nil {
		f.listener.Close()
		return nil, err
	}
	go f.run(ctx, first)
	return f.orders, nil
}

// follower is one subscription.
type follower struct {
	*Service
	viewer   *authz.Viewer
	only     uuid.UUID // nil: all
	query    func() (*ent.OrderQuery, error)
	listener *live.Listener
	orders   chan *ent.Order
}

// wants picks the news that may concern the viewer: cheaply, because it is asked for
// each of all replicas.
func (f *follower) wants(n live.News) bool {
	switch n.Kind {
	case live.Session:
		return n.User == f.viewer.User && n.Session == f.viewer.Session
	case live.Rights:
		return n.Tenant == f.viewer.Tenant || n.Tenant == f.viewer.AtHome().Tenant
	case live.Order:
		if f.only != uuid.Nil {
			return n.Order == f.only
		}
		scope, err := authz.Scope(f.viewer, "order.view")
		if err != nil {
			return false
		}
		for _, relation := range scope {
			switch relation {
			case authz.All, authz.Subtree:
				return true
			case authz.Granted:
				if n.Contract != uuid.Nil {
					return true
				}
			default:
				if n.Tenant == f.viewer.Tenant {
					return true
				}
			}
		}
	}
	return false
}

// begin is what the subscription starts with.
func (f *follower) begin(ctx context.Context) ([]*ent.Order, error) {
	if f.only != uuid.Nil {
		o, err := f.read(ctx, f.only)
		if err != nil {
			return nil, err
		}
		if o == nil {
			return nil, fault.ErrNotFound
		}
		return []*ent.Order{o}, nil
	}
	return f.since(ctx, f.now().Add(-catchUp))
}

// since are the orders that changed after a moment.
func (f *follower) since(ctx context.Context, moment time.Time) ([]*ent.Order, error) {
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	found, err := q.Where(order.HasEventsWith(orderevent.AtGTE(moment.UTC()))).Order(order.ByPlacedAt(), order.ByID()).Limit(maxCaughtUp).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the latest changes of orders: %w", err)
	}
	return found, nil
}

// read is an order as the viewer sees it now, or nil.
func (f *follower) read(ctx context.Context, id uuid.UUID) (*ent.Order, error) {
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	o, err := q.Where(order.ID(id)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading an order that changed: %w", err)
	}
	return o, nil
}

// run sends orders until there is a reason to end.
func (f *follower) run(ctx context.Context, next []*ent.Order) {
	defer close(f.orders)
	defer f.listener.Close()
	defer func() {
		// It runs beside the request, where nobody else catches it: one stream ends, and not the server.
		if broken := recover(); broken != nil {
			f.log.ErrorContext(ctx, "a subscription broke", "panic", fault.Panicked(broken), "stack", string(debug.Stack()))
		}
	}()
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for len(next) <= maxWaiting {
		// Nothing is sent to a nil channel: then there are only news to wait for. A client that
		// reads slowly must not be given what its rights no longer are.
		var to chan<- *ent.Order
		var first *ent.Order
		if len(next) > 0 {
			to, first = f.orders, next[0]
		}
		select {
		case to <- first:
			next = next[1:]
			continue
		case <-ctx.Done():
			return
		case <-f.listener.Ended():
			return
		case <-tick.C:
		case <-f.listener.Ready():
		}
		more, ok := f.look(ctx, f.listener.Take())
		if !ok {
			return
		}
		// What is known anew replaces what waits to be sent.
		next = slices.DeleteFunc(next, func(o *ent.Order) bool {
			return slices.ContainsFunc(more, func(m *ent.Order) bool { return m.ID == o.ID })
		})
		next = append(next, more...)
	}
}

// look is what news bring to the viewer, or ok is false: it may not go on.
func (f *follower) look(ctx context.Context, news []live.News) (next []*ent.Order, ok bool) {
	if slices.ContainsFunc(news, func(n live.News) bool { return n.Kind == live.Session }) {
		return nil, false // it ended, got another token, or is about another company
	}
	again, err := f.again(ctx, f.viewer)
	if err != nil || !reflect.DeepEqual(again, f.viewer) {
		return nil, false
	}
	if f.only != uuid.Nil {
		o, err := f.read(ctx, f.only)
		if err != nil || o == nil {
			return nil, false
		}
		for _, n := range news {
			if n.Kind == live.Order || n.Kind == live.Gap {
				return []*ent.Order{o}, true
			}
		}
		return nil, true
	}
	for _, n := range news {
		switch n.Kind {
		case live.Gap:
			next, err := f.since(ctx, f.now().Add(-catchUp))
			return next, err == nil
		case live.Order:
			o, err := f.read(ctx, n.Order)
			if err != nil {
				return nil, false
			}
			if o != nil {
				next = append(next, o)
			}
		}
	}
	return next, true
}
