package server_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

var activationCodes = regexp.MustCompile(`\b[0-9A-Z]{4}(-[0-9A-Z]{4}){5}\b`)

// codeIn is the activation code in a mail.
func codeIn(t *testing.T, letter servertest.Mail) string {
	t.Helper()
	code := activationCodes.FindString(letter.Text)
	if code == "" || !strings.Contains(letter.HTML, code) {
		t.Fatalf("no code in the mail: %+v", letter)
	}
	return code
}

// register registers a person of a company; more are further parts of the form.
func register(t *testing.T, c *servertest.Client, email string, more ...any) *servertest.Answer {
	t.Helper()
	form := []any{"company", "Müller & Söhne KG", "title", "Herr", "firstName", "Max", "lastName", "Müller", "email", email, "phone", "+49 30 4711"}
	return perform(t, c, "spa/registration", "Register", append(form, more...)...)
}

// codeFor registers and gives the code from the mail.
func codeFor(t *testing.T, k *servertest.Kontor, email string, more ...any) string {
	t.Helper()
	register(t, k.Anonymous(), email, more...).OK(t)
	return codeIn(t, newest(t, k, email))
}

// activate turns a registration into an account.
func activate(t *testing.T, c *servertest.Client, code, email, username, password string) *servertest.Answer {
	t.Helper()
	return perform(t, c, "spa/registration", "ActivateAccount", "activationCode", code, "email", email, "username", username, "password", password)
}

// Somebody who was not invited registers, types the code as people type, chooses what
// to log in with, and is the first master admin of a company that sees nothing of others.
//
// Requirement: ID-06
// Requirement: ID-20
func TestRegistration(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		nobody := k.Anonymous()
		nobody.Header["Accept-Language"] = "en"
		if answer := register(t, nobody, " Max.Mueller@MUELLER.example "); answer.OK(t).Get("register.accepted") != true {
			t.Errorf("the form: %s", answer.Body)
		}
		const max = "Max.Mueller@mueller.example"
		letter := newest(t, k, max)
		if letter.Subject != "Kontor Service GmbH: your activation code" || strings.Contains(letter.Text, "Max") || strings.Contains(letter.Text, "Müller") {
			t.Errorf("the mail goes to an address that is not proven, and says what somebody typed: %+v", letter)
		}
		typed := " " + strings.ToLower(strings.ReplaceAll(codeIn(t, letter), "-", " ")) + "\n"
		activated := activate(t, nobody, typed, strings.ToLower(max), " Max.Mü ", goodPassword).OK(t)
		if got := activated.String(t, "activateAccount.username"); got != "Max.Mü" {
			t.Errorf("the user name is %q", got)
		}
		for _, name := range []string{"max.mü", "MAX.MU\u0308", max} {
			if !loggedIn(t, k, name, goodPassword) {
				t.Errorf("%q cannot log in", name)
			}
		}
		own := loginFor(t, k, "max.mü", goodPassword)
		me := own.Operation(t, "spa/session", "Me", nil).OK(t)
		if said(me, "viewer.tenant.name", "viewer.tenant.kind", "viewer.roles", "viewer.pendingSteps", "viewer.user.language", "viewer.user.title", "viewer.user.lastName") !=
			"Müller & Söhne KG CUSTOMER [MASTER_ADMIN] [] en Herr Müller" {
			t.Errorf("the new user: %s", me.Body)
		}
		account := own.Operation(t, "spa/account", "MyAccount", nil).OK(t)
		if said(account, "viewer.passwordPolicy.name", "viewer.contactPerson.name", "viewer.user.phone") != "MODERN Sabine Kurz +49 30 4711" {
			t.Errorf("its account: %s", account.Body)
		}
		for field, want := range map[string]any{"orders": 0.0, "contracts": 0.0, "products": 0.0, "users": 1.0} {
			if got := own.Do(t, "{ "+field+"(first: 1) { totalCount } }", nil).OK(t).Get(field + ".totalCount"); got != want {
				t.Errorf("a company that registered itself sees %v %s", got, field)
			}
		}
		expectEnd(t, "the code again", activate(t, nobody, typed, max, "max.moritz", goodPassword), "activateAccount", "LINK_USED activationCode", "Sabine Kurz")
	})
}

