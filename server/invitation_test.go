package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// Passwords that every policy but PIN_OTP takes.
const (
	goodPassword  = "Sehr-Gut-4711!x"
	otherPassword = "Noch-Besser-42!x"
)

// perform sends a mutation of a document of the clients; pairs are names and values of
// its input.
func perform(t *testing.T, c *servertest.Client, file, operation string, pairs ...any) *servertest.Answer {
	t.Helper()
	return c.Operation(t, file, operation, servertest.Vars{"input": inputOf(pairs...)})
}

// inputOf is an input of names and values.
func inputOf(pairs ...any) map[string]any {
	input := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		input[pairs[i].(string)] = pairs[i+1]
	}
	return input
}

// acceptance registers with the token of an invitation.
func acceptance(t *testing.T, c *servertest.Client, token, password string, more ...any) *servertest.Answer {
	t.Helper()
	return perform(t, c, "spa/registration", "AcceptInvitation", append([]any{"token", token, "password", password}, more...)...)
}

// lookAt is the page behind an invitation's link.
func lookAt(t *testing.T, c *servertest.Client, token string) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "spa/registration", "Invitation", servertest.Vars{"token": token}).OK(t)
}

// said are the values at some paths, in one line.
func said(answer *servertest.Answer, paths ...string) string {
	values := make([]any, len(paths))
	for i, path := range paths {
		values[i] = answer.Get(path)
	}
	return strings.TrimSuffix(fmt.Sprintln(values...), "\n")
}

// newest is the last mail to an address.
func newest(t *testing.T, k *servertest.Kontor, to string) servertest.Mail {
	t.Helper()
	mails := k.Mails(t, to)
	if len(mails) == 0 {
		t.Fatalf("there is no mail to %s", to)
	}
	return mails[0]
}

// invitee is somebody whom a user of the portal created.
type invitee struct{ id, email, token string }

// inviteAs creates a general user of this local part in a domain.
func inviteAs(t *testing.T, k *servertest.Kontor, by *servertest.Client, local, domain string) invitee {
	t.Helper()
	address := local + "@" + domain
	created := perform(t, by, "spa/users", "CreateUser", "title", "Frau", "firstName", "Ida", "lastName", "Immergrün", "email", address, "roles", []string{"GENERAL_USER"}).OK(t)
	return invitee{created.String(t, "createUser.user.id"), address, newest(t, k, address).Token(t)}
}

// loginFor is a client that is logged in with a password of its own.
func loginFor(t *testing.T, k *servertest.Kontor, username, password string) *servertest.Client {
	t.Helper()
	c := k.Anonymous()
	c.Token = loginAs(t, c, username, password).OK(t).String(t, "login.token")
	return c
}

