package server_test

import (
	"database/sql"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"kontor/ent"
	"kontor/server/servertest"
)

// fillContracts fills the database of a test with companies that have contracts, so that reading all of them
// would be dear. Everything is a copy of what there is.
func fillContracts(t *testing.T, d *sql.DB, of string) {
	t.Helper()
	id := map[string]string{dialect.Postgres: `gen_random_uuid()`,
		dialect.SQLite: `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-7' || substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))`}[of]
	const n = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `
	with := func(statement string, rows int) string {
		return strings.ReplaceAll(statement, "WITH n", fmt.Sprintf(n, rows))
	}
	alter(t, d, with(`INSERT INTO tenants (id, parent_id, path, kind, organization_id, name, email_domain, password_policy, login_needs_organization, language, currency, contact_name, contact_phone, contact_email, email, created_at)
		WITH n SELECT `+id+`, parent_id, path || i || '/', kind, 'FILL-' || i, name, email_domain, password_policy, login_needs_organization, language, currency, contact_name, contact_phone, contact_email, email, created_at
		FROM tenants, n WHERE organization_id = 'BRANDT'`, 200))
	alter(t, d, with(`INSERT INTO contracts (id, tenant_id, number, access_number, type, state, valid_from, valid_to, product_id, agreed_quantity, called_off_quantity, unit, created_at)
		WITH n SELECT `+id+`, t.id, 'F-' || i, c.access_number, c.type, c.state, c.valid_from, c.valid_to, c.product_id, c.agreed_quantity, c.called_off_quantity, c.unit, c.created_at
		FROM contracts c, tenants t, n WHERE c.number = 'LV-300013' AND t.organization_id LIKE 'FILL-%'`, 50))
	alter(t, d, `INSERT INTO contract_positions (id, tenant_id, contract_id, position, product_id, agreed_quantity, called_off_quantity, unit, price_amount, currency)
		SELECT `+id+`, c.tenant_id, c.id, p.position, p.product_id, p.agreed_quantity, p.called_off_quantity, p.unit, p.price_amount, p.currency
		FROM contracts c, contract_positions p JOIN contracts o ON o.id = p.contract_id WHERE o.number = 'LV-300013' AND c.number LIKE 'F-%'`)
	if _, err := d.ExecContext(t.Context(), `ANALYZE`); err != nil {
		t.Fatal(err)
	}
}

// planOf is how the database carries a statement out, whatever its arguments are.
func planOf(t *testing.T, d *sql.DB, of, statement string) string {
	t.Helper()
	if of == dialect.SQLite {
		var steps []string
		arguments := make([]any, strings.Count(statement, "?"))
		for _, row := range rowsOf(t, d, `EXPLAIN QUERY PLAN `+statement, arguments...) {
			steps = append(steps, row[3])
		}
		return strings.Join(steps, "\n")
	}
	connection, err := d.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	arguments := ""
	if count := len(regexp.MustCompile(`\$\d+`).FindAllString(statement, -1)); count > 0 {
		arguments = "(" + strings.TrimSuffix(strings.Repeat("NULL, ", count), ", ") + ")"
	}
	for _, before := range []string{`SET plan_cache_mode = force_generic_plan`, `PREPARE asked AS ` + statement} {
		if _, err := connection.ExecContext(t.Context(), before); err != nil {
			t.Fatalf("%s: %v", before, err)
		}
	}
	rows, err := connection.QueryContext(t.Context(), `EXPLAIN EXECUTE asked`+arguments)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var step string
		if err := rows.Scan(&step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.ExecContext(t.Context(), `DEALLOCATE asked`); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "\n")
}

// wholeTable is how either database says that it reads all contracts, or all positions.
var wholeTable = regexp.MustCompile(`(?m)Seq Scan on (contracts|contract_positions)|^SCAN (contracts|contract_positions|t\d)\b`)

var ofContracts = regexp.MustCompile("FROM [`\"]contracts[`\"]")

// joined are two filters as one.
func joined(where, more map[string]any) map[string]any {
	all := maps.Clone(more)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, where)
	return all
}

