// Package privacy is the room of what people can ask of what is kept about them: all of it, and
// that it goes away (PRIV-04, PRIV-05). What is kept of whom is in fields.csv, and in
// docs/privacy.md for people.
package privacy

import (
	"context"
	_ "embed"
	"encoding/csv"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"

	"kontor/ent"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/fault"
)

// Room answers for people.
type Room struct {
	db    *db.DB
	audit *audit.Log
	now   func() time.Time
}

// New is the room over a database and its audit log.
func New(d *db.DB, log *audit.Log, now func() time.Time) *Room {
	return &Room{db: d, audit: log, now: now}
}

// Class says what a column holds, as far as people are concerned.
type Class string

// The classes of the inventory.
const (
	Nothing  Class = "NOTHING"  // nothing about a person
	Subject  Class = "SUBJECT"  // the key of the user that the row is about
	Personal Class = "PERSONAL" // something about that user
	Others   Class = "OTHERS"   // something about people who are no users, or about other users
	Secret   Class = "SECRET"   // what nobody is told, such as the hash of a password
)

//go:embed fields.csv
var inventory string

// Inventory is the class of each column of each table.
func Inventory() (map[string]map[string]Class, error) {
	rows, err := csv.NewReader(strings.NewReader(inventory)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading the inventory of fields: %w", err)
	}
	all := map[string]map[string]Class{}
	for _, row := range rows[1:] {
		if all[row[0]] == nil {
			all[row[0]] = map[string]Class{}
		}
		all[row[0]][row[1]] = Class(row[2])
	}
	return all, nil
}

// find is the user of an organization by its name. The context must be authz.System.
func (r *Room) find(ctx context.Context, organization, username string) (*ent.User, error) {
	t, err := r.db.Client.Tenant.Query().Where(tenant.OrganizationIDEqualFold(organization)).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the tenant %q: %w", organization, err)
	}
	u, err := r.db.Client.User.Query().Where(user.TenantID(t.ID), user.UsernameEqualFold(username)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fmt.Errorf("%s has no user %q: %w", t.OrganizationID, username, fault.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("finding the user %q: %w", username, err)
	}
	return u, nil
}

// mark is the place of an argument in a statement.
func (r *Room) mark(n int) string {
	if r.db.Dialect == dialect.Postgres {
		return fmt.Sprint("$", n)
	}
	return "?"
}
