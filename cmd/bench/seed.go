package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"kontor/internal/catalog"
	"kontor/internal/password"
)

const (
	benchPassword = "Kontor-2026!"
	productCount  = 320
	perTenant     = 100 // contracts of most companies
)

// data is what the load needs to know of what was seeded.
type data struct {
	tenants  []uuid.UUID
	users    []uuid.UUID // the general user of each tenant but the operator
	sub      uuid.UUID   // the sub admin with a tenth of the grants
	numbers  []string    // an order number of each tenant
	products []uuid.UUID
	skus     []string
	held     int // grants of sub
}

// seed fills a migrated database by COPY.
func seed(ctx context.Context, url string, o options) (*data, error) {
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connecting to seed: %w", err)
	}
	defer connection.Close(context.WithoutCancel(ctx))
	hash, err := password.NewHasher(0, 1).Hash(ctx, benchPassword)
	if err != nil {
		return nil, fmt.Errorf("hashing the password: %w", err)
	}
	s := &seeder{ctx: ctx, db: connection, o: o, hash: hash, now: time.Now().UTC().Truncate(time.Microsecond), d: &data{}}
	for _, step := range []func() error{s.people, s.goods, s.orders, s.contracts, s.partner} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if _, err := connection.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		return nil, fmt.Errorf("analyzing: %w", err)
	}
	return s.d, nil
}

type seeder struct {
	ctx  context.Context
	db   *pgx.Conn
	o    options
	hash string
	now  time.Time
	d    *data
}

func key() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// copyRows writes n rows that row makes. Foreign keys and lookup indexes are set
// aside meanwhile and put back over the finished rows: the same checks, in a
// fraction of the time.
func (s *seeder) copyRows(table string, columns []string, n int, row func(i int) []any) error {
	aside, back, err := s.definitions(table)
	if err != nil {
		return err
	}
	if err := s.execute(aside); err != nil {
		return err
	}
	if err := s.copyFew(table, columns, n, row); err != nil {
		return err
	}
	return s.execute(back)
}

// copyFew writes rows that are not worth setting anything aside for.
func (s *seeder) copyFew(table string, columns []string, n int, row func(i int) []any) error {
	_, err := s.db.CopyFrom(s.ctx, pgx.Identifier{table}, columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) { return row(i), nil }))
	if err != nil {
		return fmt.Errorf("seeding %s: %w", table, err)
	}
	return nil
}

// definitions are the statements that drop a table's foreign keys and the indexes
// that are no constraints, and those that make them again.
func (s *seeder) definitions(table string) (aside, back []string, err error) {
	const query = `SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', $1::text, conname),
			format('ALTER TABLE %I ADD CONSTRAINT %I %s', $1::text, conname, pg_get_constraintdef(oid))
		FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'f'
		UNION ALL SELECT format('DROP INDEX %I', indexrelid::regclass::text), pg_get_indexdef(indexrelid)
		FROM pg_index WHERE indrelid = $1::regclass AND NOT indisunique`
	rows, err := s.db.Query(s.ctx, query, table)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the keys of %s: %w", table, err)
	}
	var drop, create string
	_, err = pgx.ForEachRow(rows, []any{&drop, &create}, func() error {
		aside, back = append(aside, drop), append(back, create)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the keys of %s: %w", table, err)
	}
	return aside, back, nil
}

