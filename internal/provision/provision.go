// Package provision gets done outside of Kontor what an order asks for: lines switched,
// numbers given out (OR-07).
package provision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kontor/internal/account"
	"kontor/internal/day"
	"kontor/internal/money"
)

// Order is what the outside is told of an order.
type Order struct {
	ID                  string                `json:"id"` // the same at every attempt
	Number              string                `json:"number"`
	Organization        string                `json:"organizationId"`
	BusinessCase        string                `json:"businessCase"`
	PlacedAt            time.Time             `json:"placedAt"`
	CustomerOrderNumber string                `json:"customerOrderNumber"`
	ReferenceNumber     string                `json:"referenceNumber"`
	ContractNumber      string                `json:"contractNumber,omitempty"` // that it is about
	Details             *account.OrderDetails `json:"details,omitempty"`
	Items               []Item                `json:"items"`
}

// Item is a position of an Order.
type Item struct {
	Position        int              `json:"position"`
	SKU             string           `json:"sku"`
	Name            string           `json:"name"`
	Quantity        money.Decimal    `json:"quantity"`
	Unit            string           `json:"unit"`
	WishedDate      *day.Day         `json:"wishedDate,omitempty"`
	DeliveryAddress *account.Address `json:"deliveryAddress,omitempty"`
}

// Connector is the way to whoever does it. Provision may be called several times for one
// order, when it is not known how the last call went: the ID says that it is the same. An
// error that is no *Refused is worth another attempt; *Later says when.
type Connector interface {
	Provision(ctx context.Context, o Order) (account.Provisioned, error)
}

// Here is the connector where nothing has to be done outside of Kontor.
type Here struct{}

// Provision does nothing.
func (Here) Provision(context.Context, Order) (account.Provisioned, error) {
	return account.Provisioned{}, nil
}

// Refused is an order that the outside does not carry out, however often it is asked.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return "refused: " + r.Reason }

// Later is a failure with the pause that the outside asked for.
type Later struct {
	After time.Duration
	Err   error
}

func (l *Later) Error() string { return fmt.Sprintf("%v, again after %s", l.Err, l.After) }
func (l *Later) Unwrap() error { return l.Err }

// What can be wrong with the outside, to tell apart what people are told of it.
var (
	ErrUnreachable = errors.New("not reached")
	ErrFailing     = errors.New("answered with a failure")
	ErrNonsense    = errors.New("answered something that is no answer")
)
