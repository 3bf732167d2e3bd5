package demo

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"time"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/customernumber"
	"kontor/ent/grant"
	"kontor/ent/user"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/erp"
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
	past, err := Orders(now.UTC())
	if err != nil {
		return err
	}
	importer := erp.NewImporter(d, hasher, func() time.Time { return now })
	for _, kind := range erp.Kinds() {
		if err := load(ctx, d.Client, importer, store, kind, past); err != nil {
			return err
		}
	}
	hash, err := hasher.Hash(ctx, Password)
	if err != nil {
		return fmt.Errorf("hashing the demo password: %w", err)
	}
	_, err = db.InTx(ctx, d, func(tx *ent.Tx) (struct{}, error) {
		l := loader{ctx: ctx, tx: tx, now: now.UTC()}
		for _, step := range []func() error{
			func() error { return tx.User.Update().SetPasswordHash(hash).Exec(ctx) },
			l.connect, l.delegate, l.addresses, l.rules, func() error { return l.waiting(past) },
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

// load imports the rows of a kind, as an ERP would send them. Past orders are made for the moment, and
// documents of these.
func load(ctx context.Context, client *ent.Client, importer *erp.Importer, store *blobs.Store, kind erp.Kind, past []Order) error {
	var from io.Reader
	var err error
	switch kind {
	case erp.Orders:
		from, err = orderRows(past)
	case erp.Documents:
		var folder fs.FS
		from, folder, err = documentRows(ctx, client)
		importer.WithFiles(folder, store)
	default:
		var file fs.File
		if file, err = Open(kind); err == nil {
			defer file.Close()
			from = file
		}
	}
	if err != nil {
		return err
	}
	result, err := importer.Run(ctx, kind, from, erp.CSV)
	if err != nil {
		return err
	}
	if len(result.Rejected) > 0 {
		return fmt.Errorf("the demo data of %s has a bad row: %s", kind, result.Rejected[0])
	}
	return nil
}

type loader struct {
	ctx context.Context
	tx  *ent.Tx
	now time.Time
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
