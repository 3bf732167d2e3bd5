package access_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/connection"
	"kontor/ent/grant"
	"kontor/ent/tenant"
	"kontor/internal/access"
	"kontor/internal/company"
	"kontor/internal/db"
	"kontor/internal/kontortest"
)

func TestMain(m *testing.M) { os.Exit(kontortest.Main(m)) }

// A contract is in the viewer's list exactly when Casbin says yes to it, for every
// role, every right and every tie, after every change: generated worlds, asked in
// both ways.
//
// Requirement: AC-15
// Requirement: AC-04
// Requirement: AC-14
func TestListsAndChecksAgree(t *testing.T) {
	for name, url := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "kontor.db") },
		"PostgreSQL": func(t *testing.T) string { return kontortest.SharedPostgres(t).FreshDatabase(t, "") },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := authz.System(t.Context())
			d, err := db.Open(ctx, url(t))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if _, err := db.Migrate(ctx, d); err != nil {
				t.Fatal(err)
			}
			w := generate(ctx, d, rand.New(rand.NewPCG(1, 2)))
			asked, allowed := 0, 0
			for step := range 6 {
				a, y := w.compare(t, fmt.Sprintf("step %d", step))
				asked, allowed = asked+a, allowed+y
				w.change()
			}
			if share := float64(allowed) / float64(asked); share < 0.02 || share > 0.6 {
				t.Fatalf("%d of %d were allowed: the world is too simple to prove anything", allowed, asked)
			}
		})
	}
}

type world struct {
	ctx       context.Context
	db        *db.DB
	r         *rand.Rand
	tenants   []*ent.Tenant
	users     []*ent.User
	roles     [][]authz.Role
	numbers   []*ent.CustomerNumber
	contracts []*ent.Contract
}

var began = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// generate makes an operator, a partner with two customers and one beside, their
// users with roles by chance, contracts, connections and grants.
func generate(ctx context.Context, d *db.DB, r *rand.Rand) *world {
	w := &world{ctx: ctx, db: d, r: r}
	parents, kinds := []int{-1, 0, 1, 1, 0}, []tenant.Kind{tenant.KindOPERATOR, tenant.KindPARTNER, tenant.KindCUSTOMER, tenant.KindCUSTOMER, tenant.KindCUSTOMER}
	for i, parent := range parents {
		id := uuid.Must(uuid.NewV7())
		create := d.Client.Tenant.Create().SetID(id).SetPath(id.String() + "/").SetKind(kinds[i]).SetOrganizationID(fmt.Sprint("T", i)).
			SetName(fmt.Sprint("T", i)).SetEmailDomain("t.example").SetCreatedAt(began)
		if parent >= 0 {
			create.SetParentID(w.tenants[parent].ID).SetPath(w.tenants[parent].Path + id.String() + "/")
		}
		w.tenants = append(w.tenants, create.SaveX(ctx))
	}
	for i, t := range w.tenants {
		for j := range 6 {
			key := fmt.Sprintf("user-%d-%d", i, j)
			w.users = append(w.users, d.Client.User.Create().SetTenantID(t.ID).SetUsername(key).SetUsernameKey(key).SetEmail(key).SetEmailKey(key).
				SetFirstName("F").SetLastName("L").SetSessionsValidAfter(began).SetCreatedAt(began).SaveX(ctx))
			w.roles = append(w.roles, w.someRoles(j))
		}
		w.numbers = append(w.numbers, d.Client.CustomerNumber.Create().SetTenantID(t.ID).SetNumber(fmt.Sprint(i)).SetLine("GENERAL").SetCreatedAt(began).SaveX(ctx))
		for j := range 4 {
			create := d.Client.Contract.Create().SetTenantID(t.ID).SetNumber(fmt.Sprint("C", j)).SetType("SERVICE_CONTRACT").SetValidFrom("2026-01-01").SetCreatedAt(began)
			if j > 0 {
				create.SetCustomerNumberID(w.numbers[i].ID)
			}
			w.contracts = append(w.contracts, create.SaveX(ctx))
		}
	}
	for range 60 {
		w.change()
	}
	return w
}