// A service agent invites a company; whoever registers with the mailed link is its
// first master admin and invites a colleague, who can log in as well.
//
// Requirement: ID-03
// Requirement: ID-04
// Requirement: ID-05
// Requirement: ID-20
func TestInvitationOfACompany(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		sabine, nobody := k.As(t, "sabine.kurz"), k.Anonymous()
		invited := perform(t, sabine, "partner/dashboard", "InviteCompany", "company", map[string]any{"name": "Nordlicht Energie GmbH", "language": "en"},
			"email", " Nora.Nord@Nordlicht.EXAMPLE ", "firstName", "Nora", "organizationId", "NORDLICHT", "passwordPolicy", "STRICT").OK(t)
		const nora = "Nora.Nord@nordlicht.example"
		if got := invited.String(t, "inviteCompany.tenant.organizationId"); got != "NORDLICHT" {
			t.Errorf("the organization ID is %s", got)
		}
		until := k.Clock.Now().Add(90 * 24 * time.Hour).Format(time.RFC3339)
		if invited.String(t, "inviteCompany.invitation.email") != nora || invited.String(t, "inviteCompany.invitation.expiresAt") != until {
			t.Errorf("the invitation: %s", invited.Body)
		}
		letter := newest(t, k, nora)
		if !strings.HasPrefix(letter.Subject, "Nordlicht Energie GmbH: your company") || !strings.Contains(letter.Text, "Sabine Kurz") || !strings.Contains(letter.Text, "Hello Nora") {
			t.Errorf("the mail: %+v", letter)
		}
		token := letter.Token(t)
		if answer := loginAs(t, nobody, nora, ""); !slices.Equal(answer.Codes("login"), []string{"INVALID_CREDENTIALS"}) {
			t.Errorf("a login before the registration: %s", answer.Body)
		}

		page := lookAt(t, nobody, token)
		for field, want := range map[string]any{
			"status": "OPEN", "email": nora, "title": "", "firstName": "Nora", "lastName": "", "tenantName": "Nordlicht Energie GmbH",
			"becomesMasterAdmin": true, "expiresAt": until, "passwordPolicy.name": "STRICT", "passwordPolicy.minLength": 8.0, "passwordPolicy.maxLength": 32.0,
		} {
			if got := page.Get("invitation." + field); got != want {
				t.Errorf("the page says %s: %v, want %v", field, got, want)
			}
		}
		if n := len(page.List(t, "invitation.passwordPolicy.rules")); n < 6 {
			t.Errorf("the page has %d rules for passwords: %s", n, page.Body)
		}
		if got := faultsOf(t, acceptance(t, nobody, token, goodPassword), "acceptInvitation"); !slices.Equal(got, []string{"VALUE_REQUIRED lastName"}) {
			t.Errorf("without a last name: %v", got)
		}
		accepted := acceptance(t, nobody, token, goodPassword, "title", "Dr.", "lastName", "Nord", "phone", "+49 431 4711", "language", "de").OK(t)
		if got := accepted.String(t, "acceptInvitation.username"); got != nora {
			t.Errorf("the user name is %s", got)
		}
		master := loginFor(t, k, strings.ToLower(nora), goodPassword)
		me := master.Operation(t, "spa/session", "Me", nil).OK(t)
		if said(me, "viewer.roles", "viewer.pendingSteps", "viewer.tenant.organizationId", "viewer.user.title",
			"viewer.user.firstName", "viewer.user.lastName", "viewer.user.language") != "[MASTER_ADMIN] [] NORDLICHT Dr. Nora Nord de" {
			t.Errorf("the first master admin: %s", me.Body)
		}

		colleague := inviteAs(t, k, master, "olaf.ost", "nordlicht.example")
		if letter := newest(t, k, colleague.email); !strings.Contains(letter.Text, "Nora Nord has invited you") {
			t.Errorf("the colleague's mail: %+v", letter)
		}
		if page := lookAt(t, nobody, colleague.token); page.Get("invitation.becomesMasterAdmin") != false || page.Get("invitation.title") != "Frau" {
			t.Errorf("the colleague's page: %s", page.Body)
		}
		acceptance(t, nobody, colleague.token, otherPassword, "phone", "+49 431 4712").OK(t)
		olaf := loginFor(t, k, colleague.email, otherPassword)
		for field, want := range map[string]float64{"orders": 0, "contracts": 0, "products": 0} {
			if got := olaf.Do(t, "{ "+field+"(first: 1) { totalCount } }", nil).OK(t).Get(field + ".totalCount"); got != want {
				t.Errorf("a new company sees %v %s", got, field)
			}
		}
		if users := master.Operation(t, "spa/users", "Users", servertest.Vars{"first": 5}).OK(t); users.Get("users.totalCount") != 2.0 {
			t.Errorf("the new company has %s", users.Body)
		}
		if answer := olaf.Operation(t, "spa/users", "Users", servertest.Vars{"first": 5}); answer.Code() != "FORBIDDEN" {
			t.Errorf("a general user administers: %s", answer.Body)
		}
	})
}

// From the creation of a user to its first order.
//
// Requirement: ID-04
// Requirement: ID-05
func TestInvitationToTheFirstOrder(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		ida := inviteAs(t, k, martha, "ida.immergruen", "hansa.example")
		acceptance(t, k.Anonymous(), ida.token, goodPassword, "phone", "+49 40 66969 190").OK(t)
		buyer := shopper{loginFor(t, k, ida.email, goodPassword), t}
		buyer.add(item("TEL-DT-0101", "2")).OK(t)
		placed := buyer.Operation(t, "spa/orders", "PlaceOrder", servertest.Vars{"input": map[string]any{"idempotencyKey": "first"}}).OK(t)
		seen := martha.Operation(t, "spa/orders", "Order", servertest.Vars{"number": placed.String(t, "placeOrder.order.number")}).OK(t)
		if got := seen.Get("order.placedBy.lastName"); got != "Immergrün" {
			t.Errorf("the order of the new user: %s", seen.Body)
		}
	})
}

