package ordering

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/contractposition"
	"kontor/ent/order"
	"kontor/ent/user"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/demo"
	"kontor/internal/kontortest"
	"kontor/internal/money"
	"kontor/internal/password"
)

func TestMain(m *testing.M) { os.Exit(kontortest.Main(m)) }

var today = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// An order that comes into an error gives back what it called off, and calls it off again when
// it goes on: each once, however often it is asked, and only as far as it is open by then.
//
// Requirement: OR-12
func TestCallingOffAgain(t *testing.T) {
	for name, url := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "kontor.db") },
		"PostgreSQL": func(t *testing.T) string { return kontortest.SharedPostgres(t).FreshDatabase(t, "") },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := authz.System(t.Context())
			d, err := db.Open(ctx, url(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.Close() })
			if _, err := db.Migrate(ctx, d); err != nil {
				t.Fatal(err)
			}
			cheap := password.NewHasherWith(password.Params{MemoryKiB: 64, Time: 1, Threads: 1}, 1, 1000)
			store, err := blobs.Open(ctx, "file://"+t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			if err := demo.Load(ctx, d, store, cheap, today); err != nil {
				t.Fatal(err)
			}
			s := &Service{db: d, now: func() time.Time { return today }}
			from := d.Client.Contract.Query().Where(contract.Number("RV-300001")).
				WithPositions(func(q *ent.ContractPositionQuery) { q.Order(contractposition.ByPosition()) }).OnlyX(ctx)
			o := orderOn(ctx, d.Client, from, "1000", "500")
			do := func(what string, do func(context.Context, *ent.Tx, *ent.Order) error, want string, calledOff ...string) {
				t.Helper()
				_, err := db.InTx(ctx, d, func(tx *ent.Tx) (struct{}, error) {
					return struct{}{}, do(ctx, tx, tx.Order.GetX(ctx, o.ID))
				})
				if got := fmt.Sprint(err); !strings.HasPrefix(got, want) {
					t.Errorf("%s: %s, want %s", what, got, want)
				}
				now := d.Client.Contract.Query().Where(contract.ID(from.ID)).
					WithPositions(func(q *ent.ContractPositionQuery) { q.Order(contractposition.ByPosition()) }).OnlyX(ctx)
				got := []string{now.CalledOffQuantity.String()}
				for _, p := range now.Edges.Positions {
					got = append(got, p.CalledOffQuantity.String())
				}
				if fmt.Sprint(got) != fmt.Sprint(calledOff) {
					t.Errorf("%s: %v are called off, want %v", what, got, calledOff)
				}
			}
			before, ordered := []string{"135750", "96500", "8250", "31000"}, []string{"137250", "97500", "8750", "31000"}
			do("giving back what was not called off", s.giveBack, "<nil>", before...)
			do("calling off", s.callOff, "<nil>", ordered...)
			do("calling off twice", s.callOff, "<nil>", ordered...)
			do("giving back", s.giveBack, "<nil>", before...)
			do("giving back twice", s.giveBack, "<nil>", before...)
			into := func(state order.State) func(context.Context, *ent.Tx, *ent.Order) error {
				return func(ctx context.Context, tx *ent.Tx, o *ent.Order) error { return s.follow(ctx, tx, o, state) }
			}
			do("going on", into(order.StateIN_PROGRESS), "<nil>", ordered...)
			do("into an error", into(order.StateERROR), "<nil>", before...)

			fails := func(ctx context.Context, tx *ent.Tx, o *ent.Order) error {
				if err := s.callOff(ctx, tx, o); err != nil {
					return err
				}
				return errors.New("something else fails")
			}
			do("a transaction that fails", fails, "something else", before...)
			from.Edges.Positions[1].Update().SetAgreedQuantity(money.MustParse("8500")).ExecX(ctx)
			do("more than is open", s.callOff, "QUANTITY_NOT_OPEN", before...)
			from.Edges.Positions[1].Update().SetAgreedQuantity(money.MustParse("30000")).ExecX(ctx)
			from.Update().SetState(contract.StateTERMINATED).ExecX(ctx)
			do("from a terminated agreement", s.callOff, "CONTRACT_NOT_ACTIVE", before...)
			from.Update().SetState(contract.StateACTIVE).ExecX(ctx)
			do("at last", s.callOff, "<nil>", ordered...)
		})
	}
}

// orderOn is a written order of quantities of the first positions of a contract, which is not
// called off yet.
func orderOn(ctx context.Context, client *ent.Client, c *ent.Contract, quantities ...string) *ent.Order {
	owner := client.User.Query().Where(user.Username("malte.brandt")).OnlyX(ctx)
	zero := money.MustParse("0")
	o := client.Order.Create().SetTenantID(c.TenantID).SetNumber("T-1").SetState(order.StateIN_PROGRESS).SetBusinessCase(order.BusinessCaseADDITIONAL_ORDER).
		SetChannel(order.ChannelONLINE).SetPlacedAt(today).SetPlacedByID(owner.ID).SetContractID(c.ID).
		SetNetAmount(zero).SetTaxAmount(zero).SetGrossAmount(zero).SetCurrency("EUR").SaveX(ctx)
	for i, quantity := range quantities {
		p := c.Edges.Positions[i]
		client.OrderItem.Create().SetTenantID(c.TenantID).SetOrderID(o.ID).SetPlacedByID(owner.ID).SetContractID(c.ID).SetContractPositionID(p.ID).
			SetPosition(i + 1).SetProductID(p.ProductID).SetSku("S").SetProductName("N").SetUnit(p.Unit).SetQuantity(money.MustParse(quantity)).
			SetUnitPriceAmount(zero).SetLineTotalAmount(zero).SetTaxRate(zero).SetCurrency("EUR").ExecX(ctx)
	}
	return o
}
