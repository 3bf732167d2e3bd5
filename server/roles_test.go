package server_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kontor/server/servertest"
)

// setRoles gives a user roles and nothing else.
func setRoles(t *testing.T, c *servertest.Client, id string, roles ...string) *servertest.Answer {
	t.Helper()
	return administer(t, c, "SetUserRoles", map[string]any{"id": id, "roles": append([]string{}, roles...)})
}

// superiorOf is the user name of somebody's superior, or empty.
func superiorOf(t *testing.T, d *sql.DB, username string) string {
	t.Helper()
	return strings.Join(columnOf(t, d, `SELECT s.username FROM users u JOIN users s ON s.id = u.superior_id WHERE u.username = $1`, username), " ")
}

// mastersOf are the active master admins of a company.
func mastersOf(t *testing.T, d *sql.DB, organization string) []string {
	t.Helper()
	return columnOf(t, d, `SELECT u.username FROM users u JOIN user_roles r ON r.user_id = u.id JOIN tenants t ON t.id = u.tenant_id
		WHERE r.role = 'MASTER_ADMIN' AND u.status = 'ACTIVE' AND t.organization_id = $1 ORDER BY u.username`, organization)
}

// replicas are two replicas where there can be two, or one twice.
func replicas(t *testing.T, k *servertest.Kontor, backend string) [2]*servertest.Kontor {
	t.Helper()
	if backend == servertest.Backends[0] {
		return [2]*servertest.Kontor{k, k}
	}
	return [2]*servertest.Kontor{k, k.Replica(t)}
}

// eachTwice runs a test on every backend, with two replicas where there can be two.
func eachTwice(t *testing.T, test func(t *testing.T, k [2]*servertest.Kontor)) {
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			test(t, replicas(t, servertest.Start(t, backend), backend))
		})
	}
}

// Other roles count with the next request, on another replica, too. The user is told
// by mail, once for each change that is one.
//
// Requirement: ID-15
// Requirement: AC-03
// Case: AUTH-08
func TestRolesCountAtOnce(t *testing.T) {
	t.Parallel()
	eachTwice(t, func(t *testing.T, k [2]*servertest.Kontor) {
		d := k[0].SQL(t)
		martha, gerd := k[0].As(t, "martha.hansen"), k[1].As(t, "gerd.grau")
		id := userID(t, d, "gerd.grau")
		for range 10 {
			up := setRoles(t, martha, id, "MASTER_ADMIN", "GENERAL_USER", "MASTER_ADMIN").OK(t)
			if got := fmt.Sprint(up.Get("setUserRoles.user.roles")); got != "[MASTER_ADMIN GENERAL_USER]" {
				t.Errorf("the roles are %s", got)
			}
			if me := gerd.Operation(t, "spa/session", "Me", nil).OK(t); fmt.Sprint(me.Get("viewer.roles")) != "[MASTER_ADMIN GENERAL_USER]" {
				t.Errorf("the user reads %s", me.Body)
			}
			gerd.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1}).OK(t)
			setRoles(t, martha, id, "GENERAL_USER", "MASTER_ADMIN").OK(t) // the same set
			setRoles(t, martha, id, "GENERAL_USER").OK(t)
			if answer := gerd.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1}); answer.Code() != "FORBIDDEN" {
				t.Fatalf("without the role: %s", answer.Body)
			}
		}
		mails := k[0].Mails(t, "gerd.grau@hansa.example")
		if len(mails) != 20 || !strings.Contains(mails[0].Text, "Martha Hansen") {
			t.Errorf("%d mails for 20 changes", len(mails))
		}
	})
}

