package erp

import (
	"fmt"
	"slices"

	"kontor/internal/account"
	"kontor/internal/day"
	"kontor/internal/money"
)

// Kind is what the rows of a file are about.
type Kind string

// The kinds of rows, in the order in which they depend on each other: users and
// contracts need their tenants, prices their products, orders their users and contracts, bookings
// their alloy groups, documents their orders and contracts,
// telephony users all before them.
const (
	Tenants     Kind = "TENANTS"
	Users       Kind = "USERS"
	Products    Kind = "PRODUCTS"
	Prices      Kind = "PRICES"
	Contracts   Kind = "CONTRACTS"
	Orders      Kind = "ORDERS"
	AlloyGroups Kind = "ALLOY_GROUPS"
	Bookings    Kind = "BOOKINGS"
	Documents   Kind = "DOCUMENTS"

	Portfolios        Kind = "PORTFOLIOS"
	PortfolioProducts Kind = "PORTFOLIO_PRODUCTS"
	EndUsers          Kind = "END_USERS"
	SimCards          Kind = "SIM_CARDS"
	PhoneNumbers      Kind = "PHONE_NUMBERS"
	TelephonyUsers    Kind = "TELEPHONY_USERS"
)

// Kinds are all kinds, in the order in which an empty database takes them.
func Kinds() []Kind {
	return []Kind{Tenants, Users, Products, Prices, Contracts, Orders, AlloyGroups, Bookings, Documents,
		Portfolios, PortfolioProducts, EndUsers, SimCards, PhoneNumbers, TelephonyUsers}
}

func kindNames() []string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return names
}

// Row is a row whose values are all valid. The getters give the value of a column,
// the default of the column where the row leaves it empty, and the zero value
// where there is no default either. They panic on a column that the kind does not
// have, or has with another type: that is a mistake in the program, not in a file.
type Row struct {
	// Kind is what the row is about.
	Kind Kind
	// Line is where the row begins in the file; the first line is 1.
	Line int

	table  *table
	unit   string
	values map[string]any
	// kept are columns that the row says nothing about, not even that they are empty.
	kept []string
	// perCatalogue and only are as in record.
	perCatalogue bool
	only         []money.Decimal
}

// keeps tells whether the row leaves in a column what is stored.
func (r *Row) keeps(column string) bool { return slices.Contains(r.kept, column) }

// Given tells whether the row itself has a value for the column.
func (r *Row) Given(column string) bool {
	r.table.column(column)
	_, given := r.values[column]
	return given
}

// Text is a text, without white space around it.
func (r *Row) Text(column string) string { return value[string](r, column) }

// Decimal is a quantity, an amount or a rate.
func (r *Row) Decimal(column string) money.Decimal { return value[money.Decimal](r, column) }

// Int is a whole number.
func (r *Row) Int(column string) int { return value[int](r, column) }

// Day is a calendar date.
func (r *Row) Day(column string) day.Day { return value[day.Day](r, column) }

// Bool is a yes or no.
func (r *Row) Bool(column string) bool { return value[bool](r, column) }

// List is a list of texts, such as the roles of a user or the names of a category
// path from the root down.
func (r *Row) List(column string) []string { return value[[]string](r, column) }

// Attributes are the properties of a product.
func (r *Row) Attributes(column string) []account.Attribute {
	return value[[]account.Attribute](r, column)
}

func value[T any](r *Row, name string) T {
	var zero T
	column := r.table.column(name)
	found, given := r.values[name]
	if !given {
		if column.Default == "" {
			return zero
		}
		parsed, flaw := column.Type.parse(cell{text: column.Default})
		if flaw != nil {
			panic(fmt.Sprintf("erp: the default of column %s is not valid: %s", name, flaw.Reason("en")))
		}
		found = parsed
	}
	typed, ok := found.(T)
	if !ok {
		panic(fmt.Sprintf("erp: column %s holds %T, not %T", name, found, zero))
	}
	return typed
}

// table is what the rows of a kind consist of.
type table struct {
	columns []Column
	// together are rules over several columns; each reports what it finds broken.
	together []func(*Row) *RowError
	// filled are the tables of the database that rows go into.
	filled []string
	// unit are the columns that name what several rows, one after the other, are parts of; empty
	// where each row is a thing of its own.
	unit []string
}

func (t *table) find(name string) (Column, bool) {
	i := slices.IndexFunc(t.columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return t.columns[i], true
}

func (t *table) column(name string) Column {
	c, known := t.find(name)
	if !known {
		panic("erp: no column " + name)
	}
	return c
}

// check turns a record into a row, or says everything that is wrong with it.
func (t *table) check(from record) (*Row, error) {
	row := &Row{Line: from.line, table: t, values: make(map[string]any, len(from.cells)), only: from.only, perCatalogue: from.perCatalogue}
	bad := from.bad
	for _, c := range t.columns {
		written, there := from.cells[c.Name]
		if from.partial && !there {
			row.kept = append(row.kept, c.Name)
			continue
		}
		if !c.Type.verbatim {
			written.text = trim(written.text)
		}
		if written.text == "" {
			if c.Required {
				bad = append(bad, &RowError{Column: c.Name, Code: CodeValueRequired})
			}
			continue
		}
		if !readable(written.text) {
			bad = append(bad, &RowError{Column: c.Name, Code: CodeEncodingInvalid})
			continue
		}
		parsed, flaw := c.Type.parse(written)
		if flaw != nil {
			flaw.Column = c.Name
			bad = append(bad, flaw)
			continue
		}
		row.values[c.Name] = parsed
	}
	if len(bad) == 0 {
		for _, broken := range t.together {
			if flaw := broken(row); flaw != nil {
				bad = append(bad, flaw)
			}
		}
	}
	if len(bad) > 0 {
		return nil, bad.at(from.line)
	}
	return row, nil
}
