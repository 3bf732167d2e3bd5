package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz"
	entschema "kontor/ent/migrate"
)

// companies are an operator, a partner with two customers, and a customer beside.
type companies struct {
	ids       map[string]uuid.UUID
	paths     map[string]string
	contracts map[string]uuid.UUID
}

var labels = []string{"operator", "partner", "mine", "other", "stranger"}

// fill puts a row of each company into every table, past keys and triggers.
func fill(t *testing.T, beside *sql.DB) companies {
	t.Helper()
	c := companies{map[string]uuid.UUID{}, map[string]string{}, map[string]uuid.UUID{}}
	parents := map[string]string{"partner": "operator", "mine": "partner", "other": "partner", "stranger": "operator"}
	for _, label := range labels {
		c.ids[label], c.contracts[label] = uuid.New(), uuid.New()
		c.paths[label] = c.paths[parents[label]] + c.ids[label].String() + "/"
	}
	connection, err := beside.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_, err := connection.ExecContext(context.WithoutCancel(t.Context()), "RESET session_replication_role")
		if err := errors.Join(err, connection.Close()); err != nil {
			t.Error(err)
		}
	}()
	if _, err := connection.ExecContext(t.Context(), "SET session_replication_role = replica"); err != nil {
		t.Fatal(err)
	}
	for _, table := range entschema.Tables {
		for _, label := range labels {
			statement, args := c.insert(table, label, nil)
			if _, err := connection.ExecContext(t.Context(), statement, args...); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	return c
}

// insert is a statement for a row of a company, and its arguments.
func (c companies) insert(table *schema.Table, label string, with map[string]any) (string, []any) {
	var names, places []string
	var args []any
	for _, column := range table.Columns {
		value, given := with[column.Name]
		if !given {
			if value = c.value(table, column, label); value == nil {
				continue
			}
		}
		args = append(args, value)
		names, places = append(names, `"`+column.Name+`"`), append(places, fmt.Sprint("$", len(args)))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table.Name, strings.Join(names, ", "), strings.Join(places, ", ")), args
}

// value fits the column; nil leaves it out.
func (c companies) value(table *schema.Table, column *schema.Column, label string) any {
	switch name := column.Name; {
	case name == "id" && table.Name == "tenants", name == "tenant_id":
		return c.ids[label]
	case name == "id" && table.Name == "contracts", name == "contract_id":
		return c.contracts[label]
	case name == "path" && table.Name == "tenants":
		return c.paths[label]
	case name == "parent_id" && table.Name == "tenants" && label != "operator":
		return c.ids["operator"]
	case name == "kind" && table.Name == "tenants" && label != "operator":
		return "CUSTOMER"
	case name == "telephony_user_id" && table.Name == "extensions": // which somebody has
		return uuid.New()
	case name == "number" && table.Name == "phone_numbers":
		return "+49" + label
	case column.Nullable:
		return nil
	case len(column.Enums) > 0:
		return column.Enums[0]
	case name == "currency":
		return "EUR"
	case name == "language" || name == "country":
		return "de"
	case strings.HasPrefix(name, "valid_"), name == "booked_on", name == "issued_on":
		return "2026-01-01"
	case name == "expires_at":
		return noon.Add(time.Hour)
	case name == "gross_amount":
		return 2
	}
	switch column.Type {
	case field.TypeUUID:
		return uuid.New()
	case field.TypeTime:
		return noon
	case field.TypeBool:
		return false
	case field.TypeJSON:
		return "{}"
	case field.TypeString:
		return uuid.NewString()
	default:
		return 1
	}
}

func (c companies) viewer(label string, roles ...authz.Role) *authz.Viewer {
	return &authz.Viewer{User: uuid.New(), Tenant: c.ids[label], TenantPath: c.paths[label], Operator: c.ids["operator"], Roles: roles}
}

// inline writes arguments into a statement, to send it with others in one.
func inline(statement string, args []any) string {
	for i := len(args); i > 0; i-- {
		text := fmt.Sprint(args[i-1])
		if at, ok := args[i-1].(time.Time); ok {
			text = at.Format(time.RFC3339)
		}
		statement = strings.ReplaceAll(statement, fmt.Sprint("$", i), "'"+text+"'")
	}
	return statement
}
