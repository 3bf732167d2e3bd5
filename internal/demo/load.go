package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/customernumber"
	"kontor/ent/grant"
	"kontor/ent/numberseries"
	"kontor/ent/order"
	"kontor/ent/orderevent"
	"kontor/ent/user"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/erp"
	"kontor/internal/money"
	"kontor/internal/password"
)

// Load fills an empty database with the demo data; one that has tenants is left
// as it is. Contents of documents go into the store. The context must be authz.System. now is when the past orders end.
func Load(ctx context.Context, d *db.DB, store *blobs.Store, hasher *password.Hasher, now time.Time) error {
	some, err := d.Client.Tenant.Query().Exist(ctx)
	if err != nil {
		return fmt.Errorf("looking for tenants: %w", err)
	}
	if some {
		return nil
	}
	importer := erp.NewImporter(d, hasher, func() time.Time { return now })
	for _, kind := range erp.Kinds() {
		if kind == erp.Documents { // which are made of the past orders
			continue
		}
		if err := importKind(ctx, importer, kind); err != nil {
			return err
		}
	}
	hash, err := hasher.Hash(ctx, Password)
	if err != nil {
		return fmt.Errorf("hashing the demo password: %w", err)
	}
	_, err = db.InTx(ctx, d, func(tx *ent.Tx) (struct{}, error) {
		l := loader{ctx: ctx, tx: tx, now: now.UTC(), store: store}
		for _, step := range []func() error{
			func() error { return tx.User.Update().SetPasswordHash(hash).Exec(ctx) },
			l.connect, l.delegate, l.addresses, l.rules, l.orders, l.documents,
		} {
			if err := step(); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	if err != nil {
		return fmt.Errorf("loading the demo data: %w", err)
	}
	return nil
}

func importKind(ctx context.Context, importer *erp.Importer, kind erp.Kind) error {
	file, err := Open(kind)
	if err != nil {
		return err
	}
	defer file.Close()
	result, err := importer.Run(ctx, kind, io.Reader(file), erp.CSV)
	if err != nil {
		return err
	}
	if len(result.Rejected) > 0 {
		return fmt.Errorf("the demo data of %s has a bad row: line %d: %s", kind, result.Rejected[0].Line, result.Rejected[0].Reason)
	}
	return nil
}

type loader struct {
	ctx context.Context
	tx  *ent.Tx
	now time.Time
	// store keeps the contents of documents.
	store *blobs.Store
}

func (l loader) user(username string) (*ent.User, error) {
	u, err := l.tx.User.Query().Where(user.Username(username)).Only(l.ctx)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", username, err)
	}
	return u, nil
}

// connect ties the master admins to the customer numbers of their companies.
func (l loader) connect() error {
	for _, username := range []string{"martha.hansen", "maik.alster"} {
		u, err := l.user(username)
		if err != nil {
			return err
		}
		numbers, err := l.tx.CustomerNumber.Query().Where(customernumber.TenantID(u.TenantID)).All(l.ctx)
		if err != nil {
			return fmt.Errorf("finding customer numbers: %w", err)
		}
		for _, n := range numbers {
			err := l.tx.Connection.Create().SetTenantID(u.TenantID).SetUserID(u.ID).SetCustomerNumberID(n.ID).SetConnectedAt(l.now).Exec(l.ctx)
			if err != nil {
				return fmt.Errorf("connecting a customer number: %w", err)
			}
		}
	}
	return nil
}

// delegate gives silke.sommer VIEW and ORDER on three contracts.
func (l loader) delegate() error {
	giver, err := l.user("martha.hansen")
	if err != nil {
		return err
	}
	holder, err := l.user("silke.sommer")
	if err != nil {
		return err
	}
	contracts, err := l.tx.Contract.Query().
		Where(contract.TenantID(giver.TenantID), contract.CustomerNumberIDNotNil(), contract.StateEQ(contract.StateACTIVE)).
		Order(contract.ByNumber()).Limit(3).All(l.ctx)
	if err != nil {
		return fmt.Errorf("finding contracts to delegate: %w", err)
	}
	for _, c := range contracts {
		for _, right := range []grant.Right{grant.RightVIEW, grant.RightORDER} {
			err := l.tx.Grant.Create().SetTenantID(c.TenantID).SetContractID(c.ID).SetHolderID(holder.ID).SetRight(right).
				SetKind(grant.KindDELEGATION).SetGrantedByID(giver.ID).SetCreatedAt(l.now).Exec(l.ctx)
			if err != nil {
				return fmt.Errorf("delegating a right: %w", err)
			}
		}
	}
	return nil
}

// addresses gives those who order a default address and account assignment.
func (l loader) addresses() error {
	for _, a := range []struct{ username, label, company, street, postal, city, costCentre string }{
		{"martha.hansen", "Zentrale", "Hansa Logistik GmbH", "Am Sandtorkai 20", "20457", "Hamburg", "4100"},
		{"gerd.grau", "Lager Bremen", "Hansa Logistik GmbH", "Überseetor 5", "28217", "Bremen", "4200"},
		{"maik.alster", "Druckerei", "Alster Druck KG", "Jarrestraße 40", "22303", "Hamburg", "1000"},
		{"malte.brandt", "Gießerei", "Gießerei Brandt GmbH", "Hüttenweg 3", "44145", "Dortmund", "700"},
	} {
		u, err := l.user(a.username)
		if err != nil {
			return err
		}
		err = l.tx.Address.Create().SetTenantID(u.TenantID).SetUserID(u.ID).SetLabel(a.label).SetCompany(a.company).SetContact(u.DisplayName()).
			SetStreet(a.street).SetPostalCode(a.postal).SetCity(a.city).SetCountry("DE").SetIsDefault(true).SetCreatedAt(l.now).Exec(l.ctx)
		if err != nil {
			return fmt.Errorf("saving an address: %w", err)
		}
		err = l.tx.SavedAssignment.Create().SetTenantID(u.TenantID).SetUserID(u.ID).SetLabel("Kostenstelle " + a.costCentre).
			SetCostCentre(a.costCentre).SetIsDefault(true).SetCreatedAt(l.now).Exec(l.ctx)
		if err != nil {
			return fmt.Errorf("saving an account assignment: %w", err)
		}
	}
	return nil
}

// orders writes the past orders, as they were placed then.
func (l loader) orders() error {
	past, err := Orders(l.now)
	if err != nil {
		return err
	}
	products, err := l.tx.Product.Query().All(l.ctx)
	if err != nil {
		return fmt.Errorf("reading products: %w", err)
	}
	bySKU := make(map[string]*ent.Product, len(products))
	for _, p := range products {
		bySKU[p.Sku] = p
	}
	counts := map[uuid.UUID]int64{}
	for _, o := range past {
		u, err := l.user(o.Username)
		if err != nil {
			return err
		}
		if err := l.order(o, u, bySKU); err != nil {
			return fmt.Errorf("writing order %s: %w", o.Number, err)
		}
		counts[u.TenantID]++
	}
	for tenantID, n := range counts {
		if err := l.tx.NumberSeries.Create().SetTenantID(tenantID).SetKind(numberseries.KindORDER).SetNext(n + 1).Exec(l.ctx); err != nil {
			return fmt.Errorf("setting the next order number: %w", err)
		}
	}
	return nil
}

func (l loader) order(o Order, u *ent.User, products map[string]*ent.Product) error {
	taxed := make([]money.Taxed, len(o.Items))
	lines := make([]money.Decimal, len(o.Items))
	for i, item := range o.Items {
		line, err := money.Line(item.Quantity, item.UnitPrice)
		if err != nil {
			return err
		}
		lines[i], taxed[i] = line, money.Taxed{Net: line, RatePercent: products[item.SKU].TaxRate}
	}
	totals, err := money.Sum(taxed)
	if err != nil {
		return err
	}
	// Past orders get keys of their time, so that they sort by it.
	create := l.tx.Order.Create().SetID(keyAt(o.PlacedAt)).SetTenantID(u.TenantID).SetNumber(o.Number).SetName(o.Name).
		SetCustomerOrderNumber(o.CustomerOrderNumber).SetReferenceNumber(o.ReferenceNumber).SetState(order.State(o.State)).
		SetBusinessCase(order.BusinessCase(o.BusinessCase)).SetChannel(order.Channel(o.Channel)).SetPlacedAt(o.PlacedAt).SetPlacedByID(u.ID).
		SetNetAmount(totals.Net).SetTaxAmount(totals.Tax).SetGrossAmount(totals.Gross).SetCurrency(o.Items[0].Currency)
	if o.ContractNumber != "" {
		c, err := l.tx.Contract.Query().Where(contract.TenantID(u.TenantID), contract.Number(o.ContractNumber)).Only(l.ctx)
		if err != nil {
			return err
		}
		create.SetContractID(c.ID)
	}
	placed, err := create.Save(l.ctx)
	if err != nil {
		return err
	}
	items := make([]*ent.OrderItemCreate, len(o.Items))
	for i, item := range o.Items {
		p := products[item.SKU]
		items[i] = l.tx.OrderItem.Create().SetTenantID(placed.TenantID).SetOrderID(placed.ID).SetPlacedByID(u.ID).SetNillableContractID(placed.ContractID).
			SetPosition(i + 1).SetProductID(p.ID).SetSku(p.Sku).SetProductName(p.Name).SetUnit(p.Unit).SetQuantity(item.Quantity).
			SetUnitPriceAmount(item.UnitPrice).SetLineTotalAmount(lines[i]).SetTaxRate(p.TaxRate).SetCurrency(item.Currency)
	}
	if err := l.tx.OrderItem.CreateBulk(items...).Exec(l.ctx); err != nil {
		return err
	}
	return l.history(o, placed)
}

func (l loader) history(o Order, placed *ent.Order) error {
	event := func(at time.Time, state orderevent.State, note string) *ent.OrderEventCreate {
		return l.tx.OrderEvent.Create().SetTenantID(placed.TenantID).SetOrderID(placed.ID).SetPlacedByID(placed.PlacedByID).
			SetNillableContractID(placed.ContractID).SetAt(at).SetState(state).SetNote(note)
	}
	first := orderevent.StateIN_PROGRESS
	if placed.State == order.StatePENDING_APPROVAL {
		first = orderevent.StatePENDING_APPROVAL
		if err := l.wait(placed); err != nil {
			return err
		}
	}
	if err := event(o.PlacedAt, first, "").SetActorID(placed.PlacedByID).Exec(l.ctx); err != nil {
		return err
	}
	if placed.State == order.State(first) {
		return nil
	}
	return event(o.SettledAt, orderevent.State(o.State), o.Note).Exec(l.ctx)
}

// keyAt is a fresh key that says it was made at that time.
func keyAt(at time.Time) uuid.UUID {
	key := uuid.Must(uuid.NewV7())
	milliseconds := at.UnixMilli()
	for i := range 6 {
		key[i] = byte(milliseconds >> (8 * (5 - i)))
	}
	return key
}