// Whatever a company's overview of contracts is filtered by, alone or combined, an index finds its contracts,
// however many other companies have: the page, the total and the download.
//
// Requirement: CO-01
func TestContractFiltersAreServedByIndexes(t *testing.T) {
	t.Parallel()
	for i, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			k := servertest.Start(t, backend)
			d, of := k.SQL(t), []string{dialect.SQLite, dialect.Postgres}[i]
			fillContracts(t, d, of)
			filters := map[string]any{
				"types": []string{"SUPPLY_CONTRACT"}, "states": []string{"ACTIVE"}, "search": "300", "productSku": "MET-AL-0801", "validOn": "2026-06-30",
				"openOnly": true, "customerNumber": "4066969100", "right": "ORDER", "expiresWithinDays": 600,
			}
			wheres := []map[string]any{nil, filters}
			for a := range filters {
				wheres = append(wheres, map[string]any{a: filters[a]})
				for b := range filters {
					if a < b {
						wheres = append(wheres, map[string]any{a: filters[a], b: filters[b]})
					}
				}
			}
			if plan := planOf(t, d, of, `SELECT count(*) FROM contracts WHERE access_number = ''`); !wholeTable.MatchString(plan) {
				t.Fatalf("nothing is noticed in %s", plan)
			}
			brandt := globalID(ent.KindTenant, columnOf(t, d, `SELECT id FROM tenants WHERE organization_id = 'BRANDT'`)[0])
			for username, more := range map[string]map[string]any{"malte.brandt": nil, "silke.sommer": nil, "sabine.kurz": {"tenantId": brandt}} {
				viewer := k.As(t, username)
				for i, where := range wheres {
					vars := servertest.Vars{"first": 20, "where": joined(where, more), "format": "CSV"}
					if i%2 == 1 {
						vars["orderBy"] = map[string]any{"field": "VALID_FROM", "direction": "DESC"}
					}
					k.Statements.Take()
					viewer.Operation(t, "spa/contracts", "Contracts", vars).OK(t)
					asked := 0
					for _, statement := range k.Statements.Take() {
						if !ofContracts.MatchString(statement) {
							continue
						}
						asked++
						if plan := planOf(t, d, of, statement); wholeTable.MatchString(plan) {
							t.Errorf("%s, %v: %s\n%s", username, where, statement, plan)
						}
					}
					if asked < 2 {
						t.Fatalf("%s, %v: %d statements about contracts", username, where, asked)
					}
				}
			}
		})
	}
}

// A file is read in batches, and an index leads to where each goes on: the last one costs no more than the first.
//
// Requirement: CO-02
func TestFilesGoOnByIndex(t *testing.T) {
	t.Parallel()
	for i, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			k := servertest.Start(t, backend)
			d, of := k.SQL(t), []string{dialect.SQLite, dialect.Postgres}[i]
			copies(t, d, 1100, `INSERT INTO orders (id, number, name, customer_order_number, reference_number, state, business_case, channel, placed_at, net_amount, tax_amount, gross_amount, currency, contract_id, placed_by_id, tenant_id)
				SELECT $1, $2, 'copied', customer_order_number, reference_number, state, business_case, channel, placed_at, net_amount, tax_amount, gross_amount, currency, contract_id, placed_by_id, tenant_id
				FROM orders WHERE number = $3`, "HANSA-000050")
			copies(t, d, 1100, `INSERT INTO contracts (id, number, access_number, type, state, valid_from, created_at, tenant_id, customer_number_id)
				SELECT $1, $2, 'copied', type, state, valid_from, created_at, tenant_id, customer_number_id FROM contracts WHERE number = $3`, "SV-100001")
			fillContracts(t, d, of)
			martha := k.As(t, "martha.hansen")
			for table, each := range map[string]struct {
				list  listing
				bound *regexp.Regexp
			}{
				"orders":    {orderList, regexp.MustCompile(`Index Cond: .*placed_at <=|placed_at<\?`)},
				"contracts": {contractList, regexp.MustCompile(`Index Cond: .*number >=|number>\?`)},
			} {
				k.Statements.Take()
				rows(t, martha, each.list.link(t, martha, "CSV", nil))
				batches := regexp.MustCompile("FROM [`\"]" + table + "[`\"].* LIMIT 500$")
				var plans []string
				for _, statement := range k.Statements.Take() {
					if batches.MatchString(statement) {
						plans = append(plans, planOf(t, d, of, statement))
					}
				}
				if len(plans) < 3 {
					t.Fatalf("%s: %d batches", table, len(plans))
				}
				if last := plans[len(plans)-1]; each.bound.MatchString(plans[0]) || !each.bound.MatchString(last) {
					t.Errorf("%s: the last batch is read by\n%s\nthe first by\n%s", table, last, plans[0])
				}
			}
		})
	}
}
