package erp

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Column is one column of a kind of rows; in NDJSON, one field of the object.
type Column struct {
	Name     string
	Required bool
	Type     Type
	// Default counts where the column is empty or left out; empty: no default.
	Default string
	// Meaning and Example explain the column in help and documentation.
	Meaning, Example string
}

var (
	key   = textOf(1, 64)
	short = textOf(1, 100)
	name  = textOf(1, 200)
	units = oneOf("piece", "month", "kg", "t", "m")
)

var tables = map[Kind]*table{
	Portfolios: portfolios, PortfolioProducts: portfolioProducts, EndUsers: endUsers, SimCards: simCards, PhoneNumbers: phoneNumbers,
	TelephonyUsers: telephonyUsers,
	Tenants: {
		filled: []string{"tenants"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "key of the company on the platform", Example: "HANSA"},
			{Name: "name", Required: true, Type: name, Meaning: "name of the company", Example: "Hansa Logistik GmbH"},
			{Name: "kind", Required: true, Type: oneOf("OPERATOR", "PARTNER", "CUSTOMER"), Meaning: "what the company is on the platform", Example: "CUSTOMER"},
			{Name: "parent", Type: key, Meaning: "organization_id of the tenant above; empty only for the operator", Example: "FERNRUF"},
			{Name: "email_domain", Required: true, Type: domain, Meaning: "domain that e-mail addresses of its users have", Example: "hansa.example"},
			{Name: "password_policy", Type: oneOf("STRICT", "BASIC", "MODERN", "PIN_OTP"), Default: "MODERN", Meaning: "rules for passwords", Example: "STRICT"},
			{Name: "login_needs_organization", Type: boolean, Default: "false", Meaning: "whether users give the organization_id at login", Example: "false"},
			{Name: "language", Type: oneOf("de", "en"), Default: "de", Meaning: "language of mails to the company", Example: "de"},
			{Name: "currency", Type: currency, Default: "EUR", Meaning: "currency of its prices", Example: "EUR"},
			{Name: "contact_name", Type: name, Meaning: "person that its users turn to", Example: "Sabine Kurz"},
			{Name: "contact_phone", Type: short, Meaning: "phone number of that person", Example: "+49 30 23125 100"},
			{Name: "contact_email", Type: email, Meaning: "e-mail address of that person", Example: "sabine.kurz@service.example"},
			{Name: "email", Type: email, Meaning: "e-mail address of the company, to which receipts of orders go", Example: "einkauf@hansa.example"},
		},
		together: []func(*Row) *RowError{parentFits},
	},
	Users: {
		filled: []string{"users", "user_roles"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant of the user", Example: "HANSA"},
			{Name: "username", Required: true, Type: textOf(6, 32), Meaning: "name for the login, unique on the platform", Example: "martha.hansen"},
			{Name: "email", Required: true, Type: email, Meaning: "e-mail address, in the domain of the tenant", Example: "martha.hansen@hansa.example"},
			{Name: "title", Type: short, Meaning: "form of address or academic title", Example: "Dr."},
			{Name: "first_name", Required: true, Type: short, Meaning: "first name", Example: "Martha"},
			{Name: "last_name", Required: true, Type: short, Meaning: "last name", Example: "Hansen"},
			{Name: "phone", Type: short, Meaning: "fixed-line phone number", Example: "+49 40 66969 101"},
			{Name: "mobile", Type: short, Meaning: "mobile phone number", Example: "+49 171 3920001"},
			{Name: "language", Type: oneOf("de", "en"), Meaning: "language of messages and mails; empty: that of the tenant", Example: "de"},
			{Name: "roles", Required: true, Type: someOf("MASTER_ADMIN", "SUB_ADMIN", "GENERAL_USER", "APPROVER", "PARTNER_AGENT", "SERVICE_AGENT"), Meaning: "what the user may do", Example: "GENERAL_USER|APPROVER"},
			{Name: "superior", Type: textOf(6, 32), Meaning: "username of the master admin of a sub admin", Example: "martha.hansen"},
			{Name: "password", Type: secret(128), Meaning: "initial password, to be changed at the first login, within ten days; only for new users", Example: "Anfang-2026!"},
		},
	},
	Products: {
		filled: []string{"products", "categories"},
		columns: []Column{
			{Name: "sku", Required: true, Type: key, Meaning: "product number", Example: "TEL-DT-0101"},
			{Name: "name", Required: true, Type: name, Meaning: "name in lists and on documents", Example: "Tischtelefon Komfort 20"},
			{Name: "description", Type: longText(4000), Meaning: "what the product is", Example: "SIP-Tischtelefon mit Farbdisplay"},
			{Name: "category", Required: true, Type: categoryPath, Meaning: "place in the category tree; missing categories are made", Example: "Telefonie > Endgeräte > Tischtelefone"},
			{Name: "unit", Required: true, Type: units, Meaning: "what quantities and prices count", Example: "piece"},
			{Name: "tax_rate", Type: percent, Default: "19", Meaning: "value added tax in percent", Example: "19"},
			{Name: "orderable", Type: boolean, Default: "true", Meaning: "whether it can be ordered", Example: "true"},
			{Name: "automatic", Type: boolean, Default: "false", Meaning: "whether orders are processed without a person", Example: "false"},
			{Name: "minimum_quantity", Type: above0, Default: "1", Meaning: "smallest quantity of an order", Example: "1"},
			{Name: "quantity_step", Type: above0, Default: "1", Meaning: "quantities are multiples of this", Example: "0,5"},
			{Name: "price_quantity", Type: above0, Default: "1", Meaning: "how many units the prices of a BMEcat catalogue are for, where a file with new prices does not repeat it; prices of other files are always for one unit", Example: "100"},
			{Name: "attributes", Type: attributes, Meaning: "properties of the product", Example: "Gewicht=0,9 kg|Farbe=schwarz"},
		},
	},
	Prices: {
		filled: []string{"prices"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant that pays this price", Example: "HANSA"},
			{Name: "sku", Required: true, Type: key, Meaning: "product", Example: "TEL-DT-0101"},
			{Name: "from_quantity", Type: above0, Default: "1", Meaning: "quantity from which the price counts", Example: "10"},
			{Name: "amount", Required: true, Type: from0, Meaning: "net price of one unit, already discounted, up to 4 decimal places", Example: "119,90"},
			{Name: "currency", Type: currency, Default: "EUR", Meaning: "currency of the amount", Example: "EUR"},
		},
	},
	Contracts: {
		filled: []string{"contracts", "contract_positions", "customer_numbers"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant that the contract belongs to", Example: "BRANDT"},
			{Name: "number", Required: true, Type: key, Meaning: "number of the contract, unique in the tenant; the positions of a contract are rows with the same number, one after the other, that repeat its columns", Example: "RV-2025-0004"},
			{Name: "type", Required: true, Type: oneOf("SERVICE_CONTRACT", "SUPPLY_CONTRACT", "FRAME_AGREEMENT"), Meaning: "type of the contract", Example: "FRAME_AGREEMENT"},
			{Name: "state", Type: oneOf("ACTIVE", "EXPIRED", "TERMINATED"), Default: "ACTIVE", Meaning: "state of the contract", Example: "ACTIVE"},
			{Name: "customer_number", Type: key, Meaning: "customer number under which it hangs; made if missing", Example: "4030112201"},
			{Name: "line", Type: oneOf("FIXED_LINE", "MOBILE", "GENERAL"), Meaning: "what the customer number is for", Example: "FIXED_LINE"},
			{Name: "access_number", Type: key, Meaning: "number that names the contract to the customer", Example: "+49 40 66969 200"},
			{Name: "product", Type: key, Meaning: "sku of the product that the contract is about", Example: "TEL-VP-0102"},
			{Name: "valid_from", Required: true, Type: date, Meaning: "first day", Example: "2025-01-01"},
			{Name: "valid_to", Type: date, Meaning: "last day; empty: open-ended", Example: "2027-12-31"},
			{Name: "position", Type: position, Meaning: "number of the position in the contract", Example: "10"},
			{Name: "position_product", Type: key, Meaning: "sku of the position", Example: "MET-AL-0101"},
			{Name: "agreed_quantity", Type: above0, Meaning: "quantity agreed", Example: "60000"},
			{Name: "called_off_quantity", Type: from0, Meaning: "quantity called off so far; empty: 0. While there are orders in Kontor that called off, the larger figure counts", Example: "22500"},
			{Name: "unit", Type: units, Meaning: "unit of the quantities", Example: "kg"},
			{Name: "unit_price", Type: from0, Meaning: "net price of one unit, up to 4 decimal places", Example: "2,9850"},
		},
		together: []func(*Row) *RowError{numberHasLine, positionComplete, datesInOrder, calledOffWithinAgreed},
	},
	Orders: {
		filled: []string{"orders", "order_items", "order_events"},
		unit:   []string{"organization_id", "number"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant that ordered", Example: "HANSA"},
			{Name: "number", Required: true, Type: key, Meaning: "number of the order, unique in the tenant; the positions of an order are rows with the same number, one after the other, that repeat its columns. They go in as a whole or not at all, and an order stays as it was placed. One of the form that Kontor gives, such as HANSA-000123, has Kontor go on after it", Example: "AU-2026-0815"},
			{Name: "channel", Required: true, Type: oneOf("PHONE", "PAPER", "ONLINE"), Meaning: "way that it was placed; ONLINE for orders of an earlier portal", Example: "PHONE"},
			{Name: "placed_at", Required: true, Type: moments, Meaning: "when it was placed", Example: "2026-03-31"},
			{Name: "ordered_by", Required: true, Type: textOf(1, 254), Meaning: "username or e-mail address of the user of the tenant that ordered", Example: "martha.hansen"},
			{Name: "business_case", Type: oneOf("NEW_ORDER", "ADDITIONAL_ORDER", "CONTRACT_RENEWAL", "TARIFF_CHANGE", "CONTRACT_AMENDMENT", "NEW_SITE_WITH_PROVIDER_SWITCH", "NEW_NUMBERS_FOR_SITE", "PROVIDER_SWITCH_FOR_SITE"), Default: "NEW_ORDER", Meaning: "what it is for", Example: "ADDITIONAL_ORDER"},
			{Name: "contract_number", Type: key, Meaning: "contract of the tenant that it is about or that came of it; nothing is called off from it, which the contract's called_off_quantity says", Example: "SV-100004"},
			{Name: "state", Type: oneOf("IN_PROGRESS", "COMPLETED", "ERROR"), Default: "COMPLETED", Meaning: "how far it is; a later import may move it on until it is COMPLETED", Example: "COMPLETED"},
			{Name: "settled_on", Type: moments, Meaning: "when it came into its state; empty: when it was placed, and for an order that is moved on, now", Example: "2026-04-02T14:30:00+02:00"},
			{Name: "note", Type: longText(1000), Meaning: "remark on its state; for ERROR, what went wrong", Example: "geliefert mit LS-2026-4711"},
			{Name: "name", Type: short, Meaning: "name that the customer gave it", Example: "Lager Bremen"},
			{Name: "customer_order_number", Type: textOf(1, 60), Meaning: "number that the customer gave it", Example: "4500123"},
			{Name: "reference_number", Type: textOf(1, 60), Meaning: "reference of the customer", Example: "HL-123"},
			{Name: "currency", Type: currency, Meaning: "currency of the prices; empty: that of the tenant, and there is no other", Example: "EUR"},
			{Name: "position", Required: true, Type: position, Meaning: "number of the position in the order", Example: "1"},
			{Name: "sku", Required: true, Type: key, Meaning: "product of the position", Example: "TEL-DT-0101"},
			{Name: "quantity", Required: true, Type: above0, Meaning: "quantity, in the unit of the product", Example: "12"},
			{Name: "unit_price", Required: true, Type: from0, Meaning: "net price of one unit, up to 4 decimal places; the tax is that of the product", Example: "119,90"},
			{Name: "wished_date", Type: date, Meaning: "day that the customer wished it for", Example: "2026-04-15"},
		},
		together: []func(*Row) *RowError{contractOfCase, settledAfterPlaced, errorExplained},
	},
	AlloyGroups: {
		filled: []string{"alloy_groups"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant that the metal belongs to", Example: "BRANDT"},
			{Name: "code", Required: true, Type: key, Meaning: "short name of the alloy group, unique in the tenant", Example: "AL-SI-10"},
			{Name: "name", Required: true, Type: name, Meaning: "name in lists and on documents", Example: "Aluminium-Silizium"},
			{Name: "unit", Required: true, Type: units, Meaning: "unit of all its bookings; it stays", Example: "kg"},
		},
	},
	Bookings: {
		filled: []string{"bookings", "alloy_groups"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant that the metal belongs to", Example: "BRANDT"},
			{Name: "reference", Required: true, Type: key, Meaning: "number of the booking, unique in the tenant. A booking is never changed: another row with its number must say the same", Example: "UK-2026-000123"},
			{Name: "alloy_group", Required: true, Type: key, Meaning: "code of the alloy group", Example: "AL-SI-10"},
			{Name: "alloy_group_name", Type: name, Meaning: "name for the alloy group if it is made by this row; empty: its code", Example: "Aluminium-Silizium"},
			{Name: "unit", Type: units, Meaning: "unit of the quantity, that of the alloy group; with it an alloy group that is missing is made", Example: "kg"},
			{Name: "booked_on", Required: true, Type: date, Meaning: "day that it counts from; it may lie before bookings that are there", Example: "2026-03-31"},
			{Name: "kind", Required: true, Type: oneOf("RECEIPT", "WITHDRAWAL", "ADJUSTMENT", "LOSS", "REVERSAL"), Meaning: "what it is about", Example: "REVERSAL"},
			{Name: "quantity", Required: true, Type: booked, Meaning: "how much, in the unit of the alloy group: above 0 for a receipt, below 0 for a withdrawal or a loss", Example: "1250,5"},
			{Name: "reverses", Type: key, Meaning: "only for a reversal: reference of the booking that it takes back, by the same quantity with the other sign", Example: "UK-2026-000119"},
			{Name: "note", Type: longText(500), Meaning: "remark", Example: "Menge falsch erfasst"},
		},
		together: []func(*Row) *RowError{reversalNamesBooking, signOfKind},
	},
	Documents: {
		filled: []string{"documents"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant that the document is for", Example: "BRANDT"},
			{Name: "kind", Required: true, Type: oneOf("ORDER_CONFIRMATION", "DELIVERY_NOTE", "INVOICE", "OTHER"), Meaning: "kind of the document", Example: "INVOICE"},
			{Name: "number", Required: true, Type: key, Meaning: "number of the document, unique in the tenant and kind", Example: "RE-2026-1007"},
			{Name: "issued_on", Required: true, Type: date, Meaning: "date on the document", Example: "2026-03-31"},
			{Name: "order_number", Type: key, Meaning: "order that it is about", Example: "BRANDT-000012"},
			{Name: "contract_number", Type: key, Meaning: "contract that it is about, where it is about no order; else that of the order or empty", Example: "RV-300001"},
			{Name: "file", Required: true, Type: textOf(1, 200), Meaning: "the document itself, a path within the folder of this file; up to 20 MiB of PDF, PNG, JPEG, CSV, TXT, XML, ZIP or XLSX", Example: "2026/RE-2026-1007.pdf"},
		},
		together: []func(*Row) *RowError{aboutSomething},
	},
}

