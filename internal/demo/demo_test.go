package demo

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kontor/internal/day"
	"kontor/internal/erp"
	"kontor/internal/money"
	"kontor/internal/password"
)

// texts are the values of some columns of all rows of a kind.
func texts(t *testing.T, kind erp.Kind, columns ...string) [][]string {
	t.Helper()
	var all [][]string
	if err := each(kind, func(r *erp.Row) {
		var values []string
		for _, c := range columns {
			values = append(values, r.Text(c))
		}
		all = append(all, values)
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// keys are the values of columns that together must be different in each row.
func keys(t *testing.T, kind erp.Kind, columns ...string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, values := range texts(t, kind, columns...) {
		key := strings.Join(values, " ")
		if found[key] {
			t.Errorf("%s: %s occurs more than once", kind, key)
		}
		found[key] = true
	}
	return found
}

// Requirement: AC-01, AC-03
func TestTenantsAndUsers(t *testing.T) {
	t.Parallel()
	tenants := map[string]string{}
	if err := each(erp.Tenants, func(r *erp.Row) {
		tenants[r.Text("organization_id")] = strings.Join([]string{r.Text("name"), r.Text("kind"), r.Text("parent"), r.Text("password_policy")}, " ")
		// Parents come first, so that the file can be imported in one go.
		if _, known := tenants[r.Text("parent")]; r.Given("parent") && !known {
			t.Errorf("%s comes before its parent", r.Text("organization_id"))
		}
	}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"SERVICE": "Kontor Service GmbH OPERATOR  MODERN", "FERNRUF": "Fernruf Vertrieb AG PARTNER SERVICE MODERN",
		"HANSA": "Hansa Logistik GmbH CUSTOMER FERNRUF STRICT", "ALSTER": "Alster Druck KG CUSTOMER FERNRUF BASIC",
		"BRANDT": "Gießerei Brandt GmbH CUSTOMER SERVICE STRICT",
	}
	if !reflect.DeepEqual(tenants, want) {
		t.Errorf("tenants are %v", tenants)
	}

	users := map[string]string{}
	if err := each(erp.Users, func(r *erp.Row) {
		organization, username := r.Text("organization_id"), r.Text("username")
		users[username] = strings.Join([]string{organization, strings.Join(r.List("roles"), "|"), r.Text("superior")}, " ")
		if address := username + "@" + strings.ToLower(organization) + ".example"; r.Text("email") != address {
			t.Errorf("the e-mail address of %s is %s", username, r.Text("email"))
		}
		if r.Given("password") {
			t.Errorf("%s has a password of its own", username)
		}
	}); err != nil {
		t.Fatal(err)
	}
	wantUsers := map[string]string{
		"sabine.kurz": "SERVICE SERVICE_AGENT ", "paul.lang": "FERNRUF PARTNER_AGENT ",
		"martha.hansen": "HANSA MASTER_ADMIN ", "moritz.hansen": "HANSA MASTER_ADMIN ", "silke.sommer": "HANSA SUB_ADMIN martha.hansen",
		"gerd.grau": "HANSA GENERAL_USER ", "anna.abel": "HANSA APPROVER ",
		"maik.alster": "ALSTER MASTER_ADMIN ", "susi.stein": "ALSTER SUB_ADMIN maik.alster", "greta.groth": "ALSTER GENERAL_USER ",
		"malte.brandt": "BRANDT MASTER_ADMIN ", "gisela.gross": "BRANDT GENERAL_USER ",
	}
	if !reflect.DeepEqual(users, wantUsers) {
		t.Errorf("users are %v", users)
	}
}

// Requirement: CA-01
func TestProductsAndPrices(t *testing.T) {
	t.Parallel()
	products := keys(t, erp.Products, "sku")
	if len(products) < 320 {
		t.Errorf("there are %d products, want at least 320", len(products))
	}
	departments := map[string]string{}
	if err := each(erp.Products, func(r *erp.Row) {
		sku, attributes := r.Text("sku"), r.Attributes("attributes")
		departments[sku] = r.List("category")[0]
		if len(attributes) < 2 || len(attributes) > 4 || r.Text("description") == "" || len(r.List("category")) < 2 {
			t.Errorf("%s is not described well enough", sku)
		}
		if fits, err := r.Decimal("minimum_quantity").IsMultipleOf(r.Decimal("quantity_step")); err != nil || !fits {
			t.Errorf("%s has a minimum quantity that nobody can order", sku)
		}
	}); err != nil {
		t.Fatal(err)
	}

	tenants := keys(t, erp.Tenants, "organization_id")
	priced := map[string]map[string]bool{}
	last := map[string]money.Decimal{}
	if err := each(erp.Prices, func(r *erp.Row) {
		tenant, sku := r.Text("organization_id"), r.Text("sku")
		if !tenants[tenant] || !products[sku] {
			t.Errorf("line %d: no tenant %s or no product %s", r.Line, tenant, sku)
		}
		if from, known := last[tenant+" "+sku]; known == !r.Given("from_quantity") || known && from.Cmp(r.Decimal("from_quantity")) >= 0 {
			t.Errorf("line %d: breaks begin with quantity 1 and grow", r.Line)
		}
		last[tenant+" "+sku] = r.Decimal("from_quantity")
		if priced[tenant] == nil {
			priced[tenant] = map[string]bool{}
		}
		priced[tenant][departments[sku]] = true
	}); err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[string][]string{
		"SERVICE": {"Büro", "Metalle", "Netze", "Telefonie"}, "FERNRUF": {"Büro", "Netze", "Telefonie"},
		"HANSA": {"Büro", "Netze", "Telefonie"}, "ALSTER": {"Büro", "Netze", "Telefonie"}, "BRANDT": {"Büro", "Metalle"},
	} {
		var got []string
		for department := range priced[tenant] {
			got = append(got, department)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s has prices for %v, want %v", tenant, got, want)
		}
	}
}

// Requirement: CO-01
func TestContracts(t *testing.T) {
	t.Parallel()
	products := keys(t, erp.Products, "sku")
	units := map[string]string{}
	for _, p := range texts(t, erp.Products, "sku", "unit") {
		units[p[0]] = p[1]
	}
	heads := map[string]string{}
	counts := map[string]int{}
	numbers := map[string]map[string]bool{}
	if err := each(erp.Contracts, func(r *erp.Row) {
		tenant, number := r.Text("organization_id"), r.Text("number")
		head := strings.Join([]string{r.Text("type"), r.Text("state"), r.Text("customer_number"), r.Text("product"), string(r.Day("valid_from")), string(r.Day("valid_to"))}, " ")
		if known, again := heads[tenant+number]; !again {
			heads[tenant+number] = head
			counts[tenant+" "+r.Text("type")]++
		} else if known != head || !r.Given("position") {
			t.Errorf("line %d: the rows of %s differ in what is about the whole contract", r.Line, number)
		}
		if r.Given("customer_number") {
			if numbers[tenant+" "+r.Text("line")] == nil {
				numbers[tenant+" "+r.Text("line")] = map[string]bool{}
			}
			numbers[tenant+" "+r.Text("line")][r.Text("customer_number")] = true
		}
		for _, column := range []string{"product", "position_product"} {
			if r.Given(column) && !products[r.Text(column)] {
				t.Errorf("line %d: no product %s", r.Line, r.Text(column))
			}
		}
		if r.Given("position") && units[r.Text("position_product")] != r.Text("unit") {
			t.Errorf("line %d: the unit is not that of the product", r.Line)
		}
	}); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"HANSA SERVICE_CONTRACT": 38, "HANSA FRAME_AGREEMENT": 2, "ALSTER SERVICE_CONTRACT": 12,
		"BRANDT FRAME_AGREEMENT": 4, "BRANDT SUPPLY_CONTRACT": 6,
	}
	if !reflect.DeepEqual(counts, want) {
		t.Errorf("contracts are %v", counts)
	}
	if len(numbers["HANSA FIXED_LINE"]) != 2 || len(numbers["HANSA MOBILE"]) != 1 || len(numbers["ALSTER FIXED_LINE"]) != 1 || len(numbers) != 3 {
		t.Errorf("customer numbers are %v", numbers)
	}
}

// BRANDT has a conversion account with four alloy groups and two years of bookings, in which no
// group ever goes below nothing.
//
// Requirement: CO-03
func TestConversionAccount(t *testing.T) {
	t.Parallel()
	keys(t, erp.Bookings, "organization_id", "reference")
	balances := map[string]money.Decimal{}
	for code := range keys(t, erp.AlloyGroups, "organization_id", "code") {
		balances[code] = money.FromInt(0)
	}
	if len(balances) != 4 {
		t.Errorf("there are %d alloy groups, want 4", len(balances))
	}
	quantities, kinds := map[string]string{}, map[string]int{}
	var first, last day.Day
	if err := each(erp.Bookings, func(r *erp.Row) {
		group, quantity, on := r.Text("organization_id")+" "+r.Text("alloy_group"), r.Decimal("quantity"), r.Day("booked_on")
		first = cmp.Or(first, on)
		before, known := balances[group]
		after, err := before.Plus(quantity)
		if err != nil || !known || !strings.HasPrefix(group, "BRANDT ") || after.Sign() <= 0 || on < last {
			t.Errorf("line %d: %s has %s after it: %v", r.Line, group, after, err)
		}
		if r.Given("reverses") && "-"+quantity.String() != quantities[r.Text("reverses")] {
			t.Errorf("line %d reverses %s", r.Line, quantities[r.Text("reverses")])
		}
		balances[group], last, quantities[r.Text("reference")] = after, on, quantity.String()
		kinds[r.Text("kind")]++
	}); err != nil {
		t.Fatal(err)
	}
	if first > "2024-11-30" || last < "2026-11-01" || last > "2026-11-23" || len(kinds) != 5 {
		t.Errorf("bookings from %s to %s of the kinds %v", first, last, kinds)
	}
}

// Requirement: ID-10, ID-11
func TestPasswordFitsThePoliciesOfTheCustomers(t *testing.T) {
	t.Parallel()
	policies := map[string]password.Policy{}
	for _, tenant := range texts(t, erp.Tenants, "organization_id", "kind", "password_policy") {
		if tenant[1] != "CUSTOMER" {
			continue
		}
		policy, err := password.Named(tenant[2], false)
		if err != nil {
			t.Fatal(err)
		}
		policies[tenant[0]] = policy
	}
	checked := 0
	for _, user := range texts(t, erp.Users, "organization_id", "username", "email", "first_name", "last_name") {
		policy, customer := policies[user[0]]
		if !customer {
			continue
		}
		checked++
		about := password.Subject{Username: user[1], Email: user[2], FirstName: user[3], LastName: user[4], Organization: user[0]}
		if broken := policy.Check(Password, about); len(broken) > 0 {
			t.Errorf("%s could not have the password: %v", user[1], broken)
		}
	}
	if checked != 10 {
		t.Errorf("checked %d users, want 10", checked)
	}
}
