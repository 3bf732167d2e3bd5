package privacy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/user"
	"kontor/internal/audit"
)

// Copy is all that is kept about one user (PRIV-04): of each table the rows that are about it, with
// the fields that the inventory does not keep back.
type Copy struct {
	Subject string    `json:"subject"`
	ID      uuid.UUID `json:"id"`
	At      time.Time `json:"at"`
	// Tables are the rows by the name of the table.
	Tables map[string][]map[string]any `json:"tables"`
}

// Copy reads all that is kept about a user, and notes in its company's audit log that it was
// given out. The context must be authz.System.
func (r *Room) Copy(ctx context.Context, organization, username string) (Copy, error) {
	u, err := r.find(ctx, organization, username)
	if err != nil {
		return Copy{}, err
	}
	return r.copy(ctx, u)
}

// CopyOf is Copy for the user itself.
func (r *Room) CopyOf(ctx context.Context, id uuid.UUID) (Copy, error) {
	u, err := r.db.Client.User.Get(ctx, id)
	if err != nil {
		return Copy{}, fmt.Errorf("finding a user: %w", err)
	}
	return r.copy(ctx, u)
}

func (r *Room) copy(ctx context.Context, u *ent.User) (Copy, error) {
	inventory, err := Inventory()
	if err != nil {
		return Copy{}, err
	}
	all := Copy{Subject: u.Username, ID: u.ID, At: r.now().UTC(), Tables: map[string][]map[string]any{}}
	for _, table := range slices.Sorted(maps.Keys(inventory)) {
		rows, err := r.about(ctx, table, inventory[table], u)
		if err != nil {
			return Copy{}, err
		}
		if len(rows) > 0 {
			all.Tables[table] = rows
		}
	}
	err = r.audit.Note(ctx, audit.Change{Tenant: u.TenantID, Action: "user.copy", Kind: string("User"), Subject: u.ID, Label: u.Username, Security: true})
	if err != nil {
		return Copy{}, fmt.Errorf("noting that what is kept about a user was given out: %w", err)
	}
	return all, nil
}

// about are the rows of a table that are about a user.
func (r *Room) about(ctx context.Context, table string, columns map[string]Class, u *ent.User) ([]map[string]any, error) {
	var where, shown []string
	var args []any
	match := func(column string, value any) {
		args = append(args, value)
		where = append(where, column+" = "+r.mark(len(args)))
	}
	for _, column := range slices.Sorted(maps.Keys(columns)) {
		switch columns[column] {
		case Subject:
			match(column, u.ID)
			shown = append(shown, column)
		case Nothing, Personal:
			shown = append(shown, column)
		}
	}
	switch table {
	case "mails":
		match("lower(recipient)", strings.ToLower(u.Email))
	case "registrations":
		match("email_key", u.EmailKey)
	}
	if len(where) == 0 {
		return nil, nil
	}
	for i, column := range shown {
		shown[i] = `"` + column + `"`
	}
	found, err := r.db.Query(ctx, "SELECT "+strings.Join(shown, ", ")+" FROM "+table+" WHERE "+strings.Join(where, " OR ")+" ORDER BY id", args...)
	if err != nil {
		return nil, fmt.Errorf("reading what %s has about a user: %w", table, err)
	}
	defer found.Close()
	var rows []map[string]any
	for found.Next() {
		values, into := make([]any, len(shown)), make([]any, len(shown))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			return nil, fmt.Errorf("reading what %s has about a user: %w", table, err)
		}
		row := make(map[string]any, len(shown))
		for i, column := range shown {
			row[strings.Trim(column, `"`)] = plain(values[i])
		}
		rows = append(rows, r.own(table, row, u))
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("reading what %s has about a user: %w", table, err)
	}
	return rows, nil
}

// saidBy are the columns that are about one of several users of a row only, by the column with that user's key: who
// agreed to an order and who placed it, who wrote a message about it.
var saidBy = map[string]map[string][]string{
	"audit_entries":  {"actor_id": {"actor_username", "actor_tenant", "ip_address"}, "subject_id": {"subject_label", "before", "after"}},
	"orders":         {"placed_by_id": {"name", "details", "receipt_to"}, "agreed_by_id": {"agreed_name", "agreed_email"}},
	"order_events":   {"actor_id": {"note"}},
	"order_messages": {"author_id": {"text"}},
}

// own leaves out of a row what is about others: who changed something about the user, what others said of themselves
// or wrote, and the keys of other users.
func (r *Room) own(table string, row map[string]any, u *ent.User) map[string]any {
	me := u.ID.String()
	for whose, columns := range saidBy[table] {
		// Whoever accepts a quote in the portal places the order: no key says who agreed.
		if row[whose] == me || whose == "agreed_by_id" && row["agreed_email"] == u.Email {
			continue
		}
		for _, column := range columns {
			delete(row, column)
		}
	}
	for column, value := range row {
		if strings.HasSuffix(column, "_id") && column != "tenant_id" && isUser(column) && value != me {
			delete(row, column)
		}
	}
	return row
}

// isUser tells whether a column has the key of a user.
func isUser(column string) bool {
	return column == user.FieldSuperiorID || column == "user_id" || column == "actor_id" || column == "holder_id" ||
		column == "giver_id" || column == "receiver_id" || column == "author_id" || strings.HasSuffix(column, "_by_id")
}

// plain is a value as JSON has it: keys and texts as texts, whatever the database gives.
func plain(value any) any {
	switch v := value.(type) {
	case [16]byte:
		return uuid.UUID(v).String()
	case []byte:
		if json.Valid(v) {
			return json.RawMessage(v)
		}
		return string(v)
	case time.Time:
		return v.UTC()
	default:
		return value
	}
}