// Only service agents bring companies onto the platform, each into its place, and
// everything wrong is told at once.
//
// Requirement: ID-03
func TestInvitationOfACompanyRefused(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		tenant := func(organization string) string {
			return globalID("ten", columnOf(t, d, `SELECT id FROM tenants WHERE organization_id = $1`, organization)[0])
		}
		company := func(more ...any) map[string]any { return inputOf(append([]any{"name", "Südwind GmbH"}, more...)...) }
		invite := func(c *servertest.Client, organization, email string, company map[string]any, more ...any) *servertest.Answer {
			return perform(t, c, "partner/dashboard", "InviteCompany", append([]any{"company", company, "email", email, "organizationId", organization}, more...)...)
		}
		for _, username := range []string{"paul.lang", "martha.hansen", "silke.sommer", "gerd.grau", "anna.abel"} {
			if answer := invite(k.As(t, username), "SUEDWIND", "a@suedwind.example", company()); answer.Code() != "FORBIDDEN" {
				t.Errorf("%s invites a company: %s", username, answer.Body)
			}
		}
		if answer := invite(k.Anonymous(), "SUEDWIND", "a@suedwind.example", company()); answer.Code() != "UNAUTHENTICATED" {
			t.Errorf("nobody invites a company: %s", answer.Body)
		}
		sabine := k.As(t, "sabine.kurz")
		contact := func(name, phone, email string) map[string]any {
			return company("contactPerson", map[string]any{"name": name, "phone": phone, "email": email})
		}
		for name, each := range map[string]struct {
			answer *servertest.Answer
			want   []string
		}{
			"organization ID of another": {invite(sabine, "hansa", "a@suedwind.example", company()), []string{"ORGANIZATION_ID_TAKEN organizationId"}},
			"address of a user":          {invite(sabine, "SUEDWIND", "Martha.Hansen@hansa.example", company()), []string{"EMAIL_TAKEN email"}},
			"another operator":           {invite(sabine, "SUEDWIND", "a@suedwind.example", company("kind", "OPERATOR")), []string{"TENANT_KIND_UNFIT company.kind"}},
			"below a customer":           {invite(sabine, "SUEDWIND", "a@suedwind.example", company(), "parentId", tenant("HANSA")), []string{"TENANT_KIND_UNFIT company.kind"}},
			"a partner below a customer": {invite(sabine, "SUEDWIND", "a@suedwind.example", company("kind", "PARTNER"), "parentId", tenant("HANSA")), []string{"TENANT_KIND_UNFIT company.kind"}},
			"below nothing":              {invite(sabine, "SUEDWIND", "a@suedwind.example", company(), "parentId", "ten_none"), []string{"TENANT_UNKNOWN parentId"}},
			"much at once": {invite(sabine, "süd wind", "kein", company("name", " ", "currency", "Euro", "emailDomain", "nichts")),
				[]string{"VALUE_REQUIRED company.name", "ORGANIZATION_ID_INVALID organizationId", "CURRENCY_INVALID company.currency", "EMAIL_INVALID email", "EMAIL_INVALID company.emailDomain"}},
			"a contact that is none": {invite(sabine, "SUEDWIND", "a@suedwind.example", contact(" ", "anrufen", "a@b@c")),
				[]string{"VALUE_REQUIRED company.contactPerson.name", "PHONE_INVALID company.contactPerson.phone", "EMAIL_INVALID company.contactPerson.email"}},
		} {
			if got := faultsOf(t, each.answer, "inviteCompany"); !slices.Equal(got, each.want) || each.answer.Get("inviteCompany.tenant") != nil {
				t.Errorf("%s: %v, want %v", name, got, each.want)
			}
		}
		for _, bad := range []string{"", "X", "-SUED", "SÜD", "S_D", strings.Repeat("S", 33)} {
			if got := faultsOf(t, invite(sabine, bad, "a@suedwind.example", company()), "inviteCompany"); !slices.Equal(got, []string{"ORGANIZATION_ID_INVALID organizationId"}) {
				t.Errorf("organization ID %q: %v", bad, got)
			}
		}
		if n := columnOf(t, d, `SELECT COUNT(*) FROM mails`)[0]; n != "0" {
			t.Errorf("refused invitations sent %s mails", n)
		}

		invite(sabine, "WESTWIND", "a@westwind.example", company("kind", "PARTNER")).OK(t)
		invite(sabine, "SUEDWIND", "a@suedwind.example", contact("Paul Lang", "+49 69 90009 210", "paul.lang@fernruf.example"), "parentId", tenant("FERNRUF")).OK(t)
		invite(sabine, "OSTWIND", "a@ostwind.example", company(), "parentId", tenant("WESTWIND")).OK(t)
		paul := k.As(t, "paul.lang")
		for organization, want := range map[string]string{"SUEDWIND": "", "OSTWIND": "NOT_FOUND", "WESTWIND": "NOT_FOUND"} {
			answer := paul.Do(t, `query($id: ID!) { node(id: $id) { ... on Tenant { name contactPerson { name } } } }`, servertest.Vars{"id": tenant(organization)})
			if answer.Code() != want || want == "" && answer.Get("node.contactPerson.name") != "Paul Lang" {
				t.Errorf("the partner asks for %s: %s", organization, answer.Body)
			}
		}
	})
}