// Nobody gives a role that is not its to give, and nobody is left without any. What
// somebody holds already it may keep.
//
// Requirement: AC-03
// Case: AUTHZ-12
func TestRolesNotToGive(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		colleague(t, d, "paul.lang", "petra.partner", "Petra", "Partner", "MASTER_ADMIN")
		for _, each := range []struct {
			who, whom string
			roles     []string
			want      []string
		}{
			{"martha.hansen", "gerd.grau", []string{"PARTNER_AGENT"}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"martha.hansen", "gerd.grau", []string{"GENERAL_USER", "SERVICE_AGENT"}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"martha.hansen", "martha.hansen", []string{"MASTER_ADMIN", "SERVICE_AGENT"}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"martha.hansen", "gerd.grau", []string{}, []string{"VALUE_REQUIRED roles"}},
			{"martha.hansen", "malte.brandt", []string{"GENERAL_USER"}, []string{"NOT_FOUND"}},
			{"martha.hansen", "sabine.kurz", []string{"GENERAL_USER"}, []string{"NOT_FOUND"}},
			{"petra.partner", "martha.hansen", []string{"GENERAL_USER"}, []string{"NOT_FOUND"}},
			{"petra.partner", "petra.partner", []string{"MASTER_ADMIN", "PARTNER_AGENT"}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"petra.partner", "paul.lang", []string{"PARTNER_AGENT", "SERVICE_AGENT"}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"petra.partner", "paul.lang", []string{"PARTNER_AGENT", "GENERAL_USER"}, nil},
			{"petra.partner", "paul.lang", []string{"GENERAL_USER"}, nil},
			{"petra.partner", "paul.lang", []string{"GENERAL_USER", "PARTNER_AGENT"}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"sabine.kurz", "gerd.grau", []string{"SERVICE_AGENT"}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"sabine.kurz", "gerd.grau", []string{"PARTNER_AGENT"}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"sabine.kurz", "paul.lang", []string{"SERVICE_AGENT"}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"sabine.kurz", "paul.lang", []string{"PARTNER_AGENT"}, nil},
			{"sabine.kurz", "gerd.grau", []string{"APPROVER"}, nil},
		} {
			before := columnOf(t, d, `SELECT role FROM user_roles WHERE user_id = (SELECT id FROM users WHERE username = $1) ORDER BY role`, each.whom)
			answer := setRoles(t, k.As(t, each.who), userID(t, d, each.whom), each.roles...)
			if got := faultsOf(t, answer, "setUserRoles"); !slices.Equal(got, each.want) {
				t.Errorf("%s gives %s %v: %v, want %v", each.who, each.whom, each.roles, got, each.want)
			}
			want := before
			if each.want == nil {
				want = sorted(each.roles)
			}
			if after := columnOf(t, d, `SELECT role FROM user_roles WHERE user_id = (SELECT id FROM users WHERE username = $1) ORDER BY role`, each.whom); !slices.Equal(after, want) {
				t.Errorf("after %s gave %s %v it has %v, want %v", each.who, each.whom, each.roles, after, want)
			}
		}
	})
}

// A sub admin has a master admin as its superior, who makes it one; a master admin has
// none.
//
// Requirement: ID-14
// Requirement: ID-15
func TestRolesAndSuperiors(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		martha, moritz, sabine := k.As(t, "martha.hansen"), k.As(t, "moritz.hansen"), k.As(t, "sabine.kurz")
		silke, gerd := userID(t, d, "silke.sommer"), userID(t, d, "gerd.grau")
		for i, each := range []struct {
			by    *servertest.Client
			whom  string
			roles []string
			want  string
		}{
			{moritz, silke, []string{"SUB_ADMIN", "APPROVER"}, "martha.hansen"},
			{moritz, silke, []string{"MASTER_ADMIN"}, ""},
			{moritz, silke, []string{"SUB_ADMIN"}, "moritz.hansen"},
			{martha, silke, []string{"GENERAL_USER"}, ""},
			{martha, silke, []string{"SUB_ADMIN", "GENERAL_USER"}, "martha.hansen"},
			{martha, silke, []string{"SUB_ADMIN", "MASTER_ADMIN"}, ""},
			{sabine, silke, []string{"SUB_ADMIN"}, ""}, // the operator's agent is nobody's superior
			{martha, silke, []string{"SUB_ADMIN"}, "martha.hansen"},
		} {
			answer := setRoles(t, each.by, each.whom, each.roles...).OK(t)
			if got := superiorOf(t, d, "silke.sommer"); got != each.want {
				t.Errorf("step %d: the superior is %q, want %q", i, got, each.want)
			}
			if shown := answer.Get("setUserRoles.user.superior"); (shown == nil) != (each.want == "") {
				t.Errorf("step %d: %s", i, answer.Body)
			}
		}
		named := administer(t, sabine, "SetUserRoles", map[string]any{"id": gerd, "roles": []string{"SUB_ADMIN"}, "newSuperiorId": userID(t, d, "moritz.hansen")}).OK(t)
		if got := superiorOf(t, d, "gerd.grau"); got != "moritz.hansen" || named.Get("setUserRoles.user.superior.lastName") != "Hansen" {
			t.Errorf("the operator names a superior: %q, %s", got, named.Body)
		}
	})
}