func (s *seeder) execute(statements []string) error {
	for _, statement := range statements {
		if _, err := s.db.Exec(s.ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (s *seeder) people() error {
	operator := key()
	companies := []company{{operator, nil, operator.String() + "/", "OPERATOR", "T00000"}}
	for i := range s.o.tenants {
		id := key()
		companies = append(companies, company{id, operator, operator.String() + "/" + id.String() + "/", "CUSTOMER", fmt.Sprintf("T%05d", i+1)})
	}
	if err := s.companies(companies); err != nil {
		return err
	}
	// Two for each company: a general user and a sub admin.
	var people []person
	for i, c := range companies {
		general := person{key(), c.id, userOf(i), "GENERAL_USER"}
		people = append(people, general, person{key(), c.id, fmt.Sprintf("user%d.1", i), "SUB_ADMIN"})
		s.d.tenants = append(s.d.tenants, c.id)
		if i > 0 {
			s.d.users = append(s.d.users, general.id)
		}
	}
	s.d.sub = people[3].id
	// And those that place orders beside one another in one company.
	for i := 1; i < mostClients; i++ {
		people = append(people, person{key(), s.d.tenants[crowded], crowdOf(i), "GENERAL_USER"})
	}
	return s.persons(people)
}

// company is a row of tenants.
type company struct {
	id                       uuid.UUID
	parent                   any
	path, kind, organization string
}

func (s *seeder) companies(all []company) error {
	return s.copyRows("tenants", []string{"id", "parent_id", "path", "kind", "organization_id", "name", "email_domain", "password_policy",
		"login_needs_organization", "language", "currency", "contact_name", "contact_phone", "contact_email", "created_at"}, len(all), func(i int) []any {
		c := all[i]
		return []any{c.id, c.parent, c.path, c.kind, c.organization, "Company " + c.organization, "bench.example", "BASIC", false, "de", "EUR", "", "", "", s.now}
	})
}

// person is a user with the one role that it has.
type person struct {
	id, tenant uuid.UUID
	name, role string
}

func (s *seeder) persons(all []person) error {
	err := s.copyRows("users", []string{"id", "tenant_id", "username", "username_key", "email", "email_key", "title", "first_name", "last_name", "phone", "mobile",
		"language", "status", "password_hash", "must_change_password", "sessions_valid_after", "surviving_session", "created_at"}, len(all), func(i int) []any {
		p := all[i]
		return []any{p.id, p.tenant, p.name, p.name, p.name + "@bench.example", p.name + "@bench.example", "", "First", "Last", "+49 40 123456", "", "de", "ACTIVE", s.hash, false, s.now, "", s.now}
	})
	if err != nil {
		return err
	}
	return s.copyRows("user_roles", []string{"id", "tenant_id", "user_id", "role"}, len(all), func(i int) []any {
		return []any{key(), all[i].tenant, all[i].id, all[i].role}
	})
}

func (s *seeder) goods() error {
	category := key()
	if err := s.copyRows("categories", []string{"id", "tenant_id", "name", "path"}, 1, func(int) []any {
		return []any{category, s.d.tenants[0], "Goods", "Goods"}
	}); err != nil {
		return err
	}
	for i := range productCount {
		s.d.products = append(s.d.products, key())
		s.d.skus = append(s.d.skus, fmt.Sprintf("P-%04d", i))
	}
	err := s.copyRows("products", []string{"id", "tenant_id", "category_id", "sku", "name", "description", "unit", "active", "automatic", "tax_rate",
		"minimum_quantity", "quantity_step", "attributes", "search_text", "created_at"}, productCount, func(i int) []any {
		name := fmt.Sprintf("Tischtelefon Modell %d", i)
		return []any{s.d.products[i], s.d.tenants[0], category, s.d.skus[i], name, "Ein Telefon für den Schreibtisch.", "piece", true, false, 190000,
			10000, 10000, "[]", catalog.SearchText(s.d.skus[i], name, "", nil), s.now}
	})
	if err != nil {
		return err
	}
	return s.copyRows("prices", []string{"id", "tenant_id", "product_id", "from_quantity", "amount", "currency"}, len(s.d.tenants)*productCount, func(i int) []any {
		return []any{key(), s.d.tenants[i/productCount], s.d.products[i%productCount], 10000, 100000 + i%500000, "EUR"}
	})
}

var (
	orderColumns = []string{"id", "tenant_id", "number", "name", "customer_order_number", "reference_number", "state", "business_case", "channel",
		"placed_at", "placed_by_id", "net_amount", "tax_amount", "gross_amount", "currency"}
	itemColumns = []string{"id", "tenant_id", "order_id", "placed_by_id", "position", "product_id", "sku", "product_name", "unit", "quantity",
		"unit_price_amount", "line_total_amount", "tax_rate", "currency"}
	contractColumns = []string{"id", "tenant_id", "number", "access_number", "type", "state", "valid_from", "created_at"}
)

func (s *seeder) orders() error {
	customers := len(s.d.users)
	keys := make([]uuid.UUID, s.o.orders)
	s.d.numbers = make([]string, customers)
	number := func(i int) string { return fmt.Sprintf("T%05d-%06d", i%customers+1, i/customers+1) }
	for i := range keys {
		keys[i] = key()
		s.d.numbers[i%customers] = number(i)
	}
	err := s.copyRows("orders", orderColumns, len(keys), func(i int) []any {
		return []any{keys[i], s.d.tenants[i%customers+1], number(i), "", "", "", "COMPLETED", "NEW_ORDER", "ONLINE",
			s.now.Add(-time.Duration(len(keys)-i) * time.Minute), s.d.users[i%customers], 3000000, 570000, 3570000, "EUR"}
	})
	if err != nil {
		return err
	}
	err = s.copyRows("order_items", itemColumns, 3*len(keys), func(i int) []any {
		order, p := i/3, i%productCount
		return []any{key(), s.d.tenants[order%customers+1], keys[order], s.d.users[order%customers], i%3 + 1, s.d.products[p], s.d.skus[p],
			fmt.Sprintf("Tischtelefon Modell %d", p), "piece", 20000, 500000, 1000000, 190000, "EUR"}
	})
	if err != nil {
		return err
	}
	return s.copyRows("number_series", []string{"id", "tenant_id", "kind", "next"}, customers, func(i int) []any {
		// The first ones have one order more where they do not share them evenly.
		return []any{key(), s.d.tenants[i+1], "ORDER", (s.o.orders+customers-1-i)/customers + 1}
	})
}

// contracts gives the first company a contract for each grant of its sub admin, and
// every other one some; the rest of the grants is spread over them.
func (s *seeder) contracts() error {
	s.d.held = s.o.grants / 10
	type one struct{ id, tenant, holder, giver uuid.UUID }
	var all []one
	for range s.d.held {
		all = append(all, one{key(), s.d.tenants[1], s.d.sub, s.d.users[0]})
	}
	for i := 1; i < len(s.d.users); i++ {
		for range perTenant {
			all = append(all, one{id: key(), tenant: s.d.tenants[i+1]})
		}
	}
	err := s.copyRows("contracts", contractColumns, len(all), func(i int) []any {
		return []any{all[i].id, all[i].tenant, fmt.Sprintf("C-%08d", i), "", "SERVICE_CONTRACT", "ACTIVE", s.now, s.now}
	})
	if err != nil {
		return err
	}
	others := all[s.d.held:]
	rights := []string{"VIEW", "ORDER", "CONFIGURE", "BILLING", "ADMINISTER", "COMMERCIAL_CONTACT"}
	holders := s.d.users[1:]
	return s.copyRows("grants", []string{"id", "tenant_id", "contract_id", "holder_id", "right", "kind", "granted_by_id", "created_at"}, s.o.grants, func(i int) []any {
		if i < s.d.held {
			return []any{key(), all[i].tenant, all[i].id, all[i].holder, "VIEW", "DELEGATION", all[i].giver, s.now}
		}
		j := i - s.d.held
		c := others[j/len(rights)%len(others)]
		holder := holders[(j/len(rights)/len(others)*7+j/len(rights))%len(holders)]
		return []any{key(), c.tenant, c.id, holder, rights[j%len(rights)], "DELEGATION", s.d.sub, s.now}
	})
}