func reversalNamesBooking(r *Row) *RowError {
	if (r.Text("kind") == "REVERSAL") != r.Given("reverses") {
		return &RowError{Column: "reverses", Code: CodeReversalUnclear}
	}
	return nil
}

func signOfKind(r *Row) *RowError {
	rule := map[string]string{"RECEIPT": "> 0", "WITHDRAWAL": "< 0", "LOSS": "< 0"}[r.Text("kind")]
	if up := r.Decimal("quantity").Sign() > 0; rule != "" && up != (rule == "> 0") {
		return &RowError{Column: "quantity", Code: CodeNumberOutOfRange, args: []any{rule}}
	}
	return nil
}

// aboutSomething holds a document to an order or a contract.
func aboutSomething(r *Row) *RowError {
	if !r.Given("order_number") && !r.Given("contract_number") {
		return &RowError{Column: "order_number", Code: CodeValueRequired}
	}
	return nil
}

func parentFits(r *Row) *RowError {
	operator := r.Text("kind") == "OPERATOR"
	if operator == r.Given("parent") || r.Text("parent") == r.Text("organization_id") {
		return &RowError{Column: "parent", Code: CodeParentUnfit}
	}
	return nil
}

func numberHasLine(r *Row) *RowError { return together(r, "customer_number", "line") }

