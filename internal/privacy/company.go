package privacy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/internal/audit"
	"kontor/internal/db"
)

// Elsewhere forgets what is kept of a company outside of the database.
type Elsewhere interface {
	// DropAll forgets the contents of its documents.
	DropAll(ctx context.Context, tenant uuid.UUID) (int, error)
}

// Sessions ends those of a user.
type Sessions interface {
	EndAll(ctx context.Context, user uuid.UUID, except string) (int, error)
}

// The kinds of erasures.
const (
	KindUser   = "USER"
	KindTenant = "TENANT"
)

// ofTenants are the tables with what belongs to a customer, in the order in which it can be deleted: what refers to
// something comes before it. Products, categories and portfolios of others have none of a customer's rows.
var ofTenants = strings.Fields(`acting_sessions audit_entries audit_heads bookings cart_items connections customer_centre_links documents
	extensions grants idempotency_keys import_reasons invoice_items mails need_approvers number_series one_time_links one_time_passwords order_events
	order_items order_jobs order_messages password_hashes phone_numbers portfolio_products portfolios prices quote_items recovery_codes registrations rule_approvers
	saved_assignments saved_carts user_roles alloy_groups approval_needs approval_rules carts contract_positions import_runs transfers addresses
	wizards telephony_users sim_cards end_users orders quotes contracts customer_numbers products categories users`)

// DeleteTenant deletes a customer with all that is its own: users, contracts, orders, documents, its audit log, and what others have
// of it, as rights and mails (PRIV-06). In the logs of others its users have no name any more. It is one transaction;
// where another company's order or contract still refers to it, nothing happens. The operator's log notes it. The context must be
// authz.System.
func (r *Room) DeleteTenant(ctx context.Context, organization string) (Erasure, error) {
	t, err := r.db.Client.Tenant.Query().Where(tenant.OrganizationIDEqualFold(organization)).Only(ctx)
	if err != nil {
		return Erasure{}, fmt.Errorf("finding the tenant %q: %w", organization, err)
	}
	return r.deleteTenant(ctx, t)
}

func (r *Room) deleteTenant(ctx context.Context, t *ent.Tenant) (Erasure, error) {
	done := Erasure{Kind: KindTenant, ID: t.ID, Tenant: t.ID, At: db.Moment(r.now())}
	if t.Kind != tenant.KindCUSTOMER {
		return done, fmt.Errorf("%s is no customer: others hang on it", t.OrganizationID)
	}
	_, err := db.InTx(ctx, r.db, func(tx *ent.Tx) (struct{}, error) { return struct{}{}, r.deleteRows(ctx, tx, t, &done) })
	if ent.IsConstraintError(err) {
		return done, fmt.Errorf("something of another company still refers to %s, such as an order for one of its contracts: %w", t.OrganizationID, err)
	}
	return done, err
}

