package server

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/auditentry"
	"kontor/ent/contract"
	"kontor/ent/order"
	"kontor/internal/audit"
	"kontor/internal/company"
	"kontor/internal/export"
	"kontor/internal/lang"
	"kontor/internal/money"
	"kontor/internal/ordering"
)

// table is the list of a link, as the viewer of the context sees it now.
func (s *Server) table(ctx context.Context, l link) (export.Table, error) {
	t := export.Table{Title: lang.Text(l.Language, "TITLE_"+l.List, nil), Language: l.Language}
	var columns []string
	switch l.List {
	case "orders":
		where := new(ordering.OrderFilter)
		if err := json.Unmarshal(l.Where, &where); err != nil {
			return t, fmt.Errorf("reading the filter of a link: %w", err)
		}
		columns, t.Rows = orderColumns, s.orderRows(ctx, where, l.Language)
	case "contracts":
		where := new(company.ContractFilter)
		if err := json.Unmarshal(l.Where, &where); err != nil {
			return t, fmt.Errorf("reading the filter of a link: %w", err)
		}
		columns, t.Rows = contractColumns, s.contractRows(ctx, where, l.Language)
	case "bookings":
		var where company.BookingFile
		if err := json.Unmarshal(l.Where, &where); err != nil {
			return t, fmt.Errorf("reading the filter of a link: %w", err)
		}
		g, err := s.rooms.Company.AlloyGroup(ctx, where.AlloyGroupID)
		if err != nil {
			return t, fmt.Errorf("reading the alloy group of a link: %w", err)
		}
		t.Title += " " + g.Code + " " + g.Name
		columns, t.Rows = bookingColumns, s.bookingRows(ctx, g, where.BookingFilter, l.Language)
	case "audit":
		where := new(audit.Filter)
		if err := json.Unmarshal(l.Where, &where); err != nil {
			return t, fmt.Errorf("reading the filter of a link: %w", err)
		}
		columns, t.Rows = auditColumns, s.auditRows(ctx, where)
	case "cart":
		columns, t.Rows = cartColumns, s.cartRows(ctx, l.Language)
	case "order":
		columns, t.Rows = cartColumns, s.placedRows(ctx, l)
	case "quote":
		columns, t.Rows = cartColumns, s.quoteRows(ctx, l)
	default:
		return t, fmt.Errorf("there is no list %q", l.List)
	}
	for _, column := range columns {
		t.Columns = append(t.Columns, lang.Text(l.Language, "COLUMN_"+column, nil))
	}
	return t, nil
}

// batchRows are how many rows are in memory at a time. Each batch begins where the one before ended: a bound
// beside the alternatives, which no index can be asked for, takes the database there at once.
const batchRows = 500

var orderColumns = []string{"number", "placed_at", "state", "business_case", "channel", "customer_order_number", "reference_number",
	"name", "placed_by", "contract", "net", "tax", "gross", "currency"}

// orderRows reads orders in the order of the overview, the newest first.
func (s *Server) orderRows(ctx context.Context, where *ordering.OrderFilter, language string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		var last *ent.Order
		noted := map[uuid.UUID]bool{}
		for {
			q, err := s.rooms.Ordering.Orders(ctx, where)
			if err != nil {
				yield(nil, err)
				return
			}
			if last != nil {
				q.Where(order.PlacedAtLTE(last.PlacedAt), order.Or(order.PlacedAtLT(last.PlacedAt), order.And(order.PlacedAt(last.PlacedAt), order.IDLT(last.ID))))
			}
			batch, err := q.Order(order.ByPlacedAt(sql.OrderDesc()), order.ByID(sql.OrderDesc())).WithContract().Limit(batchRows).All(ctx)
			if err != nil {
				yield(nil, fmt.Errorf("reading orders: %w", err))
				return
			}
			if err := noteReading(ctx, s, "orders", noted, batch, func(o *ent.Order) uuid.UUID { return o.TenantID }); err != nil {
				yield(nil, err)
				return
			}
			for _, o := range batch {
				placedBy, err := s.rooms.Ordering.PlacedBy(ctx, o)
				if err != nil {
					yield(nil, err)
					return
				}
				if !yield(orderRow(o, placedBy, language), nil) {
					return
				}
				last = o
			}
			if len(batch) < batchRows {
				return
			}
		}
	}
}

// noteReading notes of which companies there are rows, before they leave: of each once, however many rows it has.
func noteReading[T any](ctx context.Context, s *Server, list string, noted map[uuid.UUID]bool, batch []T, of func(T) uuid.UUID) error {
	return s.rooms.Identity.NoteReading(ctx, list, func(context.Context) (map[uuid.UUID]bool, error) {
		more := map[uuid.UUID]bool{}
		for _, row := range batch {
			if company := of(row); !noted[company] {
				noted[company], more[company] = true, true
			}
		}
		return more, nil
	})
}