func positionComplete(r *Row) *RowError {
	if r.Given("called_off_quantity") && !r.Given("position") {
		return &RowError{Column: "position", Code: CodeValueRequired}
	}
	return together(r, "position", "position_product", "agreed_quantity", "unit", "unit_price")
}

// together holds columns that only make sense with each other.
func together(r *Row, columns ...string) *RowError {
	given := 0
	for _, c := range columns {
		if r.Given(c) {
			given++
		}
	}
	if given == 0 || given == len(columns) {
		return nil
	}
	return flaw(CodeColumnsTogether, strings.Join(columns, ", "))
}

func datesInOrder(r *Row) *RowError {
	from, to := r.Day("valid_from"), r.Day("valid_to")
	if r.Given("valid_to") && to < from {
		return &RowError{Column: "valid_to", Code: CodeDatesReversed, args: []any{fmt.Sprintf("%s < %s", to, from)}}
	}
	return nil
}

func calledOffWithinAgreed(r *Row) *RowError {
	agreed, calledOff := r.Decimal("agreed_quantity"), r.Decimal("called_off_quantity")
	if calledOff.Cmp(agreed) > 0 {
		return &RowError{Column: "called_off_quantity", Code: CodeCalledOffTooMuch, args: []any{fmt.Sprintf("%s > %s", calledOff, agreed)}}
	}
	return nil
}