func (r *Room) deleteRows(ctx context.Context, tx *ent.Tx, t *ent.Tenant, done *Erasure) error {
	// Whoever changes rights holds users, in the order of their keys, and refers to contracts and the company: nobody is in the
	// middle of it once these are held, and who comes later finds nothing any more (CONC-07).
	people, err := db.ForUpdate(r.db, tx.User.Query().Where(user.TenantID(t.ID)).Order(user.ByID())).All(ctx)
	if err != nil {
		return fmt.Errorf("holding the users of a company: %w", err)
	}
	if _, err := db.ForUpdate(r.db, tx.Contract.Query().Where(contract.TenantID(t.ID)).Order(contract.ByID())).IDs(ctx); err != nil {
		return fmt.Errorf("holding the contracts of a company: %w", err)
	}
	if _, err := db.ForUpdate(r.db, tx.Tenant.Query().Where(tenant.ID(t.ID))).OnlyID(ctx); err != nil {
		return fmt.Errorf("holding a company: %w", err)
	}
	for _, u := range people {
		done.Users = append(done.Users, u.ID)
		n, err := r.eraseFromAudit(ctx, tx, u, pseudonym(u.ID), tenant.IDNEQ(t.ID))
		if err != nil {
			return err
		}
		done.Entries += n
	}
	const users = "(SELECT id FROM users WHERE tenant_id = $1)"
	const transfers = "(SELECT id FROM transfers WHERE tenant_id = $1 OR giver_id IN " + users + " OR receiver_id IN " + users + " OR revoked_by_id IN " + users + ")"
	for _, statement := range []string{
		"INSERT INTO deleted_tenants (id, deleted_at) SELECT $1, CURRENT_TIMESTAMP WHERE NOT EXISTS (SELECT 1 FROM deleted_tenants WHERE id = $1)",
		// What others have of it: rights that were given on, acting for it, mails to its users.
		"DELETE FROM grants WHERE id IN (WITH RECURSIVE gone AS (SELECT id FROM grants WHERE tenant_id = $1 OR holder_id IN " + users + " OR granted_by_id IN " + users +
			" OR revoked_by_id IN " + users + " OR transfer_id IN " + transfers + " UNION SELECT g.id FROM grants g JOIN gone ON g.parent_id = gone.id) SELECT id FROM gone)",
		"DELETE FROM transfers WHERE id IN " + transfers,
		"DELETE FROM acting_sessions WHERE customer_id = $1",
		"DELETE FROM mails WHERE lower(recipient) IN (SELECT lower(email) FROM users WHERE tenant_id = $1)",
		"DELETE FROM registrations WHERE email_key IN (SELECT email_key FROM users WHERE tenant_id = $1)",
		"UPDATE carts SET contract_id = NULL WHERE tenant_id <> $1 AND contract_id IN (SELECT id FROM contracts WHERE tenant_id = $1)",
		"UPDATE saved_carts SET contract_id = NULL WHERE tenant_id <> $1 AND contract_id IN (SELECT id FROM contracts WHERE tenant_id = $1)",
		// Cards and who has them refer to each other.
		"UPDATE sim_cards SET wizard_id = NULL, reserved_until = NULL, telephony_user_id = NULL WHERE tenant_id = $1",
	} {
		if r.db.Dialect == dialect.Postgres {
			statement = strings.ReplaceAll(statement, "SELECT $1, CURRENT_TIMESTAMP", "SELECT $1::uuid, now()")
		}
		if err := tx.Do(ctx, statement, []any{t.ID}); err != nil {
			return fmt.Errorf("deleting what others have of a company: %w", err)
		}
	}
	for _, table := range ofTenants {
		if err := tx.Do(ctx, "DELETE FROM "+table+" WHERE tenant_id = $1", []any{t.ID}); err != nil {
			return fmt.Errorf("deleting from %s: %w", table, err)
		}
	}
	if err := tx.Do(ctx, "DELETE FROM tenants WHERE id = $1", []any{t.ID}); err != nil {
		return fmt.Errorf("deleting a company: %w", err)
	}
	operator, err := tx.Tenant.Query().Where(tenant.KindEQ(tenant.KindOPERATOR)).Order(tenant.ByID()).FirstID(ctx)
	if err != nil {
		return fmt.Errorf("finding the operator: %w", err)
	}
	return r.audit.Record(ctx, tx, audit.Change{Tenant: operator, Action: audit.DeleteTenant, Kind: "Tenant", Subject: t.ID})
}

// Forget forgets what is kept of a deleted company outside of the database; it can be done again. The operator runs it
// with the line of the erasure, also after a backup was restored.
func (r *Room) Forget(ctx context.Context, e Erasure, store Elsewhere, sessions Sessions) error {
	var failed []error
	if _, err := store.DropAll(ctx, e.Tenant); err != nil {
		failed = append(failed, err)
	}
	for _, of := range e.Users {
		if _, err := sessions.EndAll(ctx, of, ""); err != nil {
			failed = append(failed, fmt.Errorf("ending the sessions of a user of a deleted company: %w", err))
		}
	}
	return errors.Join(failed...)
}