// When a master admin leaves, somebody takes over its sub admins: whoever makes it
// leave, or an active master admin that is named.
//
// Requirement: ID-14
// Requirement: ID-15
func TestRolesHandedOver(t *testing.T) {
	t.Parallel()
	for operation, field := range map[string]string{"SetUserRoles": "setUserRoles", "DeactivateUser": "deactivateUser"} {
		t.Run(operation, func(t *testing.T) {
			servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
				d := k.SQL(t)
				colleague(t, d, "martha.hansen", "locked.master", "L", "L", "MASTER_ADMIN")
				colleague(t, d, "martha.hansen", "gone.master", "G", "G", "MASTER_ADMIN")
				colleague(t, d, "martha.hansen", "other.master", "O", "O", "MASTER_ADMIN")
				alter(t, d, `UPDATE users SET status = 'LOCKED' WHERE username = 'locked.master'`)
				alter(t, d, `UPDATE users SET status = 'DEACTIVATED' WHERE username = 'gone.master'`)
				martha, moritz, sabine := k.As(t, "martha.hansen"), k.As(t, "moritz.hansen"), k.As(t, "sabine.kurz")
				remove := func(by *servertest.Client, whom string, heir any) *servertest.Answer {
					t.Helper()
					input := map[string]any{"id": userID(t, d, whom), "newSuperiorId": heir}
					if operation == "SetUserRoles" {
						input["roles"] = []string{"SUB_ADMIN"}
					}
					return administer(t, by, operation, input)
				}
				refused := func(name string, answer *servertest.Answer) {
					t.Helper()
					if got := faultsOf(t, answer, field); !slices.Equal(got, []string{"NEW_SUPERIOR_REQUIRED newSuperiorId"}) {
						t.Errorf("%s: %v", name, got)
					}
					if superiorOf(t, d, "silke.sommer") != "martha.hansen" || !slices.Contains(mastersOf(t, d, "HANSA"), "martha.hansen") {
						t.Errorf("%s: something has changed", name)
					}
				}
				refused("by itself, without an heir", remove(martha, "martha.hansen", nil))
				refused("by the operator, without an heir", remove(sabine, "martha.hansen", nil))
				for _, unfit := range []string{"martha.hansen", "gerd.grau", "silke.sommer", "locked.master", "gone.master", "malte.brandt", "sabine.kurz"} {
					refused("to "+unfit, remove(moritz, "martha.hansen", userID(t, d, unfit)))
				}
				refused("to nobody", remove(moritz, "martha.hansen", "usr_none"))

				remove(martha, "martha.hansen", userID(t, d, "other.master")).OK(t)
				if got := superiorOf(t, d, "silke.sommer"); got != "other.master" {
					t.Errorf("named by whoever leaves: %q takes over", got)
				}
				if got := superiorOf(t, d, "martha.hansen"); operation == "SetUserRoles" && got != "other.master" {
					t.Errorf("a former master admin has the superior %q", got)
				}
				remove(moritz, "other.master", nil).OK(t)
				if got := superiorOf(t, d, "silke.sommer"); got != "moritz.hansen" {
					t.Errorf("nobody named: %q takes over", got)
				}
				if me := k.As(t, "silke.sommer").Operation(t, "spa/account", "MyAccount", nil).OK(t); me.Get("viewer.user.superior.email") != "moritz.hansen@hansa.example" {
					t.Errorf("the sub admin sees %s", me.Body)
				}
			})
		})
	}
}

// giveBack makes both master admins of HANSA what they were.
func giveBack(t *testing.T, d *sql.DB) {
	t.Helper()
	alter(t, d, `UPDATE users SET status = 'ACTIVE', superior_id = NULL WHERE username IN ('martha.hansen', 'moritz.hansen')`)
	alter(t, d, `UPDATE users SET superior_id = (SELECT id FROM users WHERE username = 'martha.hansen') WHERE username = 'silke.sommer'`)
	for _, username := range []string{"martha.hansen", "moritz.hansen"} {
		row := rowsOf(t, d, `SELECT id, tenant_id FROM users WHERE username = $1`, username)[0]
		_, err := d.ExecContext(t.Context(), `DELETE FROM user_roles WHERE user_id = $1`, row[0])
		if err != nil {
			t.Fatal(err)
		}
		alter(t, d, `INSERT INTO user_roles (id, tenant_id, user_id, role) VALUES ($1, $2, $3, 'MASTER_ADMIN')`, uuid.Must(uuid.NewV7()).String(), row[1], row[0])
	}
}