// The answer is the same to the byte whether an address has an account or not; only its
// owner learns that there is one.
//
// Requirement: ID-06
// Case: AUTH-02
func TestRegistrationTellsNobodyWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		want := register(t, k.Anonymous(), "fremd@mueller.example").OK(t)
		for _, address := range []string{"martha.hansen@hansa.example", "MARTHA.HANSEN@hansa.example", "fremd@mueller.example"} {
			began := time.Now()
			answer := register(t, k.Anonymous(), address, "customerNumber", "4066969100")
			if took := time.Since(began); took < 100*time.Millisecond {
				t.Errorf("%s was answered after %s", address, took)
			}
			if string(answer.Body) != string(want.Body) || answer.Status != want.Status || !maps.Equal(steady(answer.Header), steady(want.Header)) {
				t.Errorf("%s: %s, want %s", address, answer.Body, want.Body)
			}
		}
		letters := k.Mails(t, "martha.hansen@hansa.example")
		if len(letters) != 2 {
			t.Fatalf("the owner got %+v", letters)
		}
		if letter := letters[0]; letter.Subject != "Hansa Logistik GmbH: Sie haben schon ein Benutzerkonto" || !strings.Contains(letter.Text, "Ihr Benutzername ist martha.hansen") || activationCodes.MatchString(letter.Text) {
			t.Errorf("the owner got %+v", letter)
		}
		// A form with mistakes is told so, whoever has the address.
		for address, want := range map[string][]string{"kein": {"VALUE_REQUIRED firstName", "EMAIL_INVALID email"}, "martha.hansen@hansa.example": {"VALUE_REQUIRED firstName"}} {
			answer := register(t, k.Anonymous(), address, "firstName", " ")
			if got := faultsOf(t, answer, "register"); !slices.Equal(got, want) || answer.Get("register.accepted") != false {
				t.Errorf("%s: %s", address, answer.Body)
			}
		}
		// Nobody fills a mailbox that is not its own.
		for range 10 {
			register(t, k.Anonymous(), "opfer@mueller.example").OK(t)
		}
		if n := len(k.Mails(t, "opfer@mueller.example")); n != 6 {
			t.Errorf("%d mails went to one address at once", n)
		}
	})
}

// A code works for ten days to the second. After that it says whom to contact, and a
// service agent mails another one, which replaces it.
//
// Requirement: ID-06
// Case: AUTH-14
func TestRegistrationInTime(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		nobody := k.Anonymous()
		const early, late = "frueh@mueller.example", "spaet@mueller.example"
		first, second := codeFor(t, k, early), codeFor(t, k, late)
		k.Clock.Advance(10*24*time.Hour - time.Second)
		activate(t, nobody, first, early, "frueher.vogel", goodPassword).OK(t)
		k.Clock.Advance(time.Second)
		expectEnd(t, "at its end", activate(t, nobody, second, late, "nachteule", goodPassword), "activateAccount", "LINK_EXPIRED activationCode", "Sabine Kurz")
		k.Clock.Advance(time.Second)
		expectEnd(t, "a second after", activate(t, nobody, second, late, "nachteule", goodPassword), "activateAccount", "LINK_EXPIRED activationCode", "Sabine Kurz")

		reissue := func(c *servertest.Client, address string) *servertest.Answer {
			return perform(t, c, "partner/dashboard", "ReissueActivationCode", "email", address)
		}
		for _, username := range []string{"martha.hansen", "paul.lang", "gerd.grau"} {
			if answer := reissue(k.As(t, username), late); answer.Code() != "FORBIDDEN" {
				t.Errorf("%s issues a code: %s", username, answer.Body)
			}
		}
		sabine := k.As(t, "sabine.kurz")
		for name, address := range map[string]string{"unknown": "niemand@mueller.example", "registered": early, "a user": "martha.hansen@hansa.example", "none": "kein"} {
			if got := faultsOf(t, reissue(sabine, address), "reissueActivationCode"); !slices.Equal(got, []string{"REGISTRATION_UNKNOWN email"}) {
				t.Errorf("%s: %v", name, got)
			}
		}
		// Wrong codes have used the attempts up, too: the new code counts at once.
		for range 10 {
			activate(t, nobody, strings.Repeat("0", 24), late, "nachteule", goodPassword)
		}
		reissue(sabine, " SPAET@mueller.example ").OK(t)
		fresh := codeIn(t, newest(t, k, late))
		expectEnd(t, "the replaced code", activate(t, nobody, second, late, "nachteule", goodPassword), "activateAccount", "LINK_UNKNOWN activationCode", "")
		k.Clock.Advance(10*24*time.Hour - time.Second)
		activate(t, nobody, fresh, late, "nachteule", goodPassword).OK(t)
	})
}

