package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// newUser makes a user and gives its ID.
func newUser(t *testing.T, c *servertest.Client, address string, roles ...string) string {
	t.Helper()
	return createUser(t, c, address, roles).OK(t).String(t, "createUser.user.id")
}

func createUser(t *testing.T, c *servertest.Client, address string, roles []string, more ...any) *servertest.Answer {
	t.Helper()
	input := map[string]any{"firstName": "Eva", "lastName": "Neu", "email": address, "roles": roles}
	for i := 0; i+1 < len(more); i += 2 {
		input[more[i].(string)] = more[i+1]
	}
	return administer(t, c, "CreateUser", input)
}

// invitedPassword is good under every policy of the demo data.
const invitedPassword = "Willkommen-4711!"

// acceptWith registers with the token of an invitation and gives what went wrong.
func acceptWith(t *testing.T, k *servertest.Kontor, token string) []string {
	t.Helper()
	return faultsOf(t, k.Anonymous().Operation(t, "spa/registration", "AcceptInvitation", servertest.Vars{"input": map[string]any{
		"token": token, "password": invitedPassword, "phone": "+49 40 1234",
	}}), "acceptInvitation")
}

// A master admin makes a user; the user gets a mail, registers and has its roles. A
// sub admin gets whoever made it as its superior, a master admin has none.
//
// Requirement: ID-04
// Requirement: ID-05
// Requirement: ID-14
func TestUsersAreMade(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		for i, each := range []struct {
			given, roles []string
			superior     any
			superiorOf   string
		}{
			{[]string{"GENERAL_USER"}, []string{"GENERAL_USER"}, nil, ""},
			{[]string{"SUB_ADMIN"}, []string{"SUB_ADMIN"}, "Hansen", "Martha"},
			{[]string{"APPROVER", "SUB_ADMIN", "APPROVER"}, []string{"SUB_ADMIN", "APPROVER"}, "Hansen", "Martha"},
			{[]string{"MASTER_ADMIN"}, []string{"MASTER_ADMIN"}, nil, ""},
			{[]string{"MASTER_ADMIN", "SUB_ADMIN"}, []string{"MASTER_ADMIN", "SUB_ADMIN"}, nil, ""},
			{[]string{"APPROVER", "GENERAL_USER"}, []string{"GENERAL_USER", "APPROVER"}, nil, ""},
		} {
			address := fmt.Sprintf("eva.neu%d@hansa.example", i)
			made := createUser(t, martha, address, each.given, "title", " Frau  Dr. ").OK(t)
			user := made.Get("createUser.user").(map[string]any)
			for field, want := range map[string]any{
				"username": address, "email": address, "title": "Frau  Dr.", "firstName": "Eva", "lastName": "Neu", "status": "INVITED", "lastLoginAt": nil,
				"roles": fmt.Sprint(each.roles), "invitation": fmt.Sprint(map[string]any{"status": "OPEN", "expiresAt": k.Clock.Now().Add(90 * 24 * time.Hour).Format(time.RFC3339)}),
			} {
				got := user[field]
				if _, isText := got.(string); !isText && got != nil {
					got = fmt.Sprint(got)
				}
				if got != want {
					t.Errorf("%v: %s is %v, want %v", each.given, field, got, want)
				}
			}
			if got := made.Get("createUser.user.superior.lastName"); got != each.superior {
				t.Errorf("%v has the superior %v, want %v", each.given, got, each.superior)
			}
			if loggedIn(t, k, address, "") || loggedIn(t, k, address, servertest.DemoPassword) {
				t.Errorf("%s can log in before it registered", address)
			}
			mails := k.Mails(t, address)
			if len(mails) != 1 || !strings.Contains(mails[0].Text, "Martha Hansen") || !strings.Contains(mails[0].Text, address) {
				t.Fatalf("the mails to %s: %+v", address, mails)
			}
			if got := acceptWith(t, k, mails[0].Token(t)); got != nil {
				t.Fatalf("%s registers: %v", address, got)
			}
			login := loginAs(t, k.Anonymous(), address, invitedPassword).OK(t)
			if got := fmt.Sprint(login.Get("login.viewer.roles")); got != fmt.Sprint(each.roles) {
				t.Errorf("%s logs in with %s, want %v", address, got, each.roles)
			}
			listed := martha.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1, "where": map[string]any{"search": address, "status": "ACTIVE"}}).OK(t)
			if got, want := listed.Get("users.nodes.0.lastLoginAt"), k.Clock.Now().Format(time.RFC3339); got != want || listed.Get("users.nodes.0.invitation.status") != "USED" {
				t.Errorf("%s has logged in at %s: %s", address, want, listed.Body)
			}
			c := k.Anonymous()
			c.Token = login.String(t, "login.token")
			if got := c.Operation(t, "spa/account", "MyAccount", nil).OK(t).Get("viewer.user.superior.firstName"); each.superior != nil && got != each.superiorOf || each.superior == nil && got != nil {
				t.Errorf("%s sees the superior %v, want %q", address, got, each.superiorOf)
			}
			if got, want := c.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1}).Code() == "", slices.Contains(each.roles, "MASTER_ADMIN"); got != want {
				t.Errorf("%s administers users: %v, want %v", address, got, want)
			}
		}
	})
}