// Two master admins take each other's role or account at the same moment, on two
// replicas: one of them stays, and has the sub admins.
//
// Requirement: ID-17
// Case: AUTHZ-12
// Case: CONC-07
func TestRolesTwoMasterAdminsAtOnce(t *testing.T) {
	t.Parallel()
	eachTwice(t, func(t *testing.T, k [2]*servertest.Kontor) {
		d := k[0].SQL(t)
		names := []string{"martha.hansen", "moritz.hansen"}
		ids := []string{userID(t, d, names[0]), userID(t, d, names[1])}
		for round := range 30 {
			var clients []*servertest.Client
			for i, name := range names {
				clients = append(clients, k[i].As(t, name))
			}
			answers := atOnce(2, func(i int) *servertest.Answer {
				if (round>>i)&1 == 0 {
					return setRoles(t, clients[i], ids[1-i], "GENERAL_USER")
				}
				return administer(t, clients[i], "DeactivateUser", map[string]any{"id": ids[1-i]})
			})
			left := mastersOf(t, d, "HANSA")
			if len(left) != 1 {
				t.Fatalf("round %d: %v are left: %s and %s", round, left, answers[0].Body, answers[1].Body)
			}
			if got := superiorOf(t, d, "silke.sommer"); got != left[0] {
				t.Errorf("round %d: %s is left, and %s has the sub admin", round, left[0], got)
			}
			for i, answer := range answers {
				faults := append(answer.Codes("setUserRoles"), answer.Codes("deactivateUser")...)
				stayed := left[0] == names[i]
				if worked := len(faults) == 0 && len(answer.Errors) == 0; worked != stayed {
					t.Errorf("round %d: %s stayed: %v, and reads %s", round, names[i], stayed, answer.Body)
				} else if !worked && answer.Code() != "FORBIDDEN" && answer.Code() != "UNAUTHENTICATED" {
					t.Errorf("round %d: %s reads %s", round, names[i], answer.Body)
				}
			}
			giveBack(t, d)
		}
	})
}

// The last active master admin stays, whoever else there is, unless the operator takes
// it away.
//
// Requirement: ID-17
// Case: AUTHZ-12
func TestRolesLastMasterAdmin(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		maik, sabine, id := k.As(t, "maik.alster"), k.As(t, "sabine.kurz"), userID(t, d, "maik.alster")
		refused := func(name string) {
			t.Helper()
			for field, answer := range map[string]*servertest.Answer{
				"setUserRoles": setRoles(t, maik, id, "SUB_ADMIN", "GENERAL_USER"), "deactivateUser": administer(t, maik, "DeactivateUser", map[string]any{"id": id}),
			} {
				if got := faultsOf(t, answer, field); !slices.Equal(got, []string{"LAST_MASTER_ADMIN id"}) || answer.Get(field+".errors.0.contact.email") != "paul.lang@fernruf.example" {
					t.Errorf("%s, %s: %s", name, field, answer.Body)
				}
			}
			expectLive(t, name, maik, true)
		}
		refused("alone")
		setRoles(t, maik, id, "MASTER_ADMIN", "APPROVER").OK(t)
		second := newUser(t, maik, "eva.neu@alster.example", "MASTER_ADMIN")
		refused("with one that has not registered")
		if got := acceptWith(t, k, k.Mails(t, "eva.neu@alster.example")[0].Token(t)); got != nil {
			t.Fatal(got)
		}
		for _, status := range []string{"LOCKED", "DEACTIVATED"} {
			alter(t, d, `UPDATE users SET status = $1 WHERE username = 'eva.neu@alster.example'`, status)
			refused("with one that is " + status)
		}
		// One that cannot log in may go.
		administer(t, maik, "ReactivateUser", map[string]any{"id": second}).OK(t)
		alter(t, d, `UPDATE users SET status = 'LOCKED' WHERE username = 'eva.neu@alster.example'`)
		administer(t, maik, "DeactivateUser", map[string]any{"id": second}).OK(t)

		if answer := setRoles(t, sabine, id, "GENERAL_USER").OK(t); fmt.Sprint(answer.Get("setUserRoles.user.roles")) != "[GENERAL_USER]" {
			t.Errorf("the operator demotes the last one: %s", answer.Body)
		}
		if got := superiorOf(t, d, "susi.stein"); got != "" || len(mastersOf(t, d, "ALSTER")) != 0 {
			t.Errorf("the sub admin's superior is %q, the masters are %v", got, mastersOf(t, d, "ALSTER"))
		}
		administer(t, sabine, "DeactivateUser", map[string]any{"id": userID(t, d, "malte.brandt")}).OK(t)
		if left := mastersOf(t, d, "BRANDT"); len(left) != 0 {
			t.Errorf("the operator switches the last one off, and %v is left", left)
		}
		setRoles(t, sabine, userID(t, d, "gisela.gross"), "MASTER_ADMIN").OK(t)
		k.As(t, "gisela.gross").Operation(t, "spa/users", "Users", servertest.Vars{"first": 1}).OK(t)
	})
}