// Columns are the columns of a kind, in the order of its documentation; none for an
// unknown kind.
func Columns(kind Kind) []Column {
	t, known := tables[kind]
	if !known {
		return nil
	}
	return t.columns
}

func (t *table) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.Name
	}
	return names
}

// Conventions say how values are written, for help and documentation.
const Conventions = `CSV: the first line names the columns, in any order. Values are separated by ; or ,
whichever the first line uses; a value with the separator, a quote or a line break
stands in double quotes, a quote in it is doubled. UTF-8 (with or without byte order
mark) or Windows-1252. Rows without any value are skipped.
NDJSON: one object a line, in UTF-8, with the columns as field names; null is empty.
Decimals: 1234.50, 1234,50 or 1.234,50. Dots separate thousands only together with a
decimal comma. What could be meant either way, such as 1.234, is refused: write 1234
or 1.2340. The dot of a JSON number is always a decimal point. At most 14 digits
before the decimal point and 4 after it.
Dates: YYYY-MM-DD. Moments: a date, or one with time and zone, 2026-11-23T09:30:00+01:00.
White space around values does not count, except in passwords. A row takes at most 1 MiB.
BMEcat 2005 and 1.2 (.xml) have products and prices: T_NEW_CATALOG and T_UPDATE_PRODUCTS
come as products, with the prices of their buyer, and T_UPDATE_PRICES as prices.
`

// Help explains the columns of a kind on a terminal; * marks those that every row
// needs.
func Help(kind Kind) string {
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, c := range Columns(kind) {
		mark := ""
		if c.Required {
			mark = "*"
		}
		fmt.Fprintf(out, "%s%s\t%s\t%s (e.g. %s)\n", c.Name, mark, c.accepts(), c.Meaning, c.Example)
	}
	_ = out.Flush() // a strings.Builder takes everything
	return text.String()
}

// Markdown is the documentation of the columns of a kind as a table.
func Markdown(kind Kind) string {
	var text strings.Builder
	text.WriteString("| column | needed | value | meaning | example |\n| --- | --- | --- | --- | --- |\n")
	bar := strings.NewReplacer("|", `\|`)
	for _, c := range Columns(kind) {
		needed := ""
		if c.Required {
			needed = "yes"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s | `%s` |\n", c.Name, needed, bar.Replace(c.accepts()), bar.Replace(c.Meaning), bar.Replace(c.Example))
	}
	return text.String()
}

func (c Column) accepts() string {
	if c.Default == "" {
		return c.Type.Description
	}
	return c.Type.Description + "; default " + c.Default
}
