package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/internal/fault"
	"kontor/internal/session"
)

// Authenticate is the viewer behind a token and the language it reads, or
// fault.ErrUnauthenticated. The session comes from Redis and everything that
// rights follow from out of the database, in one statement: so a change counts
// from the next request on, on every replica, whatever messages were lost. A quiet request does
// not count as a use of the session (AUTH-16, GQL-13).
func (s *Service) Authenticate(ctx context.Context, token string, transport session.Transport, quiet bool) (*authz.Viewer, string, error) {
	read := s.Sessions.Get
	if quiet {
		read = s.Sessions.Peek
	}
	found, err := read(ctx, token)
	if errors.Is(err, session.ErrNotFound) {
		return nil, "", fault.ErrUnauthenticated
	}
	if err != nil {
		return nil, "", unavailable(err)
	}
	// A browser's token is not taken from an app, and the other way round.
	if found.Transport != transport {
		return nil, "", fault.ErrUnauthenticated
	}
	return s.viewer(ctx, found)
}

// Again is a viewer as it is now: its session still there, its rights read anew. It is
// fault.ErrUnauthenticated where it may not go on. Nothing of this counts as a use of the
// session.
func (s *Service) Again(ctx context.Context, v *authz.Viewer) (*authz.Viewer, error) {
	found, err := s.Sessions.Find(ctx, v.User, v.Session)
	if errors.Is(err, session.ErrNotFound) {
		return nil, fault.ErrUnauthenticated
	}
	if err != nil {
		return nil, unavailable(err)
	}
	again, _, err := s.viewer(ctx, found)
	return again, err
}

// viewer reads what a session's user is and may, one row for each role.
func (s *Service) viewer(ctx context.Context, of session.Session) (*authz.Viewer, string, error) {
	key, err := uuid.Parse(of.ID)
	if err != nil {
		return nil, "", fmt.Errorf("reading the key of a session: %w", err)
	}
	// Nobody is known yet: the server asks for itself.
	rows, err := s.DB.Query(authz.System(ctx), s.viewerQuery, of.UserID, of.UserID, key, of.UserID, of.TenantID)
	if err != nil {
		return nil, "", fmt.Errorf("reading the viewer: %w", err)
	}
	defer rows.Close()
	v := &authz.Viewer{User: of.UserID, Tenant: of.TenantID, Session: of.ID}
	var (
		u    ent.User
		t    ent.Tenant
		role *string
		seen bool
		// The customer that it acts for, where it does.
		customer uuid.NullUUID
		path     *string
	)
	for rows.Next() {
		seen = true
		if err := rows.Scan(&v.Username, &u.Status, &u.Language, &u.MustChangePassword, &u.SessionsValidAfter, &u.SurvivingSession,
			&u.OtpEnabled, &u.Title, &u.Phone, &u.Mobile, &u.Street, &u.PostalCode, &u.City, &u.Country,
			&t.Path, &t.PasswordPolicy, &t.MandatoryContactFields, &customer, &path,
			&v.HoldsGrants, &v.HoldsConnections, &role); err != nil {
			return nil, "", fmt.Errorf("reading the viewer: %w", err)
		}
		if role != nil {
			v.Roles = append(v.Roles, authz.Role(*role))
		}
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("reading the viewer: %w", err)
	}
	// Whoever is locked out of logging in goes on where it is logged in: otherwise
	// anybody could end the sessions of others by guessing.
	may := u.Status == user.StatusACTIVE || u.Status == user.StatusLOCKED
	cutOff := of.CreatedAt.Before(u.SessionsValidAfter) && of.ID != u.SurvivingSession
	if !seen || !may || cutOff {
		return nil, "", fault.ErrUnauthenticated
	}
	slices.SortFunc(v.Roles, inOrder)
	v.TenantPath, v.Pending = t.Path, Pending(&u, &t)
	if v.Operator, err = ent.OperatorOf(v.TenantPath); err != nil {
		return nil, "", err
	}
	if customer.Valid {
		v, err = acting(v, customer.UUID, *path)
	}
	return v, string(u.Language), err
}