// Wrong codes are slowed down, never so far that the right one is lost.
//
// Requirement: ID-06
// Case: AUTH-14
func TestRegistrationGuessing(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		nobody := k.Anonymous()
		const max, eva = "max@mueller.example", "eva@mueller.example"
		code, other := codeFor(t, k, max), codeFor(t, k, eva)
		wrong := []string{strings.Repeat("0", 24), "", "kurz", other, code + "0", code[:len(code)-1]}
		for _, each := range wrong {
			expectEnd(t, each, activate(t, nobody, each, max, "max.mueller", goodPassword), "activateAccount", "LINK_UNKNOWN activationCode", "")
		}
		answer := activate(t, nobody, code, max, "max.mueller", goodPassword)
		if wait := answer.Errors; len(wait) != 1 || answer.Code() != "RATE_LIMITED" || wait[0].Extensions["retryAfter"] != 60.0 {
			t.Fatalf("after %d wrong codes: %s", len(wrong), answer.Body)
		}
		activate(t, nobody, other, eva, "eva.mueller", goodPassword).OK(t) // somebody else need not wait
		k.Clock.Advance(time.Minute)
		activate(t, nobody, code, max, "max.mueller", goodPassword).OK(t)
	})
}

// Of many wrong codes at once as many are looked at as one after the other.
//
// Requirement: ID-06
// Case: AUTH-06
func TestRegistrationGuessingAtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		const max = "max@mueller.example"
		code := codeFor(t, k, max)
		wanted := map[string]int{"LINK_UNKNOWN": 6, "RATE_LIMITED": 194}
		got := count(atOnce(200, func(i int) *servertest.Answer {
			return patiently(func() *servertest.Answer {
				return activate(t, k.Anonymous(), fmt.Sprintf("%024d", i), max, "max.mueller", goodPassword)
			})
		}), "activateAccount")
		if !maps.Equal(got, wanted) {
			t.Errorf("200 wrong codes at once: %v, want %v", got, wanted)
		}
		k.Clock.Advance(time.Hour)
		activate(t, k.Anonymous(), code, max, "max.mueller", goodPassword).OK(t)
	})
}