// The address of a new user is of its creator's own domain, and of nothing that looks
// like it. It is kept in its normal form, once on the platform.
//
// Requirement: ID-04
// Case: AUTHZ-11
func TestUsersOfTheirDomain(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, martha := k.SQL(t), k.As(t, "martha.hansen")
		mismatch, invalid := []string{"EMAIL_DOMAIN_MISMATCH email"}, []string{"EMAIL_INVALID email"}
		count := func() string { return columnOf(t, d, `SELECT COUNT(*) FROM users`)[0] }
		before := count()
		for address, want := range map[string][]string{
			"x@hansa.example.evil.example": mismatch, "x@evil.example": mismatch, "x@mail.hansa.example": mismatch, "x@xhansa.example": mismatch,
			"x@hansa.exampl": mismatch, "x@hansa-example.example": mismatch, "x@h\u0430nsa.example": mismatch, "x@hans\u0430.example": mismatch,
			"x@xn--hnsa-63d.example": mismatch, "x@brandt.example": mismatch,
			"x@evil.example@hansa.example": invalid, `"a@evil.example"@hansa.example`: invalid, `"a"@hansa.example`: invalid, "x@hansa.example.": invalid,
			"x@hansa.example\u3002": invalid, "x@hansa.example%0d%0a": invalid, "x@hansa.example\r\nBcc: y@evil.example": invalid, "x\r\n@hansa.example": invalid,
			"x@hansa.example\x00": invalid, "x y@hansa.example": invalid, "Eva <x@hansa.example>": invalid, "x@hansa.example,y@evil.example": invalid,
			"x@hansa.example (y@evil.example)": invalid, "x@@hansa.example": invalid, "@hansa.example": invalid, "hansa.example": invalid, "": invalid,
			"x@[127.0.0.1]": invalid, "x@hansa..example": invalid, ".x@hansa.example": invalid, "x.@hansa.example": invalid, "\u0445@hansa.example": invalid,
			strings.Repeat("x", 65) + "@hansa.example": invalid, "x@localhost": invalid, "x@hansa.example/../evil.example": invalid, "x@hansa_.example": invalid,
		} {
			got := faultsOf(t, createUser(t, martha, address, []string{"GENERAL_USER"}), "createUser")
			if !slices.Equal(got, want) {
				t.Errorf("%q: %v, want %v", address, got, want)
			}
		}
		if after := count(); after != before {
			t.Errorf("refused addresses have made %s users out of %s", after, before)
		}
		for typed, kept := range map[string]string{
			"Eva.Neu@HANSA.Example": "Eva.Neu@hansa.example", " anna@hansa.example\t": "anna@hansa.example", "o'neil+1@hansa.EXAMPLE": "o'neil+1@hansa.example",
			"wide@\uff48\uff41\uff4e\uff53\uff41.example": "wide@hansa.example", "dot@hansa\u3002example": "dot@hansa.example",
		} {
			if got := createUser(t, martha, typed, []string{"GENERAL_USER"}).OK(t).String(t, "createUser.user.email"); got != kept {
				t.Errorf("%q is kept as %q, want %q", typed, got, kept)
			}
		}
		// A name is one however it is written, on the whole platform, whoever asks.
		colleague(t, d, "gerd.grau", "renamed.user", "R", "R", "GENERAL_USER")
		sabine := k.As(t, "sabine.kurz")
		for _, taken := range []string{"eva.neu@hansa.example", "EVA.NEU@hansa.example", "Gerd.Grau@hansa.example", "martha.hansen@hansa.example"} {
			for _, c := range []*servertest.Client{martha, sabine} {
				if got := faultsOf(t, createUser(t, c, taken, []string{"GENERAL_USER"}, "tenantId", tenantID(t, d, "HANSA")), "createUser"); !slices.Equal(got, []string{"EMAIL_TAKEN email"}) {
					t.Errorf("%s is taken: %v", taken, got)
				}
			}
		}
		// Two at once make one user.
		answers := atOnce(8, func(i int) *servertest.Answer {
			return createUser(t, martha, []string{"at.once@hansa.example", "AT.ONCE@hansa.example"}[i%2], []string{"GENERAL_USER"})
		})
		made := 0
		for _, answer := range answers {
			if got := faultsOf(t, answer, "createUser"); got == nil {
				made++
			} else if !slices.Equal(got, []string{"EMAIL_TAKEN email"}) {
				t.Errorf("at once: %s", answer.Body)
			}
		}
		if made != 1 || len(k.Mails(t, "at.once@hansa.example"))+len(k.Mails(t, "AT.ONCE@hansa.example")) < 1 {
			t.Errorf("%d users were made at once", made)
		}
		// The domain is that of whoever creates, not that of the company; for a service agent it is the company's.
		alter(t, d, `UPDATE users SET email = 'moritz@töchter.example' WHERE username = 'moritz.hansen'`)
		moritz := k.As(t, "moritz.hansen")
		if got := faultsOf(t, createUser(t, moritz, "b@hansa.example", []string{"GENERAL_USER"}), "createUser"); !slices.Equal(got, mismatch) {
			t.Errorf("the company's domain, not the creator's: %v", got)
		}
	})
}

