package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// ofAccount sends a mutation of the document spa/account.
func ofAccount(t *testing.T, c *servertest.Client, operation string, pairs ...any) *servertest.Answer {
	t.Helper()
	return perform(t, c, "spa/account", operation, pairs...)
}

// A sub admin sees whom to turn to; a master admin has nobody above it.
//
// Requirement: ID-13
// Requirement: ID-14
func TestAccount(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		for username, want := range map[string]string{
			"silke.sommer":  "Martha Hansen martha.hansen@hansa.example +49 40 66969 101",
			"susi.stein":    "Maik Alster maik.alster@alster.example +49 40 66969 301",
			"martha.hansen": "<nil> <nil> <nil> <nil>", "gerd.grau": "<nil> <nil> <nil> <nil>",
		} {
			account := k.As(t, username).Operation(t, "spa/account", "MyAccount", nil).OK(t)
			superior := "viewer.user.superior."
			if got := said(account, superior+"firstName", superior+"lastName", superior+"email", superior+"phone"); got != want {
				t.Errorf("the superior of %s: %s", username, got)
			}
			if said(account, "viewer.user.username", "viewer.user.otpEnabled", "viewer.mandatoryContactFields", "viewer.customerCentre.linked") != username+" false [phone] false" {
				t.Errorf("the account of %s: %s", username, account.Body)
			}
		}
	})
}

// A new user name is confirmed with the password, is nobody else's, and logs in from
// then on.
//
// Requirement: ID-12
// Requirement: ID-20
// Case: CONC-08
func TestAccountUserName(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd := k.As(t, "gerd.grau")
		rename := func(c *servertest.Client, password, name string) *servertest.Answer {
			return ofAccount(t, c, "ChangeUsername", "currentPassword", password, "newUsername", name)
		}
		for _, each := range []struct{ password, name, want string }{
			{"Falsch-2026!", "gerd.der.graue", "PASSWORD_WRONG currentPassword"}, {"", "kurz", "PASSWORD_WRONG currentPassword"},
			{servertest.DemoPassword, "kurz", "USERNAME_INVALID newUsername"}, {servertest.DemoPassword, strings.Repeat("x", 33), "USERNAME_INVALID newUsername"},
			{servertest.DemoPassword, "gerd grau", "USERNAME_INVALID newUsername"}, {servertest.DemoPassword, "martha.hansen@hansa.example", "USERNAME_INVALID newUsername"},
			{servertest.DemoPassword, "martha.hansen\uff20hansa.example", "USERNAME_INVALID newUsername"}, {servertest.DemoPassword, "Martha.HANSEN", "USERNAME_TAKEN newUsername"},
			{servertest.DemoPassword, "ｍartha.hansen", "USERNAME_TAKEN newUsername"}, {servertest.DemoPassword, "maik.alster", "USERNAME_TAKEN newUsername"},
		} {
			answer := rename(gerd, each.password, each.name)
			if got := faultsOf(t, answer, "changeUsername"); !slices.Equal(got, []string{each.want}) || answer.Get("changeUsername.user") != nil {
				t.Errorf("%q: %s", each.name, answer.Body)
			}
		}
		if letters := k.Mails(t, "gerd.grau@hansa.example"); len(letters) > 0 {
			t.Errorf("refused names have sent %+v", letters)
		}
		if got := rename(gerd, servertest.DemoPassword, " Gerd.Grün ").OK(t).String(t, "changeUsername.user.username"); got != "Gerd.Grün" {
			t.Errorf("the name is %q", got)
		}
		expectLive(t, "the session", gerd, true)
		for name, want := range map[string]bool{"gerd.grau": false, "GERD.GRÜN": true, "gerd.gru\u0308n": true, "gerd.grau@hansa.example": true} {
			if got := loggedIn(t, k, name, servertest.DemoPassword); got != want {
				t.Errorf("%q logs in: %v", name, got)
			}
		}
		if letter := newest(t, k, "gerd.grau@hansa.example"); letter.Subject != "Hansa Logistik GmbH: Ihr Benutzername wurde geändert" || !strings.Contains(letter.Text, "Gerd.Grün") {
			t.Errorf("the mail: %+v", letter)
		}
		rename(gerd, servertest.DemoPassword, "GERD.GRÜN").OK(t)               // one's own name, written otherwise
		rename(gerd, servertest.DemoPassword, "Gerd.Grau@hansa.example").OK(t) // one's own address

		racers := []*servertest.Client{gerd, k.As(t, "anna.abel"), k.As(t, "maik.alster"), k.As(t, "malte.brandt")}
		won := 0
		for _, answer := range atOnce(len(racers), func(i int) *servertest.Answer {
			return rename(racers[i], servertest.DemoPassword, []string{"be\u0301gehrt", "BÉGEHRT", "b\u00e9gehrt", "ｂégehrt"}[i])
		}) {
			switch got := faultsOf(t, answer, "changeUsername"); {
			case len(got) == 0:
				won++
			case !slices.Equal(got, []string{"USERNAME_TAKEN newUsername"}):
				t.Errorf("%d %s", answer.Status, answer.Body)
			}
		}
		if won != 1 {
			t.Errorf("%d users have one name", won)
		}
	})
}