func orderRow(o *ent.Order, placedBy *ent.User, language string) []any {
	about := ""
	if o.Edges.Contract != nil {
		about = o.Edges.Contract.Number
	}
	return []any{o.Number, o.PlacedAt, word(language, "STATE", o.State), word(language, "CASE", o.BusinessCase), word(language, "CHANNEL", o.Channel),
		o.CustomerOrderNumber, o.ReferenceNumber, o.Name, placedBy.DisplayName(), about,
		money.Of(o.NetAmount, o.Currency), money.Of(o.TaxAmount, o.Currency), money.Of(o.GrossAmount, o.Currency), o.Currency}
}

var contractColumns = []string{"number", "access_number", "type", "state", "valid_from", "valid_to", "customer_number", "line", "product",
	"agreed_quantity", "called_off_quantity", "open_quantity", "unit"}

// contractRows reads contracts in the order of the overview, by number.
func (s *Server) contractRows(ctx context.Context, where *company.ContractFilter, language string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		var last *ent.Contract
		noted := map[uuid.UUID]bool{}
		for {
			q, err := s.rooms.Company.Contracts(ctx, where)
			if err != nil {
				yield(nil, err)
				return
			}
			if last != nil {
				q.Where(contract.NumberGTE(last.Number), contract.Or(contract.NumberGT(last.Number), contract.And(contract.Number(last.Number), contract.IDGT(last.ID))))
			}
			batch, err := q.Order(contract.ByNumber(), contract.ByID()).WithCustomerNumber().WithProduct().Limit(batchRows).All(ctx)
			if err != nil {
				yield(nil, fmt.Errorf("reading contracts: %w", err))
				return
			}
			if err := noteReading(ctx, s, "contracts", noted, batch, func(c *ent.Contract) uuid.UUID { return c.TenantID }); err != nil {
				yield(nil, err)
				return
			}
			for _, c := range batch {
				row, err := contractRow(c, language)
				if !yield(row, err) || err != nil {
					return
				}
				last = c
			}
			if len(batch) < batchRows {
				return
			}
		}
	}
}

func contractRow(c *ent.Contract, language string) ([]any, error) {
	open, err := c.OpenQuantity()
	if err != nil {
		return nil, fmt.Errorf("subtracting what was called off: %w", err)
	}
	number, line, about, unit := "", "", "", ""
	if c.Unit != nil {
		unit = unitOf(*c.Unit, language)
	}
	if c.Edges.CustomerNumber != nil {
		number, line = c.Edges.CustomerNumber.Number, word(language, "LINE", c.Edges.CustomerNumber.Line)
	}
	if c.Edges.Product != nil {
		about = c.Edges.Product.Name
	}
	return []any{c.Number, c.AccessNumber, word(language, "TYPE", c.Type), word(language, "CONTRACT", c.State), c.ValidFrom, orNil(c.ValidTo),
		number, line, about, orNil(c.AgreedQuantity), orNil(c.CalledOffQuantity), orNil(open), unit}, nil
}

var auditColumns = []string{"at", "action", "actor", "actor_tenant", "subject", "label", "before", "after", "ip_address", "request_id"}

// auditRows reads the audit log, the newest first.
func (s *Server) auditRows(ctx context.Context, where *audit.Filter) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		var last *ent.AuditEntry
		noted := map[uuid.UUID]bool{}
		for {
			q := s.rooms.Audit.Entries(where)
			if last != nil {
				q.Where(auditentry.AtLTE(last.At), auditentry.Or(auditentry.AtLT(last.At), auditentry.And(auditentry.At(last.At), auditentry.IDLT(last.ID))))
			}
			batch, err := q.Order(auditentry.ByAt(sql.OrderDesc()), auditentry.ByID(sql.OrderDesc())).Limit(batchRows).All(ctx)
			if err != nil {
				yield(nil, fmt.Errorf("reading the audit log: %w", err))
				return
			}
			if err := noteReading(ctx, s, "audit", noted, batch, func(e *ent.AuditEntry) uuid.UUID { return e.TenantID }); err != nil {
				yield(nil, err)
				return
			}
			for _, e := range batch {
				row := []any{e.At, e.Action, e.ActorUsername, e.ActorTenant, e.SubjectKind, e.SubjectLabel, e.Before, e.After, e.IPAddress, e.RequestID}
				if !yield(row, nil) {
					return
				}
				last = e
			}
			if len(batch) < batchRows {
				return
			}
		}
	}
}

// word is a value of an enumeration in the user's language.
func word[T ~string](language, kind string, value T) string {
	return lang.Text(language, kind+"_"+string(value), nil)
}

func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