// What else is wrong is told at once, field by field. Nobody gives a role that is not
// its to give.
//
// Requirement: ID-04
// Requirement: AC-03
// Case: AUTHZ-12
func TestUsersBadInput(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		hansa, fernruf, service := tenantID(t, d, "HANSA"), tenantID(t, d, "FERNRUF"), tenantID(t, d, "SERVICE")
		colleague(t, d, "sabine.kurz", "otto.operator", "Otto", "Operator", "MASTER_ADMIN")
		for _, each := range []struct {
			who   string
			input map[string]any
			want  []string
		}{
			{"martha.hansen", map[string]any{"roles": []string{"PARTNER_AGENT"}}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"martha.hansen", map[string]any{"roles": []string{"SERVICE_AGENT"}}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"martha.hansen", map[string]any{"roles": []string{"GENERAL_USER", "SERVICE_AGENT"}}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"martha.hansen", map[string]any{"roles": []string{}}, []string{"VALUE_REQUIRED roles"}},
			{"martha.hansen", map[string]any{"firstName": " ", "lastName": "", "email": "x", "roles": []string{}},
				[]string{"VALUE_REQUIRED firstName", "VALUE_REQUIRED lastName", "VALUE_REQUIRED roles", "EMAIL_INVALID email"}},
			{"martha.hansen", map[string]any{"title": strings.Repeat("x", 41), "firstName": "a\r\nb", "lastName": strings.Repeat("x", 101)},
				[]string{"VALUE_TOO_LONG title", "VALUE_INVALID firstName", "VALUE_TOO_LONG lastName"}},
			{"martha.hansen", map[string]any{"tenantId": fernruf}, []string{"TENANT_UNKNOWN tenantId"}},
			{"martha.hansen", map[string]any{"tenantId": "ten_none"}, []string{"TENANT_UNKNOWN tenantId"}},
			{"otto.operator", map[string]any{"email": "e@service.example", "roles": []string{"SERVICE_AGENT"}}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"sabine.kurz", map[string]any{"tenantId": hansa, "roles": []string{"PARTNER_AGENT"}}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"sabine.kurz", map[string]any{"tenantId": hansa, "roles": []string{"SERVICE_AGENT"}}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"sabine.kurz", map[string]any{"tenantId": fernruf, "email": "e@fernruf.example", "roles": []string{"SERVICE_AGENT"}}, []string{"ROLE_NOT_ALLOWED roles"}},
			{"sabine.kurz", map[string]any{"tenantId": hansa, "email": "e@service.example"}, []string{"EMAIL_DOMAIN_MISMATCH email"}},
			{"sabine.kurz", map[string]any{"email": "e@hansa.example"}, []string{"EMAIL_DOMAIN_MISMATCH email"}},
			{"sabine.kurz", map[string]any{"tenantId": fernruf, "email": "agent@fernruf.example", "roles": []string{"PARTNER_AGENT"}}, nil},
			{"sabine.kurz", map[string]any{"tenantId": service, "email": "agent@service.example", "roles": []string{"SERVICE_AGENT", "SUB_ADMIN"}}, nil},
			{"martha.hansen", map[string]any{"tenantId": hansa, "title": nil, "email": "good@hansa.example"}, nil},
		} {
			input := map[string]any{"firstName": "Eva", "lastName": "Neu", "email": "eva.neu@hansa.example", "roles": []string{"GENERAL_USER"}}
			for name, value := range each.input {
				input[name] = value
			}
			answer := administer(t, k.As(t, each.who), "CreateUser", input)
			if got := faultsOf(t, answer, "createUser"); !slices.Equal(got, each.want) || (answer.Get("createUser.user") == nil) != (each.want != nil) {
				t.Errorf("%s with %v: %v, want %v", each.who, each.input, got, each.want)
			}
			if answer.Get("createUser.user.superior") != nil {
				t.Errorf("%s with %v: a service agent is nobody's superior: %s", each.who, each.input, answer.Body)
			}
		}
	})
}