// inOrder puts roles in the order of AC-03, whatever the database does.
func inOrder(a, b authz.Role) int {
	return cmp.Compare(slices.Index(authz.Roles, a), slices.Index(authz.Roles, b))
}

// viewerQuery is the statement of viewer, for a user's key twice, a session's, the
// user's again and its tenant's. It is the same for every request, so it is written once.
func viewerQuery(dialect string) string {
	b := sql.Dialect(dialect)
	u, t, r := b.Table("users").As("u"), b.Table("tenants").As("t"), b.Table("user_roles").As("r")
	a, c := b.Table("acting_sessions").As("a"), b.Table("tenants").As("c")
	live := func(table, column string) sql.Querier {
		return sql.ExprFunc(func(e *sql.Builder) {
			e.WriteString("EXISTS (SELECT 1 FROM ").Ident(table).WriteString(" WHERE ").Ident(column).WriteOp(sql.OpEQ).
				Arg(uuid.Nil).WriteString(" AND ").Ident("revoked_at").WriteString(" IS NULL)")
		})
	}
	query, _ := b.Select(u.C("username"), u.C("status"), u.C("language"), u.C("must_change_password"), u.C("sessions_valid_after"),
		u.C("surviving_session"), u.C("otp_enabled"), u.C("title"), u.C("phone"), u.C("mobile"), u.C("street"), u.C("postal_code"),
		u.C("city"), u.C("country"), t.C("path"), t.C("password_policy"), t.C("mandatory_contact_fields"), c.C("id"), c.C("path")).
		AppendSelectExpr(live("grants", "holder_id"), live("connections", "user_id"), sql.Raw(r.C("role"))).
		From(u).Join(t).On(t.C("id"), u.C("tenant_id")).LeftJoin(r).On(r.C("user_id"), u.C("id")).
		LeftJoin(a).OnP(sql.And(sql.ColumnsEQ(a.C("user_id"), u.C("id")), sql.EQ(a.C("session_id"), uuid.Nil))).
		LeftJoin(c).On(c.C("id"), a.C("customer_id")).
		Where(sql.And(sql.EQ(u.C("id"), uuid.Nil), sql.EQ(u.C("tenant_id"), uuid.Nil))).
		Query()
	return query
}

// User is the viewer's own user, whomever it acts for.
func (s *Service) User(ctx context.Context) (*ent.User, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	u, err := s.DB.Client.User.Query().Where(user.ID(v.User)).Only(authz.NewContext(ctx, v.AtHome()))
	if err != nil {
		return nil, fmt.Errorf("reading the viewer's user: %w", err)
	}
	return u, nil
}

// Tenant is the company that the viewer works for, which is its own unless it acts for
// another one.
func (s *Service) Tenant(ctx context.Context) (*ent.Tenant, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.DB.Client.Tenant.Get(ctx, v.Tenant)
	if err != nil {
		return nil, fmt.Errorf("reading the viewer's tenant: %w", err)
	}
	return t, nil
}

// TenantName is the name of a person's company, or empty where the viewer may not
// see it: one statement for all people that were loaded together.
func (s *Service) TenantName(ctx context.Context, u *ent.User) (string, error) {
	names, err := ent.Load(ctx, u.Siblings(), "tenantName", func(ctx context.Context, all []*ent.User) (map[uuid.UUID]string, error) {
		ids := make([]uuid.UUID, len(all))
		for i, each := range all {
			ids[i] = each.TenantID
		}
		tenants, err := s.DB.Client.Tenant.Query().Where(tenant.IDIn(ids...)).Select(tenant.FieldID, tenant.FieldName).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the names of companies: %w", err)
		}
		names := make(map[uuid.UUID]string, len(tenants))
		for _, t := range tenants {
			names[t.ID] = t.Name
		}
		return names, nil
	})
	return names[u.TenantID], err
}