// Of many who want one organization ID at once, however they write it, one gets it,
// and nothing is left of the others.
//
// Requirement: ID-03
// Case: CONC-08
func TestInvitationOfCompaniesAtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		sabine := k.As(t, "sabine.kurz")
		answers := atOnce(20, func(i int) *servertest.Answer {
			return perform(t, sabine, "partner/dashboard", "InviteCompany", "company", map[string]any{"name": "Zwilling GmbH"},
				"email", fmt.Sprintf("a@zwilling-%d.example", i), "organizationId", []string{"zwilling", "ZWILLING"}[i%2])
		})
		won := 0
		for _, answer := range answers {
			switch got := faultsOf(t, answer, "inviteCompany"); {
			case len(got) == 0:
				won++
			case !slices.Equal(got, []string{"ORGANIZATION_ID_TAKEN organizationId"}):
				t.Errorf("%d %s", answer.Status, answer.Body)
			}
		}
		d := k.SQL(t)
		left := columnOf(t, d, `SELECT COUNT(*) FROM tenants WHERE name = 'Zwilling GmbH' UNION ALL SELECT COUNT(*) FROM users WHERE email LIKE '%@zwilling-%' UNION ALL SELECT COUNT(*) FROM mails`)
		if won != 1 || !slices.Equal(left, []string{"1", "1", "1"}) {
			t.Errorf("%d won; tenants, users and mails: %v", won, left)
		}
	})
}

// Addresses that only look like the company's own are refused; upper case is the same.
//
// Requirement: ID-04
// Case: AUTHZ-11
// Case: IO-04
func TestInvitationAddresses(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		create := func(address string) []string {
			return faultsOf(t, perform(t, martha, "spa/users", "CreateUser", "firstName", "Eva", "lastName", "Ernst", "email", address, "roles", []string{"GENERAL_USER"}), "createUser")
		}
		for address, want := range map[string]string{
			"eva@hansa.example.evil.com": "EMAIL_DOMAIN_MISMATCH email", "eva@evil.com@hansa.example": "EMAIL_INVALID email",
			`"eva@evil.com"@hansa.example`: "EMAIL_INVALID email", "eva@hansа.example": "EMAIL_DOMAIN_MISMATCH email", // a Cyrillic а
			"evа@hansa.example": "EMAIL_INVALID email", "eva@hansa.example.": "EMAIL_INVALID email", "eva@sub.hansa.example": "EMAIL_DOMAIN_MISMATCH email",
			"eva%0d%0a@hansa.example": "EMAIL_INVALID email", "eva@hansa.example%0d%0a": "EMAIL_INVALID email", "eva%evil.com@hansa.example": "EMAIL_INVALID email",
			"evil.com!eva@hansa.example": "EMAIL_INVALID email", "eva@hansa.example>\r\nRCPT TO:<eva@evil.com>": "EMAIL_INVALID email",
			"eva@hansa.example, eva@evil.com": "EMAIL_INVALID email", "Eva <eva@hansa.example>": "EMAIL_INVALID email", "eva@hansa.example\r\nBcc: eva@evil.com": "EMAIL_INVALID email",
			"eva": "EMAIL_INVALID email", "": "EMAIL_INVALID email", "@hansa.example": "EMAIL_INVALID email", "eva@hansa": "EMAIL_INVALID email", "eva\u0000@hansa.example": "EMAIL_INVALID email",
			"eva@evil.com": "EMAIL_DOMAIN_MISMATCH email", "martha.hansen@hansa.example": "EMAIL_TAKEN email", "MARTHA.hansen@HANSA.example": "EMAIL_TAKEN email",
		} {
			if got := create(address); !slices.Equal(got, []string{want}) {
				t.Errorf("%q: %v, want %s", address, got, want)
			}
		}
		if n := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM mails`)[0]; n != "0" {
			t.Errorf("refused addresses got %s mails", n)
		}
		if got := create("Eva.Ernst@HANSA.Example"); len(got) > 0 {
			t.Errorf("upper case: %v", got)
		}
		if got := columnOf(t, k.SQL(t), `SELECT email FROM users WHERE last_name = 'Ernst'`); !slices.Equal(got, []string{"Eva.Ernst@hansa.example"}) {
			t.Errorf("it is kept as %v", got)
		}
		if got := create("eva.ernst@hansa.example"); !slices.Equal(got, []string{"EMAIL_TAKEN email"}) {
			t.Errorf("the same in lower case: %v", got)
		}
	})
}
