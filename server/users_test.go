package server_test

import (
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"kontor/graph"
	"kontor/internal/gid"
	"kontor/server/servertest"
)

var userList = listing{"users", "UserFilter", "UserOrder", "username"}

// administer sends a mutation of the document spa/users.
func administer(t *testing.T, c *servertest.Client, operation string, input map[string]any) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "spa/users", operation, servertest.Vars{"input": input})
}

// userID is the global ID of a user.
func userID(t *testing.T, d *sql.DB, username string) string {
	t.Helper()
	found := columnOf(t, d, `SELECT id FROM users WHERE username = $1`, username)
	if len(found) != 1 {
		t.Fatalf("there are %d users %s", len(found), username)
	}
	return globalID("usr", found[0])
}

// keyOf is the key behind a global ID.
func keyOf(t *testing.T, id string) string {
	t.Helper()
	_, key, ok := gid.ID(id).Split()
	if !ok {
		t.Fatalf("%q is no ID", id)
	}
	return key.String()
}

// tenantID is the global ID of a company.
func tenantID(t *testing.T, d *sql.DB, organization string) string {
	t.Helper()
	return globalID("ten", columnOf(t, d, `SELECT id FROM tenants WHERE organization_id = $1`, organization)[0])
}

// colleague puts a user beside the API: like the one that is named, with its company
// and password, but with these names and roles. It gives the ID.
func colleague(t *testing.T, d *sql.DB, like, username, first, last string, roles ...string) string {
	t.Helper()
	row := rowsOf(t, d, `SELECT tenant_id, phone, password_hash, email FROM users WHERE username = $1`, like)[0]
	id := uuid.Must(uuid.NewV7()).String()
	_, domain, _ := strings.Cut(row[3], "@")
	alter(t, d, `INSERT INTO users (id, tenant_id, username, username_key, email, email_key, title, first_name, last_name, phone, mobile, language, status,
		password_hash, must_change_password, sessions_valid_after, surviving_session, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, '', $7, $8, $9, '', 'de', 'ACTIVE', $10, false, '2026-01-01 00:00:00+00:00', '', '2026-01-01 00:00:00+00:00')`,
		id, row[0], username, strings.ToLower(username), username+"@"+domain, strings.ToLower(username)+"@"+domain, first, last, row[1], row[2])
	for _, role := range roles {
		alter(t, d, `INSERT INTO user_roles (id, tenant_id, user_id, role) VALUES ($1, $2, $3, $4)`, uuid.Must(uuid.NewV7()).String(), row[0], id, role)
	}
	return globalID("usr", id)
}