// A user name has 6 to 32 characters and is nobody else's, however it is written; a
// refused one leaves the code as it is.
//
// Requirement: ID-06
// Requirement: ID-10
// Case: CONC-08
func TestRegistrationUserNames(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		nobody := k.Anonymous()
		const max = "max@mueller.example"
		code := codeFor(t, k, max)
		for name, want := range map[string]string{
			"": "INVALID", "fuenf": "INVALID", "  fuenf ": "INVALID", strings.Repeat("x", 33): "INVALID", "max mueller": "INVALID", "max\u200bmueller": "INVALID", "max\nmueller": "INVALID",
			"fremd@mueller.example": "INVALID", "max.mueller@": "INVALID", "fremd\uff20mueller.example": "INVALID", "max\u3000mueller": "INVALID", "max\u00a8mueller": "INVALID",
			"martha.hansen": "TAKEN", "MARTHA.Hansen": "TAKEN", "ｍａｒｔｈａ.hansen": "TAKEN", "martha\u2024hansen": "TAKEN",
		} {
			if got := faultsOf(t, activate(t, nobody, code, max, name, goodPassword), "activateAccount"); !slices.Equal(got, []string{"USERNAME_" + want + " username"}) {
				t.Errorf("%q: %v, want %s", name, got, want)
			}
		}
		want := []string{"USERNAME_INVALID username", "PASSWORD_TOO_SHORT password"}
		if got := faultsOf(t, activate(t, nobody, code, max, "max", "kurz"), "activateAccount"); !slices.Equal(got, want) {
			t.Errorf("all at once: %v, want %v", got, want)
		}
		activate(t, nobody, code, max, "MAX@mueller.example", goodPassword).OK(t) // one's own address is a name, too
		if !loggedIn(t, k, max, goodPassword) {
			t.Error("one's own address does not log in")
		}
		for i, name := range []string{"sechsä", "ﬀﬀﬀ", strings.Repeat("ä", 32)} { // an ﬀ is two letters
			address := fmt.Sprintf("l%d@mueller.example", i)
			activate(t, nobody, codeFor(t, k, address), address, name, goodPassword).OK(t)
		}

		// Of many who choose one name at once, one gets it; the others are told as ever.
		spellings := []string{"zwilling.ﬁ", "ZWILLING.FI", "zwilling.fi", "Zwilling.ｆｉ"}
		codes := make([]string, 8)
		for i := range codes {
			codes[i] = codeFor(t, k, fmt.Sprintf("z%d@mueller.example", i))
		}
		won := 0
		for _, answer := range atOnce(len(codes), func(i int) *servertest.Answer {
			return activate(t, nobody, codes[i], fmt.Sprintf("z%d@mueller.example", i), spellings[i%4], goodPassword)
		}) {
			switch got := faultsOf(t, answer, "activateAccount"); {
			case len(got) == 0:
				won++
			case !slices.Equal(got, []string{"USERNAME_TAKEN username"}):
				t.Errorf("%d %s", answer.Status, answer.Body)
			}
		}
		if n := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM users WHERE username_key = 'zwilling.fi'`)[0]; won != 1 || n != "1" {
			t.Errorf("%d got the name, %s have it", won, n)
		}
	})
}

// With a customer number somebody joins its company only from an address in that
// company's domain; otherwise the number opens nothing.
//
// Requirement: ID-06
// Requirement: ID-21
// Requirement: AC-01
func TestRegistrationJoinsByCustomerNumber(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		nobody := k.Anonymous()
		for i, each := range []struct {
			email, number, organization, roles string
			contracts                          float64
		}{
			{"neu@hansa.example", "4066969100", "HANSA", "[GENERAL_USER]", 40},
			{"neu@HANSA.example", " 1713920200 ", "HANSA", "[GENERAL_USER]", 40},
			{"neu@alster.example", "4066969100", "", "[MASTER_ADMIN]", 0},
			{"neu@hansa.example.evil.example", "4066969100", "", "[MASTER_ADMIN]", 0},
			{"neu@sub.hansa.example", "4066969100", "", "[MASTER_ADMIN]", 0},
			{"neu@hansa.example", "", "", "[MASTER_ADMIN]", 0},
			{"neu@hansa.example", "0000", "", "[MASTER_ADMIN]", 0},
		} {
			address, name := strings.Replace(each.email, "neu", fmt.Sprint("neu", i), 1), fmt.Sprint("neuling", i)
			register(t, nobody, address, "customerNumber", each.number, "company", "Hansa Logistik GmbH").OK(t)
			activate(t, nobody, codeIn(t, newest(t, k, address)), address, name, goodPassword).OK(t)
			c := loginFor(t, k, name, goodPassword)
			me := c.Operation(t, "spa/session", "Me", nil).OK(t)
			organization := me.String(t, "viewer.tenant.organizationId")
			if each.organization != "" && organization != each.organization || each.organization == "" && !strings.HasPrefix(organization, "HANSALOGISTI-") || said(me, "viewer.roles") != each.roles {
				t.Errorf("%s with %q: %s", address, each.number, me.Body)
			}
			if got := c.Do(t, `{ contracts(first: 1) { totalCount } }`, nil).OK(t).Get("contracts.totalCount"); got != each.contracts {
				t.Errorf("%s with %q sees %v contracts", address, each.number, got)
			}
			// The master admins of a company learn who joined it.
			for _, master := range []string{"martha.hansen@hansa.example", "moritz.hansen@hansa.example"} {
				mails := k.Mails(t, master)
				if told := len(mails) > 0 && strings.Contains(strings.ReplaceAll(mails[0].Text, "\n", " "), "("+strings.ToLower(address)+")"); told != (each.organization == "HANSA") {
					t.Errorf("%s with %q: %s was told: %v", address, each.number, master, told)
				}
			}
		}
		// Where only the operator makes users, the code is right and yet opens nothing.
		sabine := k.As(t, "sabine.kurz")
		hansa := globalID("ten", columnOf(t, k.SQL(t), `SELECT id FROM tenants WHERE organization_id = 'HANSA'`)[0])
		sabine.Do(t, `mutation($id: ID!) { updateTenantSettings(input: {tenantId: $id, usersCreatedBy: OPERATOR}) { errors { code } } }`, servertest.Vars{"id": hansa}).OK(t)
		code := codeFor(t, k, "zu@hansa.example", "customerNumber", "4066969100")
		expectEnd(t, "a closed company", activate(t, nobody, code, "zu@hansa.example", "zu.spaet", goodPassword), "activateAccount", "REGISTRATION_CLOSED", "Paul Lang")
		sabine.Do(t, `mutation($id: ID!) { updateTenantSettings(input: {tenantId: $id, usersCreatedBy: MASTER_ADMINS}) { errors { code } } }`, servertest.Vars{"id": hansa}).OK(t)
		activate(t, nobody, code, "zu@hansa.example", "zu.spaet", goodPassword).OK(t)
	})
}

// Whoever got an account in another way meanwhile is told so by the code, and gets no
// further one.
//
// Requirement: ID-06
func TestRegistrationOfSomebodyWhoBecameAUser(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		code, twice := codeFor(t, k, "ida@hansa.example"), codeFor(t, k, "ida@hansa.example")
		inviteAs(t, k, k.As(t, "martha.hansen"), "ida", "hansa.example")
		for _, each := range []string{code, twice} {
			if got := faultsOf(t, activate(t, k.Anonymous(), each, "ida@hansa.example", "ida.immer", goodPassword), "activateAccount"); !slices.Equal(got, []string{"EMAIL_TAKEN email"}) {
				t.Errorf("the code: %v", got)
			}
			if got := faultsOf(t, activate(t, k.Anonymous(), each, "ida@hansa.example", "ida@hansa.example", goodPassword), "activateAccount"); !slices.Equal(got, []string{"EMAIL_TAKEN email"}) {
				t.Errorf("the code, with the address as name: %v", got)
			}
		}
		reissued := perform(t, k.As(t, "sabine.kurz"), "partner/dashboard", "ReissueActivationCode", "email", "ida@hansa.example")
		if got := faultsOf(t, reissued, "reissueActivationCode"); !slices.Equal(got, []string{"REGISTRATION_UNKNOWN email"}) {
			t.Errorf("another code: %v", got)
		}
	})
}
