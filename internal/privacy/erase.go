package privacy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/predicate"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/db"
)

// Erasure is a user that was erased, or a company that was deleted. It is kept outside of the database, so that a backup that
// is restored loses the user again (docs/privacy.md).
type Erasure struct {
	Kind   string    `json:"kind"`
	ID     uuid.UUID `json:"id"`
	Tenant uuid.UUID `json:"tenant"`
	At     time.Time `json:"at"`
	// Entries is how many entries of audit logs said something of the user.
	Entries int `json:"auditEntries"`
	// Users are those of a company that was deleted, whose sessions end.
	Users []uuid.UUID `json:"users,omitempty"`
}

// owned are the tables whose rows of a user go away with it, each with the column of the user; in
// the order in which they refer to one another.
var owned = [][2]string{
	{"cart_items", "user_id"}, {"carts", "user_id"}, {"saved_carts", "user_id"}, {"addresses", "user_id"}, {"saved_assignments", "user_id"},
	{"customer_centre_links", "user_id"}, {"acting_sessions", "user_id"}, {"password_hashes", "user_id"}, {"one_time_links", "user_id"},
	{"recovery_codes", "user_id"}, {"idempotency_keys", "user_id"},
}

// Erase takes a user's name and everything that leads to the person out of the database. What it
// ordered, decided and gave stays, as the books need it, and is a nameless user's then. It must have been
// deactivated before: that says who takes over. The context must be authz.System.
func (r *Room) Erase(ctx context.Context, organization, username string) (Erasure, error) {
	u, err := r.find(ctx, organization, username)
	if err != nil {
		return Erasure{}, err
	}
	if u.Status != user.StatusDEACTIVATED {
		return Erasure{}, fmt.Errorf("%s is not deactivated: a master admin does that first, and says who takes over", username)
	}
	return r.eraseUser(ctx, u)
}

// Again erases a user or deletes a company once more, after a backup of before was restored. One that is not there or
// has no name any more stays as it is.
func (r *Room) Again(ctx context.Context, e Erasure) (bool, error) {
	if e.Kind == KindTenant {
		t, err := r.db.Client.Tenant.Query().Where(tenant.ID(e.Tenant)).Only(ctx)
		if ent.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("finding a deleted company: %w", err)
		}
		_, err = r.deleteTenant(ctx, t)
		return err == nil, err
	}
	u, err := r.db.Client.User.Query().Where(user.ID(e.ID), user.TenantID(e.Tenant)).Only(ctx)
	if ent.IsNotFound(err) || err == nil && u.Username == pseudonym(u.ID) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("finding an erased user: %w", err)
	}
	_, err = r.eraseUser(ctx, u)
	return err == nil, err
}

// pseudonym is what an erased user is called.
func pseudonym(id uuid.UUID) string { return "erased-" + strings.ReplaceAll(id.String(), "-", "") }

func (r *Room) eraseUser(ctx context.Context, u *ent.User) (Erasure, error) {
	done := Erasure{Kind: KindUser, ID: u.ID, Tenant: u.TenantID, At: db.Moment(r.now())}
	name := pseudonym(u.ID)
	entries, err := db.InTx(ctx, r.db, func(tx *ent.Tx) (int, error) {
		if _, err := tx.UserRole.Delete().Where(userrole.UserID(u.ID)).Exec(ctx); err != nil {
			return 0, fmt.Errorf("taking an erased user's roles: %w", err)
		}
		// An address that it was about to change to has a link, and a mail of its own.
		err := tx.Do(ctx, "DELETE FROM mails WHERE lower(recipient) IN (SELECT lower(email) FROM one_time_links WHERE user_id = "+r.mark(1)+")", []any{u.ID})
		if err != nil {
			return 0, fmt.Errorf("deleting what was sent to an erased user: %w", err)
		}
		// Where a receipt went is no part of what was ordered.
		receipts := "UPDATE orders SET receipt_to = '[]' WHERE placed_by_id = " + r.mark(1) + " AND receipt_to IS NOT NULL"
		if err := tx.Do(ctx, receipts, []any{u.ID}); err != nil {
			return 0, fmt.Errorf("forgetting where receipts went: %w", err)
		}
		for _, each := range owned {
			if err := tx.Do(ctx, "DELETE FROM "+each[0]+" WHERE "+each[1]+" = "+r.mark(1), []any{u.ID}); err != nil {
				return 0, fmt.Errorf("deleting from %s: %w", each[0], err)
			}
		}
		for _, statement := range []string{
			"DELETE FROM mails WHERE lower(recipient) = lower(" + r.mark(1) + ")",
			"DELETE FROM registrations WHERE lower(email) = lower(" + r.mark(1) + ")",
		} {
			if err := tx.Do(ctx, statement, []any{u.Email}); err != nil {
				return 0, fmt.Errorf("deleting what was sent to an erased user: %w", err)
			}
		}
		err = tx.User.UpdateOneID(u.ID).SetUsername(name).SetUsernameKey(name).SetEmail(name + "@erased.invalid").SetEmailKey(name + "@erased.invalid").
			SetTitle("").SetFirstName("").SetLastName("").SetPhone("").SetMobile("").SetStreet("").SetPostalCode("").SetCity("").SetCountry("").
			SetStatus(user.StatusDEACTIVATED).SetPasswordHash("").SetOtpEnabled(false).SetOtpSecret("").SetSessionsValidAfter(done.At).SetSurvivingSession("").
			ClearLastLoginAt().Exec(ctx)
		if err != nil {
			return 0, fmt.Errorf("taking the name of a user: %w", err)
		}
		return r.eraseFromAudit(ctx, tx, u, name)
	})
	done.Entries = entries
	return done, err
}

// eraseFromAudit takes the user out of the audit logs of all companies that have it, in the order of
// their keys, so that two erasures never wait for each other.
func (r *Room) eraseFromAudit(ctx context.Context, tx *ent.Tx, u *ent.User, name string, where ...predicate.Tenant) (int, error) {
	companies, err := tx.Tenant.Query().Where(where...).Order(tenant.ByID()).IDs(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading whose audit logs there are: %w", err)
	}
	person, err := r.audit.Person(ctx, tx, u)
	if err != nil {
		return 0, err
	}
	all := 0
	for _, of := range companies {
		n, err := r.audit.Erase(ctx, tx, of, person, name)
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}