// Words are found in names, user names and addresses, whatever the case, umlauts too;
// what means something to a database means itself.
//
// Requirement: ID-15
func TestUsersAreFound(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, martha := k.SQL(t), k.As(t, "martha.hansen")
		colleague(t, d, "gerd.grau", "aenne", "Änne", "ÖLMANN", "GENERAL_USER")
		colleague(t, d, "gerd.grau", "oezguer", "Özgür", "von der Straße", "GENERAL_USER")
		colleague(t, d, "gerd.grau", "percent", "100%", "Sicher", "GENERAL_USER")
		colleague(t, d, "gerd.grau", "under_score", "Anna_Lena", "Strich", "GENERAL_USER")
		colleague(t, d, "gerd.grau", "backslash", `C:\Temp`, "Pfad", "GENERAL_USER")
		all := columnOf(t, d, `SELECT username FROM users WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA') ORDER BY username`)
		for search, want := range map[string][]string{
			"ölmann": {"aenne"}, "Ölmann": {"aenne"}, "ÖLM": {"aenne"}, "o\u0308lmann": {"aenne"}, "ÄNNE": {"aenne"}, "änne ölmann": {"aenne"}, "ölmann  änne": {"aenne"},
			"ÖZGÜR": {"oezguer"}, "straße": {"oezguer"}, "ö": {"aenne", "oezguer"},
			"%": {"percent"}, "0%": {"percent"}, "_": {"under_score"}, "a_l": {"under_score"}, `\`: {"backslash"}, `:\t`: {"backslash"},
			"MARTHA.hansen": {"martha.hansen"}, "hansen": {"martha.hansen", "moritz.hansen"}, "hansen m": {"martha.hansen", "moritz.hansen"},
			"gerd hansen": nil, "Gerd.Grau@HANSA": {"gerd.grau"}, "gerd.grau": {"gerd.grau"}, " gerd ": {"gerd.grau"},
			"": all, "   ": all, "hansa.example": all,
			"gisela": nil, "brandt.example": nil, "Kontor-2026!": nil, "MASTER_ADMIN": nil,
		} {
			if got := sorted(userList.all(t, martha, map[string]any{"search": search})); !slices.Equal(got, want) {
				t.Errorf("%q finds %v, want %v", search, got, want)
			}
		}
		for _, text := range append(hostile, strings.Repeat("x ", 5000), strings.Repeat("%", 1000)) {
			martha.Do(t, `query($s: String!) { users(first: 1, where: {search: $s}) { totalCount } }`, servertest.Vars{"s": text}).OK(t)
		}
	})
}

// Filters hold together, and reach no further than the viewer.
//
// Requirement: ID-15
// Requirement: AC-01
// Requirement: AC-02
// Requirement: AC-15
func TestUsersAreFiltered(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		alter(t, d, `UPDATE users SET status = 'LOCKED' WHERE username IN ('anna.abel', 'gisela.gross')`)
		alter(t, d, `UPDATE users SET status = 'DEACTIVATED' WHERE username = 'gerd.grau'`)
		colleague(t, d, "gerd.grau", "both.roles", "Beate", "Beides", "GENERAL_USER", "APPROVER")
		colleague(t, d, "paul.lang", "petra.partner", "Petra", "Partner", "MASTER_ADMIN", "PARTNER_AGENT")
		hansa, brandt, fernruf := tenantID(t, d, "HANSA"), tenantID(t, d, "BRANDT"), tenantID(t, d, "FERNRUF")
		of := func(organization string) []string {
			return columnOf(t, d, `SELECT username FROM users WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = $1) ORDER BY username`, organization)
		}
		everybody := columnOf(t, d, `SELECT username FROM users ORDER BY username`)
		for _, each := range []struct {
			who   string
			where map[string]any
			want  []string
		}{
			{"martha.hansen", nil, of("HANSA")},
			{"martha.hansen", map[string]any{"status": "LOCKED"}, []string{"anna.abel"}},
			{"martha.hansen", map[string]any{"status": "DEACTIVATED"}, []string{"gerd.grau"}},
			{"martha.hansen", map[string]any{"status": "INVITED"}, nil},
			{"martha.hansen", map[string]any{"role": "MASTER_ADMIN"}, []string{"martha.hansen", "moritz.hansen"}},
			{"martha.hansen", map[string]any{"role": "APPROVER"}, []string{"anna.abel", "both.roles"}},
			{"martha.hansen", map[string]any{"role": "SERVICE_AGENT"}, nil},
			{"martha.hansen", map[string]any{"role": "APPROVER", "status": "ACTIVE"}, []string{"both.roles"}},
			{"martha.hansen", map[string]any{"role": "APPROVER", "status": "ACTIVE", "search": "abel"}, nil},
			{"martha.hansen", map[string]any{"tenantId": hansa, "search": nil, "status": nil}, of("HANSA")},
			{"martha.hansen", map[string]any{"tenantId": brandt}, nil},
			{"malte.brandt", nil, of("BRANDT")},
			{"petra.partner", nil, of("FERNRUF")}, // to see customers is not to administer them
			{"petra.partner", map[string]any{"tenantId": hansa}, nil},
			{"sabine.kurz", nil, everybody},
			{"sabine.kurz", map[string]any{"tenantId": brandt}, of("BRANDT")},
			{"sabine.kurz", map[string]any{"tenantId": fernruf, "role": "MASTER_ADMIN"}, []string{"petra.partner"}},
			{"sabine.kurz", map[string]any{"status": "LOCKED"}, []string{"anna.abel", "gisela.gross"}},
			{"sabine.kurz", map[string]any{"tenantId": "ten_none"}, nil},
		} {
			c := k.As(t, each.who)
			if got := sorted(userList.all(t, c, each.where)); !slices.Equal(got, each.want) {
				t.Errorf("%s with %v sees %v, want %v", each.who, each.where, got, each.want)
			}
			answer := c.Operation(t, "spa/users", "Users", servertest.Vars{"first": 100, "where": each.where}).OK(t)
			if got := answer.Get("users.totalCount"); got != float64(len(each.want)) {
				t.Errorf("%s with %v: totalCount is %v, want %d", each.who, each.where, got, len(each.want))
			}
		}
		// The list and the check agree: what petra sees she may touch, and nothing else.
		petra := k.As(t, "petra.partner")
		if got := administer(t, petra, "SendPasswordReset", map[string]any{"id": userID(t, d, "martha.hansen")}).Code(); got != "NOT_FOUND" {
			t.Errorf("a customer's user: %q", got)
		}
		administer(t, petra, "SendPasswordReset", map[string]any{"id": userID(t, d, "paul.lang")}).OK(t)
	})
}

// Every order can be read in pages from both ends, without gaps and without doubles,
// also where many are alike.
//
// Requirement: ID-15
func TestUsersInPages(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, martha := k.SQL(t), k.As(t, "martha.hansen")
		for i := range 24 {
			colleague(t, d, "gerd.grau", fmt.Sprintf("meier.%02d", (i*7)%24), "Max", "Meier", "GENERAL_USER") // all made at the same moment
		}
		colleague(t, d, "gerd.grau", "quote", "Q'", "O'Neil, \"X\"", "GENERAL_USER")
		colleague(t, d, "gerd.grau", "ueber", "Ü", "Überall", "GENERAL_USER")
		alter(t, d, `UPDATE users SET created_at = '2026-03-01 08:00:00.123456+00:00' WHERE username IN ('meier.03', 'meier.20', 'quote')`)
		for field, column := range map[string]string{"LAST_NAME": "last_name", "EMAIL": "email", "CREATED_AT": "created_at"} {
			want := columnOf(t, d, `SELECT username FROM users WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA') ORDER BY `+column+`, id`)
			for _, direction := range []string{"ASC", "DESC"} {
				orderBy := map[string]any{"field": field, "direction": direction}
				for _, size := range []int{1, 5, 100} {
					for _, backward := range []bool{false, true} {
						if got := userList.walk(t, martha, size, backward, nil, orderBy); !slices.Equal(got, want) {
							t.Errorf("%s %s, pages of %d, backward %v: %v, want %v", field, direction, size, backward, got, want)
						}
					}
				}
				slices.Reverse(want)
			}
			if got := userList.walk(t, martha, 4, false, map[string]any{"search": "meier", "status": "ACTIVE"}, map[string]any{"field": field}); len(got) != 24 {
				t.Errorf("by %s %d of 24 are found: %v", field, len(got), got)
			}
		}
		if got, want := userList.all(t, martha, nil), userList.walk(t, martha, 100, false, nil, map[string]any{"field": "LAST_NAME", "direction": "ASC"}); !slices.Equal(got, want) {
			t.Errorf("without an order the list is %v, want %v", got, want)
		}
		userList.refusesBadPages(t, martha)
	})
}

