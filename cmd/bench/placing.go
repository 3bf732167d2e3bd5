package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// mostClients is the largest number of clients that place orders at a time.
	mostClients = 64
	// crowded is the first of the companies where they do; nobody else works for
	// them. All clients of one company are users of this one.
	crowded = 3*customers + 1
)

// crowd is how many clients place orders at a time, each a user of its own: each of a
// company of its own, or all of one, whose next number they then wait for.
type crowd struct {
	clients int
	one     bool
}

var crowds = []crowd{{1, false}, {16, false}, {mostClients, false}, {16, true}, {mostClients, true}}

func (c crowd) String() string {
	if c.one {
		return fmt.Sprintf("place order (clients: %d, one company)", c.clients)
	}
	return fmt.Sprintf("place order (clients: %d)", c.clients)
}

// crowdsOf are the crowds whose name has this in it.
func crowdsOf(only string) []crowd {
	return slices.DeleteFunc(slices.Clone(crowds), func(c crowd) bool { return !strings.Contains(c.String(), only) })
}

// crowdOf is the name of a client in the company that has many; the first one is its
// general user.
func crowdOf(i int) string {
	if i == 0 {
		return userOf(crowded)
	}
	return fmt.Sprintf("crowd%d", i)
}

// buyer is a client that places orders.
type buyer struct {
	tenant  uuid.UUID
	headers map[string]string
}

// placing places orders as a client does: what is wanted goes into the cart with one
// request, another one makes an order of the cart.
type placing struct {
	kontor        target
	carts         string // the client's operations
	orders        string
	skus          []string
	apart, beside []buyer // of a company each, and of one
	mu            sync.Mutex
	told          map[uuid.UUID][]string // numbers that clients of a company were told
}

// openPlacing logs the clients in.
func openPlacing(ctx context.Context, o options, kontor target, d *data) (_ *placing, err error) {
	p := &placing{kontor: kontor, skus: d.skus, told: map[uuid.UUID][]string{}}
	if p.carts, err = o.document("spa/cart"); err != nil {
		return nil, err
	}
	if p.orders, err = o.document("spa/orders"); err != nil {
		return nil, err
	}
	for i := range mostClients {
		for _, one := range []struct {
			to      *[]buyer
			company int
			name    string
		}{{&p.apart, crowded + i, userOf(crowded + i)}, {&p.beside, crowded, crowdOf(i)}} {
			headers, err := enter(ctx, kontor, one.name)
			if err != nil {
				return nil, err
			}
			*one.to = append(*one.to, buyer{d.tenants[one.company], headers})
		}
	}
	return p, nil
}

// buying is the errand of a crowd; the latency is that of placing alone.
func (p *placing) buying(c crowd) errand {
	buyers := p.apart
	if c.one {
		buyers = p.beside
	}
	return func(ctx context.Context, connection, i int) (time.Duration, error) {
		if err := p.add(ctx, buyers[connection], i); err != nil {
			return 0, err
		}
		began := time.Now()
		err := p.place(ctx, buyers[connection], i)
		return time.Since(began), err
	}
}

func (p *placing) add(ctx context.Context, b buyer, i int) error {
	items := []map[string]any{{"sku": p.skus[i%5], "quantity": "1"}}
	_, err := p.kontor.ask(ctx, named(p.carts, "AddCartItems", map[string]any{"input": map[string]any{"items": items}}), b.headers)
	return err
}

func (p *placing) place(ctx context.Context, b buyer, i int) error {
	input := map[string]any{"idempotencyKey": fmt.Sprintf("placing-%d", i)}
	content, err := p.kontor.ask(ctx, named(p.orders, "PlaceOrder", map[string]any{"input": input}), b.headers)
	if err != nil {
		return err
	}
	var answer struct {
		Data struct {
			PlaceOrder struct{ Order struct{ Number string } }
		}
	}
	if err := json.Unmarshal(content, &answer); err != nil || answer.Data.PlaceOrder.Order.Number == "" {
		return fmt.Errorf("no order was placed: %.300s", content)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told[b.tenant] = append(p.told[b.tenant], answer.Data.PlaceOrder.Order.Number)
	return nil
}

// placed is what placing orders cost.
type placed struct {
	by         map[crowd][]result
	add, place int64 // statements of the two requests
	orders     int   // that were placed
	companies  int   // whose numbers were looked at
}

// report adds the table of placing orders. What clients of one company lose by its
// numbers shows beside as many clients of a company each.
func (m *placed) report(b *strings.Builder) {
	b.WriteString("\n| operation | orders/s (spread) | placing: p50 ms | p99 ms | CPU ms | statements | allocations | to one client | to a company each |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, c := range crowds {
		of := m.by[c]
		if len(of) == 0 {
			continue
		}
		var alone, apart string
		if c.clients > 1 {
			alone = ratio(of, m.by[crowd{1, false}])
		}
		if c.one {
			apart = ratio(of, m.by[crowd{c.clients, false}])
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", c, rate(of), costs(of), alone, apart)
	}
	fmt.Fprintf(b, "\nAdding takes %d statements, placing %d. The latency is that of placing, CPU, statements and allocations are those of both.\n"+
		"The numbers of the %d orders that were placed, and of all others of %d companies, have no gap and no double.\n", m.add, m.place, m.orders, m.companies)
}

// measure measures the crowds in turns, every other round backwards, and looks at the
// numbers of all orders after it.
func (p *placing) measure(ctx context.Context, o options, crowds []crowd, url string, statements func() (int64, error)) (*placed, error) {
	before, err := readSeries(ctx, url)
	if err != nil {
		return nil, err
	}
	m := &placed{by: map[crowd][]result{}}
	for round := range o.repeats {
		for turn := range crowds {
			c := crowds[turn]
			if round%2 == 1 {
				c = crowds[len(crowds)-1-turn]
			}
			one, err := measure(ctx, p.kontor, p.buying(c), c.clients, o.duration, statements)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c, err)
			}
			m.by[c] = append(m.by[c], one)
		}
		fmt.Fprintf(os.Stderr, "round %d of %d of placing orders is done\n", round+1, o.repeats)
	}
	if m.add, m.place, err = p.count(ctx, statements); err != nil {
		return nil, err
	}
	after, err := readSeries(ctx, url)
	if err != nil {
		return nil, err
	}
	m.companies = len(after)
	if m.orders, err = unbroken(before, after, p.told); err != nil {
		return nil, fmt.Errorf("the numbers of orders: %w", err)
	}
	return m, nil
}

// count counts the statements of each of the two requests.
func (p *placing) count(ctx context.Context, statements func() (int64, error)) (add, place int64, err error) {
	costs, err := counted(statements, func() error {
		return p.add(ctx, p.apart[0], 0)
	}, func() error {
		return p.place(ctx, p.apart[0], int(sequence.Add(1)))
	})
	if err != nil {
		return 0, 0, err
	}
	return costs[0], costs[1], nil
}