// Contact data changes field by field; what is wrong is told at once, and two changes at
// the same time do not undo each other.
//
// Requirement: ID-13
// Requirement: ID-20
func TestAccountContactData(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd := k.As(t, "gerd.grau")
		update := func(pairs ...any) *servertest.Answer { return ofAccount(t, gerd, "UpdateContactData", pairs...) }
		for name, each := range map[string]struct{ pairs, want []any }{
			"no phone numbers": {[]any{"phone", "ruf mich an", "mobile", "0171-CALL"}, []any{"PHONE_INVALID phone", "PHONE_INVALID mobile"}},
			"no countries":     {[]any{"country", "de"}, []any{"COUNTRY_INVALID country"}},
			"a long country":   {[]any{"country", "Germany"}, []any{"VALUE_TOO_LONG country"}},
			"no phone":         {[]any{"phone", "  "}, []any{"VALUE_REQUIRED phone"}},
			"a long phone":     {[]any{"phone", strings.Repeat("1", 41)}, []any{"VALUE_TOO_LONG phone"}},
			"a long street":    {[]any{"street", strings.Repeat("x", 101), "title", strings.Repeat("x", 41), "postalCode", strings.Repeat("1", 21)}, []any{"VALUE_TOO_LONG title", "VALUE_TOO_LONG street", "VALUE_TOO_LONG postalCode"}},
		} {
			answer := update(each.pairs...)
			if got := faultsOf(t, answer, "updateContactData"); fmt.Sprint(got) != fmt.Sprint(each.want) || said(answer, "updateContactData.user", "updateContactData.pendingSteps") != "<nil> []" {
				t.Errorf("%s: %v, want %v", name, got, each.want)
			}
		}
		const query = `{ viewer { user { title firstName lastName phone mobile language street postalCode city country } } }`
		user := func() string {
			all := gerd.Do(t, query, nil).OK(t).Get("viewer.user").(map[string]any)
			return fmt.Sprint(all)
		}
		before := user()
		update().OK(t)
		if got := user(); got != before {
			t.Errorf("nothing was given, and %s became %s", before, got)
		}
		changed := update("phone", " +49 (40) 66969-199 ", "mobile", "0171/3920099", "street", "Kai 7", "postalCode", "20457", "city", "Hamburg", "country", "DE", "language", "en", "title", "").OK(t)
		if said(changed, "updateContactData.user.phone", "updateContactData.user.mobile", "updateContactData.user.language", "updateContactData.pendingSteps") != "+49 (40) 66969-199 0171/3920099 en []" {
			t.Errorf("changed: %s", changed.Body)
		}
		if got, want := user(), "map[city:Hamburg country:DE firstName:Gerd language:en lastName:Grau mobile:0171/3920099 phone:+49 (40) 66969-199 postalCode:20457 street:Kai 7 title:]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if answer := update("phone", "x"); answer.String(t, "updateContactData.errors.0.message") == "" || strings.Contains(answer.String(t, "updateContactData.errors.0.message"), "Telefon") {
			t.Errorf("an English user reads %s", answer.Body)
		}
		for i := range 10 {
			phone, city := fmt.Sprintf("+49 40 %d", 1000+i), fmt.Sprint("Hamburg ", i)
			atOnce(2, func(j int) *servertest.Answer {
				return update([]any{"phone", phone, "city", city}[2*j : 2*j+2]...)
			})
			if got := gerd.Do(t, query, nil).OK(t); said(got, "viewer.user.phone", "viewer.user.city") != phone+" "+city {
				t.Errorf("one of two changes is lost: %s", got.Body)
			}
		}
	})
}

