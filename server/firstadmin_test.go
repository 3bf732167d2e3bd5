package server_test

import (
	"slices"
	"strings"
	"testing"

	"kontor/authz"
	"kontor/ent/migrate"
	"kontor/internal/db"
	"kontor/internal/identity"
	"kontor/internal/kontortest"
	"kontor/server/servertest"
)

// The first administrator gets a link that works once, and nobody ever knew a password for it; a database that
// was just migrated has nobody who could log in.
//
// Case: PRIV-10
func TestTheFirstAdministratorChoosesThePassword(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		var link string
		k.WithDatabase(t, func(d *db.DB) {
			room := identity.New(identity.Needs{DB: d, Hasher: servertest.Cheap(), Audit: k.AuditLog(t, d), BaseURL: "https://portal.example.com", Now: k.Clock.Now})
			_, made, err := room.CreateUser(authz.System(t.Context()), identity.NewUser{
				Organization: "SERVICE", Username: "erste.admin", Email: "erste.admin@kontor.example", FirstName: "Erna", LastName: "Erste", Language: "de", Roles: []authz.Role{authz.ServiceAgent},
			})
			if err != nil || !strings.HasPrefix(made, "https://portal.example.com/invitation?token=") {
				t.Fatalf("%q, %v", made, err)
			}
			link = made
		})
		k = k.Replica(t)
		for _, guess := range []string{"", servertest.DemoPassword, "admin"} {
			if answer := loginAs(t, k.Anonymous(), "erste.admin", guess); answer.Get("login.token") != nil || answer.Get("login.viewer") != nil {
				t.Errorf("in with %q: %s", guess, answer.Body)
			}
		}
		_, token, _ := strings.Cut(link, "token=")
		take := func(password string) *servertest.Answer {
			return k.Anonymous().Operation(t, "spa/registration", "AcceptInvitation", servertest.Vars{"input": map[string]any{"token": token, "password": password}})
		}
		take("Marke Erste ist lang 1").OK(t)
		if got := take("Marke Zweite ist lang 2").Codes("acceptInvitation"); !slices.Equal(got, []string{"LINK_USED"}) {
			t.Errorf("a second time: %v", got)
		}
		loginAs(t, k.Anonymous(), "erste.admin", "Marke Erste ist lang 1").OK(t)
		if n := len(columnOf(t, k.SQL(t), `SELECT id FROM audit_entries WHERE action = 'user.create' AND subject_label = 'erste.admin' AND actor_id IS NULL`)); n != 1 {
			t.Errorf("%d entries say that the user was made", n)
		}
	})
	fresh, err := db.Open(t.Context(), kontortest.SharedPostgres(t).FreshDatabase(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	if _, err := db.Migrate(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	for _, table := range migrate.Tables {
		if n := len(rowsIn(t, fresh, table.Name)); n != 0 {
			t.Errorf("a new database has %d %s", n, table.Name)
		}
	}
}

func rowsIn(t *testing.T, d *db.DB, table string) []struct{} {
	t.Helper()
	found, err := d.Query(authz.System(t.Context()), `SELECT 1 FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var rows []struct{}
	for found.Next() {
		rows = append(rows, struct{}{})
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}