// A list of users costs the same few statements however long it is.
//
// Requirement: ID-15
func TestStatementsOfUsers(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, martha := k.SQL(t), k.As(t, "martha.hansen")
		superior := columnOf(t, d, `SELECT id FROM users WHERE username = 'martha.hansen'`)[0]
		for i := range 110 {
			id := keyOf(t, colleague(t, d, "gerd.grau", fmt.Sprintf("aaa.%03d", i), "Anton", fmt.Sprintf("AAA %03d", i), "SUB_ADMIN", "APPROVER"))
			alter(t, d, `UPDATE users SET superior_id = $1, status = 'INVITED' WHERE id = $2`, superior, id)
			for range 2 {
				link := uuid.Must(uuid.NewV7()).String()
				alter(t, d, `INSERT INTO one_time_links (id, tenant_id, user_id, purpose, token_hash, email, created_at, expires_at)
					SELECT '`+link+`', tenant_id, id, 'INVITATION', '`+link+`', email, '2026-11-01 00:00:00+00:00', '2026-12-24 00:00:00+00:00' FROM users WHERE id = $1`, id)
			}
		}
		for who, c := range map[string]*servertest.Client{"martha": martha, "sabine": k.As(t, "sabine.kurz")} {
			// The viewer, the users, their number, roles, superiors, invitations.
			sameForAnyLength(t, k, "users for "+who, 6, func(n int) *servertest.Answer {
				return c.Operation(t, "spa/users", "Users", servertest.Vars{"first": n}).OK(t)
			}, func(answer *servertest.Answer) int {
				for i := range answer.List(t, "users.nodes") {
					at := fmt.Sprintf("users.nodes.%d.", i)
					if answer.Get(at+"superior.lastName") != "Hansen" || answer.Get(at+"invitation.status") != "OPEN" || fmt.Sprint(answer.Get(at+"roles")) != "[SUB_ADMIN APPROVER]" {
						t.Fatalf("user %d: %v", i, answer.Get(fmt.Sprintf("users.nodes.%d", i)))
					}
				}
				return len(answer.List(t, "users.nodes"))
			})
		}
	})
}