// Whether users change their own names is the portal's to say.
//
// Requirement: ID-13
// Requirement: ID-21
func TestAccountNames(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd, hansa := k.As(t, "gerd.grau"), globalID("ten", columnOf(t, k.SQL(t), `SELECT id FROM tenants WHERE organization_id = 'HANSA'`)[0])
		allow := func(c *servertest.Client) *servertest.Answer {
			return c.Do(t, `mutation($id: ID!) { updateTenantSettings(input: {tenantId: $id, namesChangeable: true}) { tenant { settings { namesChangeable } } errors { code } } }`, servertest.Vars{"id": hansa})
		}
		refused := ofAccount(t, gerd, "UpdateContactData", "firstName", "Gerhard", "lastName", "Weiß", "mobile", "0171 1")
		if got := faultsOf(t, refused, "updateContactData"); !slices.Equal(got, []string{"NAME_NOT_CHANGEABLE firstName", "NAME_NOT_CHANGEABLE lastName"}) ||
			said(refused, "updateContactData.errors.0.contact.name", "updateContactData.errors.1.contact.name") != "Paul Lang Paul Lang" {
			t.Errorf("not allowed: %s", refused.Body)
		}
		ofAccount(t, gerd, "UpdateContactData", "firstName", " Gerd ", "lastName", "Grau").OK(t) // a form that sends all it shows
		for _, username := range []string{"martha.hansen", "paul.lang"} {
			if answer := allow(k.As(t, username)); answer.Code() != "FORBIDDEN" {
				t.Errorf("%s changes the portal: %s", username, answer.Body)
			}
		}
		if answer := allow(k.As(t, "sabine.kurz")).OK(t); answer.Get("updateTenantSettings.tenant.settings.namesChangeable") != true {
			t.Errorf("the setting: %s", answer.Body)
		}
		if got := faultsOf(t, ofAccount(t, gerd, "UpdateContactData", "firstName", " ", "lastName", "Weiß"), "updateContactData"); !slices.Equal(got, []string{"VALUE_REQUIRED firstName"}) {
			t.Errorf("no first name: %v", got)
		}
		ofAccount(t, gerd, "UpdateContactData", "firstName", "Gerhard", "lastName", "Weiß").OK(t)
		if me := gerd.Operation(t, "spa/session", "Me", nil).OK(t); said(me, "viewer.user.firstName", "viewer.user.lastName") != "Gerhard Weiß" {
			t.Errorf("the names: %s", me.Body)
		}
	})
}