// someRoles are one or two roles; every role comes up in every company.
func (w *world) someRoles(j int) []authz.Role {
	roles := []authz.Role{authz.Roles[j%len(authz.Roles)]}
	if extra := authz.Roles[w.r.IntN(len(authz.Roles))]; w.r.IntN(3) == 0 && extra != roles[0] {
		roles = append(roles, extra)
	}
	return roles
}

// change gives or takes a right or a connection.
func (w *world) change() {
	u, c := w.users[w.r.IntN(len(w.users))], w.contracts[w.r.IntN(len(w.contracts))]
	giver := w.users[w.r.IntN(len(w.users))]
	switch w.r.IntN(5) {
	case 0:
		for i, t := range w.tenants {
			if t.ID == u.TenantID {
				_ = w.db.Client.Connection.Create().SetTenantID(t.ID).SetUserID(u.ID).SetCustomerNumberID(w.numbers[i].ID).SetConnectedAt(began).Exec(w.ctx)
			}
		}
	case 1:
		w.db.Client.Grant.Update().Where(grant.HolderID(u.ID), grant.RevokedAtIsNil()).SetRevokedAt(began).ExecX(w.ctx)
		w.db.Client.Connection.Update().Where(connection.UserID(giver.ID), connection.RevokedAtIsNil()).SetRevokedAt(began).ExecX(w.ctx)
	default:
		if u.ID != giver.ID {
			right := authz.Rights[w.r.IntN(len(authz.Rights))]
			_ = w.db.Client.Grant.Create().SetTenantID(c.TenantID).SetContractID(c.ID).SetHolderID(u.ID).SetRight(grant.Right(right)).
				SetKind(grant.KindDELEGATION).SetGrantedByID(giver.ID).SetCreatedAt(began).Exec(w.ctx)
		}
	}
}

// compare asks for every user and right which contracts the list gives and which
// Casbin allows.
func (w *world) compare(t *testing.T, when string) (asked, allowed int) {
	t.Helper()
	rights, lists := access.New(w.db), company.New(w.db, func() time.Time { return began })
	for i, u := range w.users {
		viewer := w.viewer(u, w.roles[i])
		ctx := authz.NewContext(t.Context(), viewer)
		visible := w.db.Client.Contract.Query().IDsX(ctx)
		for _, right := range authz.Rights {
			q, err := lists.Contracts(ctx, &company.ContractFilter{Right: &right})
			if err != nil {
				t.Fatal(err)
			}
			listed := q.IDsX(ctx)
			for _, c := range w.db.Client.Contract.Query().AllX(w.ctx) {
				can, err := rights.Can(ctx, w.db.Client, right, c)
				if err != nil {
					t.Fatal(err)
				}
				held, err := rights.MyRights(ctx, c)
				if err != nil {
					t.Fatal(err)
				}
				asked++
				if can {
					allowed++
				}
				// What cannot be seen is in no list, whatever else is held on it.
				inList := can && slices.Contains(visible, c.ID)
				if inList != slices.Contains(listed, c.ID) || can != slices.Contains(held, right) || (right == authz.View && can != slices.Contains(visible, c.ID)) {
					t.Fatalf("%s: %v of %s with %v on %s of %s: Casbin %v, list %v, rights %v, visible %v",
						when, right, u.Username, w.roles[i], c.Number, c.TenantID, can, slices.Contains(listed, c.ID), held, slices.Contains(visible, c.ID))
				}
			}
		}
	}
	return asked, allowed
}

func (w *world) viewer(u *ent.User, roles []authz.Role) *authz.Viewer {
	v := &authz.Viewer{User: u.ID, Tenant: u.TenantID, Operator: w.tenants[0].ID, Roles: roles}
	for _, t := range w.tenants {
		if t.ID == u.TenantID {
			v.TenantPath = t.Path
		}
	}
	v.HoldsGrants = w.db.Client.Grant.Query().Where(grant.HolderID(u.ID), grant.RevokedAtIsNil()).ExistX(w.ctx)
	v.HoldsConnections = w.db.Client.Connection.Query().Where(connection.UserID(u.ID), connection.RevokedAtIsNil()).ExistX(w.ctx)
	return v
}