// Where only the operator makes users, master admins are told whom to ask.
//
// Requirement: ID-21
// Requirement: ID-04
func TestUsersMadeByTheOperator(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, martha, sabine := k.SQL(t), k.As(t, "martha.hansen"), k.As(t, "sabine.kurz")
		hansa := tenantID(t, d, "HANSA")
		changeSettings(t, sabine, map[string]any{"tenantId": hansa, "usersCreatedBy": "OPERATOR"}).OK(t)
		refused := createUser(t, martha, "eva.neu@hansa.example", []string{"GENERAL_USER"})
		if got := faultsOf(t, refused, "createUser"); !slices.Equal(got, []string{"USERS_CREATED_BY_OPERATOR"}) {
			t.Errorf("a master admin makes a user: %v", got)
		}
		if got := refused.Get("createUser.errors.0.contact.name"); got != "Paul Lang" {
			t.Errorf("whom to ask: %s", refused.Body)
		}
		made := createUser(t, sabine, "eva.neu@hansa.example", []string{"SUB_ADMIN"}, "tenantId", hansa).OK(t)
		if made.Get("createUser.user.superior") != nil {
			t.Errorf("the agent of another company is a superior: %s", made.Body)
		}
		mails := k.Mails(t, "eva.neu@hansa.example")
		if len(mails) != 1 || !strings.Contains(mails[0].Text, "Sabine Kurz") || !strings.Contains(mails[0].Text, "Hansa Logistik GmbH") {
			t.Errorf("the mails: %+v", mails)
		}
		// All else stays with the master admins, and other companies are as they were.
		id := made.String(t, "createUser.user.id")
		administer(t, martha, "ResendInvitation", map[string]any{"id": id}).OK(t)
		changed := administer(t, martha, "SetUserRoles", map[string]any{"id": id, "roles": []string{"SUB_ADMIN", "APPROVER"}}).OK(t)
		if changed.Get("setUserRoles.user.superior.lastName") != "Hansen" {
			t.Errorf("a sub admin without a superior gets whoever sets its roles: %s", changed.Body)
		}
		newUser(t, k.As(t, "maik.alster"), "eva.neu@alster.example", "GENERAL_USER")
		changeSettings(t, sabine, map[string]any{"tenantId": hansa, "usersCreatedBy": "MASTER_ADMINS"}).OK(t)
		newUser(t, martha, "eva.zwei@hansa.example", "GENERAL_USER")
	})
}

