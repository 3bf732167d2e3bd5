package db

import (
	"context"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
)

// CheckWall refuses a PostgreSQL that does not keep tenants apart by itself: a role that
// row security does not hold for, or a table of tenants without it. Owning the tables
// is no way past: it is forced on their owner, too.
func CheckWall(ctx context.Context, d *DB) error {
	if d.Dialect != dialect.Postgres {
		return nil
	}
	var role string
	var unbound bool
	err := d.plain.QueryRowContext(ctx, "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user").Scan(&role, &unbound)
	if err != nil {
		return fmt.Errorf("asking for the rights of the database role: %w", err)
	}
	if unbound {
		return fmt.Errorf("the database role %q is a superuser or bypasses row security: production needs a role without these attributes", role)
	}
	var open string
	if err := d.plain.QueryRowContext(ctx, unwalled).Scan(&open); err != nil {
		return fmt.Errorf("asking which tables have row security: %w", err)
	}
	if open != "" {
		return fmt.Errorf("row security is not enabled and forced on %s: production needs it on every table of tenants; "+
			"run ALTER TABLE … ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", strings.ReplaceAll(open, " ", ", "))
	}
	return nil
}

// unwalled are the tables of tenants, of those that were deleted too, that row security does not hold for, the owner included.
const unwalled = `SELECT coalesce(string_agg(c.relname, ' ' ORDER BY c.relname), '') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
	AND (c.relname IN ('tenants', 'deleted_tenants') OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped))`