// rootFieldsFor are the root fields behind some actions of the policy.
func rootFieldsFor(t *testing.T, actions ...string) []rootField {
	t.Helper()
	api := graph.Schema(&graph.Resolver{}).Schema()
	var chosen []rootField
	for _, field := range rootFields(t) {
		var definition *ast.FieldDefinition
		if definition = api.Query.Fields.ForName(field.name); definition == nil {
			definition = api.Mutation.Fields.ForName(field.name)
		}
		if can := definition.Directives.ForName("can"); can != nil && slices.Contains(actions, can.Arguments.ForName("do").Value.Raw) {
			chosen = append(chosen, field)
		}
	}
	return chosen
}

// Users are administered by master admins and service agents, companies by service
// agents, and by nobody else; the refusal is one for all fields, before anything is
// looked up.
//
// Requirement: ID-15
// Requirement: AC-03
func TestUsersAreAdministeredByAdminsOnly(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		colleague(t, d, "gerd.grau", "all.but.master", "Alle", "Anderen", "SUB_ADMIN", "GENERAL_USER", "APPROVER", "PARTNER_AGENT")
		colleague(t, d, "gerd.grau", "no.roles", "Ohne", "Rolle")
		ofUsers, ofTenants := rootFieldsFor(t, "user.administer"), rootFieldsFor(t, "tenant.settings", "tenant.invite")
		if len(ofUsers) != 8 || len(ofTenants) != 3 {
			t.Fatalf("%d fields for users and %d for tenants", len(ofUsers), len(ofTenants))
		}
		clients := map[string]*servertest.Client{}
		for _, who := range []string{"gerd.grau", "silke.sommer", "anna.abel", "paul.lang", "all.but.master", "no.roles"} {
			clients[who] = k.As(t, who)
		}
		before := dump(t, d, "HANSA")
		for who, c := range clients {
			time.Sleep(200 * time.Millisecond) // what is noted behind the answer to the one before
			k.Statements.Take()
			for _, field := range append(ofUsers, ofTenants...) {
				answer := c.Do(t, field.document, nil)
				if answer.Code() != "FORBIDDEN" || answer.Get(field.name) != nil {
					t.Errorf("%s, %s: %s", who, field.name, answer.Body)
				}
				// Behind the answer the log is told of it: only the viewer is looked for.
				if sent := slices.DeleteFunc(k.Statements.Take(), func(statement string) bool { return behindAnswer.MatchString(statement) }); len(sent) != 1 {
					t.Errorf("%s, %s: %d statements, want that for the viewer only: %q", who, field.name, len(sent), sent)
				}
			}
			// A colleague's account is nothing to look at either.
			if answer := c.Do(t, `query($id: ID!) { node(id: $id) { id } }`, servertest.Vars{"id": userID(t, d, "martha.hansen")}); answer.Code() != "NOT_FOUND" {
				t.Errorf("%s, node: %s", who, answer.Body)
			}
		}
		if after := dump(t, d, "HANSA"); withoutLogins(after) != withoutLogins(before) {
			t.Errorf("something has changed:\n%s\nbefore:\n%s", after, before)
		}
		martha := k.As(t, "martha.hansen")
		for _, field := range ofTenants {
			if answer := martha.Do(t, field.document, nil); answer.Code() != "FORBIDDEN" {
				t.Errorf("a master admin, %s: %s", field.name, answer.Body)
			}
		}
		// Whoever loses the role loses the list with the next request.
		administer(t, k.As(t, "moritz.hansen"), "SetUserRoles", map[string]any{"id": userID(t, d, "martha.hansen"), "roles": []string{"SUB_ADMIN"}}).OK(t)
		if answer := martha.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1}); answer.Code() != "FORBIDDEN" {
			t.Errorf("a former master admin: %s", answer.Body)
		}
	})
}

// behindAnswer are the statements of noting what was refused: of the audit log, whose something is, and around them.
var behindAnswer = regexp.MustCompile(`audit_|^(BEGIN|COMMIT)|^SELECT .tenants.\..name. FROM|^SELECT tenant_id FROM|^SELECT .tenants.\..id. FROM`)