// An invitation's place in the list follows the clock and what becomes of it.
//
// Requirement: ID-15
// Requirement: ID-05
func TestUsersInvitationsInTheList(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		made := newUser(t, martha, "eva.neu@hansa.example", "GENERAL_USER")
		at := func(c *servertest.Client) (status, expires any) {
			list := c.Operation(t, "spa/users", "Users", servertest.Vars{"first": 2, "where": map[string]any{"search": "eva.neu"}}).OK(t)
			return list.Get("users.nodes.0.invitation.status"), list.Get("users.nodes.0.invitation.expiresAt")
		}
		expect := func(when, want string) {
			t.Helper()
			if status, _ := at(k.As(t, "martha.hansen")); status != want {
				t.Errorf("%s the invitation is %v, want %s", when, status, want)
			}
		}
		if status, expires := at(martha); status != "OPEN" || expires != k.Clock.Now().Add(90*24*time.Hour).Format(time.RFC3339) {
			t.Errorf("a fresh invitation: %v until %v", status, expires)
		}
		k.Clock.Advance(90*24*time.Hour - time.Second)
		expect("a second before its end", "OPEN")
		k.Clock.Advance(time.Second)
		expect("at its end", "EXPIRED")
		martha = k.As(t, "martha.hansen")
		again := administer(t, martha, "ResendInvitation", map[string]any{"id": made}).OK(t)
		if again.Get("resendInvitation.user.invitation.status") != "OPEN" {
			t.Errorf("invited again: %s", again.Body)
		}
		expect("invited again", "OPEN")
		revoked := administer(t, martha, "RevokeInvitation", map[string]any{"id": made}).OK(t)
		if revoked.Get("revokeInvitation.user.invitation.status") != "REVOKED" {
			t.Errorf("withdrawn: %s", revoked.Body)
		}
		expect("withdrawn", "REVOKED")
		administer(t, martha, "RevokeInvitation", map[string]any{"id": made}).OK(t)
		administer(t, martha, "ResendInvitation", map[string]any{"id": made}).OK(t)
		mails := k.Mails(t, "eva.neu@hansa.example")
		if len(mails) != 3 {
			t.Fatalf("%d invitations were mailed", len(mails))
		}
		for _, old := range mails[1:] {
			if got := acceptWith(t, k, old.Token(t)); !slices.Equal(got, []string{"LINK_REVOKED token"}) {
				t.Errorf("an earlier link: %v", got)
			}
		}
		if got := acceptWith(t, k, mails[0].Token(t)); got != nil {
			t.Errorf("the newest link: %v", got)
		}
		expect("used", "USED")
		for _, operation := range []string{"ResendInvitation", "RevokeInvitation"} {
			field := strings.ToLower(operation[:1]) + operation[1:]
			if got := faultsOf(t, administer(t, martha, operation, map[string]any{"id": made}), field); !slices.Equal(got, []string{"USER_REGISTERED id"}) {
				t.Errorf("%s for somebody who registered: %v", operation, got)
			}
		}
		expect("used, still", "USED")
		if n := len(k.Mails(t, "eva.neu@hansa.example")); n != 3 {
			t.Errorf("%d mails went to eva", n)
		}
	})
}