// A new address counts once its link was used; the old one is told before and after, and
// all sessions end but the one that confirms.
//
// Requirement: ID-13
// Requirement: ID-20
// Case: AUTH-10
func TestAccountEmail(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd, other, nobody := k.As(t, "gerd.grau"), k.As(t, "gerd.grau"), k.Anonymous()
		const old, fresh = "gerd.grau@hansa.example", "Gerd.Neu@anderswo.example"
		change := func(password, address string) *servertest.Answer {
			return ofAccount(t, gerd, "ChangeEmail", "currentPassword", password, "newEmail", address)
		}
		confirm := func(c *servertest.Client, token string) *servertest.Answer {
			return ofAccount(t, c, "ConfirmEmail", "token", token)
		}
		for _, each := range []struct{ password, address, want string }{
			{"Falsch-2026!", fresh, "PASSWORD_WRONG currentPassword"}, {servertest.DemoPassword, "kein", "EMAIL_INVALID newEmail"},
			{servertest.DemoPassword, "GERD.GRAU@hansa.example", "EMAIL_UNCHANGED newEmail"},
		} {
			answer := change(each.password, each.address)
			if got := faultsOf(t, answer, "changeEmail"); !slices.Equal(got, []string{each.want}) || answer.Get("changeEmail.accepted") != false {
				t.Errorf("%q: %s", each.address, answer.Body)
			}
		}
		if n := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM mails`)[0]; n != "0" {
			t.Errorf("refused changes have sent %s mails", n)
		}
		want := change(servertest.DemoPassword, fresh).OK(t)
		if letter := newest(t, k, old); letter.Subject != "Hansa Logistik GmbH: Ihre E-Mail-Adresse soll geändert werden" || !strings.Contains(letter.Text, fresh) || strings.Contains(letter.Text, "token=") {
			t.Errorf("the old address is told %+v", letter)
		}
		first := newest(t, k, fresh).Token(t)
		if me := gerd.Operation(t, "spa/session", "Me", nil).OK(t); me.Get("viewer.user.email") != old || loggedIn(t, k, fresh, servertest.DemoPassword) {
			t.Errorf("before it is confirmed: %s", me.Body)
		}
		// The address of somebody else: the same answer, and only its owner learns of it.
		before := len(k.Mails(t, old))
		if answer := change(servertest.DemoPassword, "martha.hansen@hansa.example"); string(answer.Body) != string(want.Body) || len(k.Mails(t, old)) != before {
			t.Errorf("the address of somebody else: %s", answer.Body)
		}
		if letter := newest(t, k, "martha.hansen@hansa.example"); strings.Contains(letter.Text, "token=") || !strings.Contains(letter.Subject, "Sie haben schon ein Benutzerkonto") {
			t.Errorf("its owner got %+v", letter)
		}
		change(servertest.DemoPassword, fresh).OK(t)
		second := newest(t, k, fresh).Token(t)
		expectEnd(t, "the link before", confirm(nobody, first), "confirmEmail", "LINK_REVOKED token", "Paul Lang")
		confirmed := confirm(gerd, second).OK(t)
		if got := confirmed.String(t, "confirmEmail.user.email"); got != "Gerd.Neu@anderswo.example" {
			t.Errorf("the address is %s", got)
		}
		expectLive(t, "the session that confirmed", gerd, true)
		expectLive(t, "another session", other, false)
		if loggedIn(t, k, old, servertest.DemoPassword) || !loggedIn(t, k, fresh, servertest.DemoPassword) || !loggedIn(t, k, "gerd.grau", servertest.DemoPassword) {
			t.Error("the old address logs in, or the new one or the name does not")
		}
		if letter := newest(t, k, old); letter.Subject != "Hansa Logistik GmbH: Ihre E-Mail-Adresse wurde geändert" || !strings.Contains(letter.Text, fresh) {
			t.Errorf("the old address is told %+v", letter)
		}
		expectEnd(t, "again", confirm(nobody, second), "confirmEmail", "LINK_USED token", "Paul Lang")

		change(servertest.DemoPassword, "dritte@hansa.example").OK(t)
		change(servertest.DemoPassword, "vierte@hansa.example").OK(t)
		third := newest(t, k, "vierte@hansa.example").Token(t)
		inviteAs(t, k, k.As(t, "martha.hansen"), "vierte", "hansa.example")
		if got := faultsOf(t, confirm(nobody, third), "confirmEmail"); !slices.Equal(got, []string{"EMAIL_TAKEN token"}) {
			t.Errorf("taken meanwhile: %v", got)
		}
		change(servertest.DemoPassword, "spaet@hansa.example").OK(t)
		late := newest(t, k, "spaet@hansa.example").Token(t)
		k.Clock.Advance(24*time.Hour + time.Second)
		expectEnd(t, "after a day", confirm(nobody, late), "confirmEmail", "LINK_EXPIRED token", "Paul Lang")
		expectLive(t, "whoever was logged in", gerd, true)
	})
}

// Whoever logs in with its address, as the invited do, logs in with the new one.
//
// Requirement: ID-05
// Requirement: ID-13
func TestAccountEmailThatIsTheUserName(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		ida := inviteAs(t, k, martha, "ida.immergruen", "hansa.example")
		acceptance(t, k.Anonymous(), ida.token, goodPassword, "phone", "+49 40 4711").OK(t)
		own := loginFor(t, k, ida.email, goodPassword)
		ofAccount(t, own, "ChangeEmail", "currentPassword", goodPassword, "newEmail", "ida.neu@hansa.example").OK(t)
		link := newest(t, k, "ida.neu@hansa.example").Token(t)
		k.Clock.Advance(24*time.Hour - time.Second)
		ofAccount(t, k.Anonymous(), "ConfirmEmail", "token", link).OK(t)
		expectLive(t, "a session from before", own, false)
		me := loginFor(t, k, "ida.neu@hansa.example", goodPassword).Operation(t, "spa/session", "Me", nil).OK(t)
		if said(me, "viewer.user.username", "viewer.user.email") != "ida.neu@hansa.example ida.neu@hansa.example" || loggedIn(t, k, ida.email, goodPassword) {
			t.Errorf("after the change: %s", me.Body)
		}
		inviteAs(t, k, martha, "ida.immergruen", "hansa.example") // the old address is free
	})
}
