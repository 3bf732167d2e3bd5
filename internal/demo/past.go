package demo

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/numberseries"
	"kontor/ent/order"
	"kontor/ent/orderevent"
	"kontor/ent/product"
	"kontor/internal/db"
	"kontor/internal/erp"
	"kontor/internal/money"
	"kontor/internal/series"
)

// awaiting is the state of the order that waits for an approval: it was placed in Kontor, so no file has it.
const awaiting = "PENDING_APPROVAL"

// orderRows are past orders as rows of a file.
func orderRows(past []Order) (io.Reader, error) {
	rows := [][]string{{
		"organization_id", "number", "channel", "placed_at", "ordered_by", "business_case", "contract_number", "state", "settled_on", "note",
		"name", "customer_order_number", "reference_number", "currency", "position", "sku", "quantity", "unit_price",
	}}
	for _, o := range past {
		if o.State == awaiting {
			continue
		}
		settled := ""
		if !o.SettledAt.IsZero() {
			settled = o.SettledAt.Format(time.RFC3339)
		}
		for i, item := range o.Items {
			rows = append(rows, []string{
				o.OrganizationID, o.Number, o.Channel, o.PlacedAt.Format(time.RFC3339), o.Username, o.BusinessCase, o.ContractNumber, o.State, settled, o.Note,
				o.Name, o.CustomerOrderNumber, o.ReferenceNumber, item.Currency, strconv.Itoa(i + 1), item.SKU, erp.DecimalText(item.Quantity), erp.DecimalText(item.UnitPrice),
			})
		}
	}
	return file(rows)
}

// file are rows as a CSV file.
func file(rows [][]string) (io.Reader, error) {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	w.Comma = ';'
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing demo data: %w", err)
	}
	return &text, nil
}

// waiting writes the order that waits for an approval, as it was placed then.
func (l loader) waiting(past []Order) error {
	for _, o := range past {
		if o.State != awaiting {
			continue
		}
		if err := l.place(o); err != nil {
			return fmt.Errorf("writing order %s: %w", o.Number, err)
		}
	}
	return nil
}

func (l loader) place(o Order) error {
	u, err := l.user(o.Username)
	if err != nil {
		return err
	}
	of, err := l.tx.Tenant.Get(l.ctx, u.TenantID)
	if err != nil {
		return err
	}
	about, err := l.tx.Contract.Query().Where(contract.TenantID(of.ID), contract.Number(o.ContractNumber)).Only(l.ctx)
	if err != nil {
		return err
	}
	number, err := series.Next(l.ctx, l.tx, of, numberseries.KindORDER)
	if err != nil {
		return err
	}
	create := l.tx.Order.Create().SetID(db.KeyAt(o.PlacedAt)).SetTenantID(of.ID).SetNumber(number).SetName(o.Name).
		SetCustomerOrderNumber(o.CustomerOrderNumber).SetReferenceNumber(o.ReferenceNumber).SetState(order.State(o.State)).
		SetBusinessCase(order.BusinessCase(o.BusinessCase)).SetChannel(order.Channel(o.Channel)).SetPlacedAt(o.PlacedAt).SetPlacedByID(u.ID).SetContractID(about.ID)
	items, taxed := make([]*ent.OrderItemCreate, len(o.Items)), make([]money.Taxed, len(o.Items))
	for i, item := range o.Items {
		p, err := l.tx.Product.Query().Where(product.Sku(item.SKU)).Only(l.ctx)
		if err != nil {
			return err
		}
		line, err := money.Line(item.Quantity, item.UnitPrice)
		if err != nil {
			return err
		}
		taxed[i] = money.Taxed{Net: line, RatePercent: p.TaxRate}
		items[i] = l.tx.OrderItem.Create().SetTenantID(of.ID).SetPlacedByID(u.ID).SetContractID(about.ID).
			SetPosition(i + 1).SetProductID(p.ID).SetSku(p.Sku).SetProductName(p.Name).SetUnit(p.Unit).SetQuantity(item.Quantity).
			SetUnitPriceAmount(item.UnitPrice).SetLineTotalAmount(line).SetTaxRate(p.TaxRate).SetCurrency(item.Currency)
	}
	totals, err := money.Sum(taxed)
	if err != nil {
		return err
	}
	placed, err := create.SetNetAmount(totals.Net).SetTaxAmount(totals.Tax).SetGrossAmount(totals.Gross).SetCurrency(of.Currency).Save(l.ctx)
	if err != nil {
		return err
	}
	for _, item := range items {
		item.SetOrderID(placed.ID)
	}
	if err := l.tx.OrderItem.CreateBulk(items...).Exec(l.ctx); err != nil {
		return err
	}
	err = l.tx.OrderEvent.Create().SetTenantID(of.ID).SetOrderID(placed.ID).SetPlacedByID(u.ID).SetContractID(about.ID).SetActorID(u.ID).
		SetAt(o.PlacedAt).SetState(orderevent.State(o.State)).Exec(l.ctx)
	if err != nil {
		return err
	}
	return l.wait(placed)
}
