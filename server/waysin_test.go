package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// expectEnd tells why a link or a code no longer works, and with whom to talk; nobody
// when contact is empty.
func expectEnd(t *testing.T, name string, answer *servertest.Answer, payload, want, contact string) {
	t.Helper()
	if got := faultsOf(t, answer, payload); !slices.Equal(got, []string{want}) {
		t.Errorf("%s: %v, want %s", name, got, want)
		return
	}
	got, _ := answer.Get(payload + ".errors.0.contact.name").(string)
	if got != contact {
		t.Errorf("%s: ask %q, want %q", name, got, contact)
	}
	if contact != "" && (answer.Get(payload+".errors.0.contact.phone") == "" || answer.Get(payload+".errors.0.contact.email") == "") {
		t.Errorf("%s: the contact cannot be reached: %s", name, answer.Body)
	}
}

// An invitation works for 90 days to the second.
//
// Requirement: ID-04
// Requirement: ID-05
// Case: AUTH-12
func TestInvitationInTime(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, nobody := k.As(t, "martha.hansen"), k.Anonymous()
		early, late := inviteAs(t, k, martha, "frueh", "hansa.example"), inviteAs(t, k, martha, "spaet", "hansa.example")
		k.Clock.Advance(90*24*time.Hour - time.Second)
		if page := lookAt(t, nobody, early.token); page.Get("invitation.status") != "OPEN" {
			t.Errorf("a second before its end: %s", page.Body)
		}
		acceptance(t, nobody, early.token, goodPassword).OK(t)
		k.Clock.Advance(time.Second)
		expectEnd(t, "at its end", acceptance(t, nobody, late.token, goodPassword), "acceptInvitation", "LINK_EXPIRED token", "Paul Lang")
		k.Clock.Advance(time.Second)
		if page := lookAt(t, nobody, late.token); page.Get("invitation.status") != "EXPIRED" {
			t.Errorf("a second after its end: %s", page.Body)
		}
		expectEnd(t, "a second after its end", acceptance(t, nobody, late.token, goodPassword), "acceptInvitation", "LINK_EXPIRED token", "Paul Lang")
		if loggedIn(t, k, late.email, goodPassword) || !loggedIn(t, k, early.email, goodPassword) {
			t.Error("the late one can log in, or the early one cannot")
		}
	})
}

// Each end of a link has an answer of its own, with the person to ask, and a page that
// tells nothing about whom it was for.
//
// Requirement: ID-05
// Requirement: ID-16
// Case: AUTH-12
func TestInvitationEnds(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, nobody := k.As(t, "martha.hansen"), k.Anonymous()
		end := map[string]invitee{}
		for _, name := range []string{"used", "resent", "revoked", "deactivated"} {
			end[name] = inviteAs(t, k, martha, name, "hansa.example")
		}
		acceptance(t, nobody, end["used"].token, goodPassword).OK(t)
		perform(t, martha, "spa/users", "ResendInvitation", "id", end["resent"].id).OK(t)
		perform(t, martha, "spa/users", "RevokeInvitation", "id", end["revoked"].id).OK(t)
		perform(t, martha, "spa/users", "DeactivateUser", "id", end["deactivated"].id).OK(t)
		messages := map[string]bool{}
		for name, code := range map[string]string{"used": "LINK_USED", "resent": "LINK_REVOKED", "revoked": "LINK_REVOKED", "deactivated": "LINK_REVOKED"} {
			answer := acceptance(t, nobody, end[name].token, otherPassword)
			expectEnd(t, name, answer, "acceptInvitation", code+" token", "Paul Lang")
			messages[answer.String(t, "acceptInvitation.errors.0.message")] = true
			page := lookAt(t, nobody, end[name].token)
			if got := page.Get("invitation.status"); got != strings.TrimPrefix(code, "LINK_") {
				t.Errorf("%s: the page says %v", name, got)
			}
			for _, secret := range []string{"Ida", "Immergrün", "Frau", "@hansa.example"} {
				if strings.Contains(string(page.Body), secret) || strings.Contains(string(answer.Body), secret) {
					t.Errorf("%s: the closed link tells %s: %s %s", name, secret, page.Body, answer.Body)
				}
			}
			if name != "used" && loggedIn(t, k, end[name].email, otherPassword) {
				t.Errorf("%s: it worked", name)
			}
		}
		if loggedIn(t, k, end["used"].email, otherPassword) || !loggedIn(t, k, end["used"].email, goodPassword) {
			t.Error("a used link has set another password")
		}
		for name, token := range map[string]string{
			"unknown": strings.Repeat("A", 43), "half": end["used"].token[:20], "empty": "", "longer": end["used"].token + "A", "with a line break": end["used"].token + "\n", "long": strings.Repeat("A", 4000),
		} {
			answer := acceptance(t, nobody, token, goodPassword)
			expectEnd(t, name, answer, "acceptInvitation", "LINK_UNKNOWN token", "")
			messages[answer.String(t, "acceptInvitation.errors.0.message")] = true
			if page := lookAt(t, nobody, token); page.Get("invitation") != nil {
				t.Errorf("%s: the page says %s", name, page.Body)
			}
		}
		if len(messages) != 3 {
			t.Errorf("the messages are %v", messages)
		}
		// The one that was invited again follows the newer mail.
		again := newest(t, k, end["resent"].email).Token(t)
		if page := lookAt(t, nobody, again); page.Get("invitation.status") != "OPEN" || page.Get("invitation.firstName") != "Ida" {
			t.Errorf("invited again: %s", page.Body)
		}
		acceptance(t, nobody, again, goodPassword).OK(t)
	})
}

// Who only looks, as scanners of mails do, uses nothing up; a bad password does not
// either, and is told all that is wrong with it.
//
// Requirement: ID-05
// Requirement: ID-10
// Case: AUTH-12
func TestInvitationStaysUntilItIsUsed(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		ida, nobody := inviteAs(t, k, k.As(t, "martha.hansen"), "ida.immergruen", "hansa.example"), k.Anonymous()
		for range 3 {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				raw(t, k, method, "/invitation?token="+ida.token, "", nil)
			}
			if page := lookAt(t, nobody, ida.token); page.Get("invitation.status") != "OPEN" || page.Get("invitation.email") != ida.email {
				t.Errorf("looked at: %s", page.Body)
			}
		}
		for _, each := range []struct {
			answer *servertest.Answer
			want   []string
		}{
			{acceptance(t, nobody, ida.token, "ß"), []string{"PASSWORD_TOO_SHORT password", "PASSWORD_LETTER_MISSING password", "PASSWORD_DIGIT_MISSING password", "PASSWORD_SPECIAL_MISSING password", "PASSWORD_FORBIDDEN_CHARACTER password"}},
			{acceptance(t, nobody, ida.token, "Ida.Immergruen-1"), []string{"PASSWORD_CONTAINS_USERNAME password"}},
			{acceptance(t, nobody, ida.token, "kurz-1", "firstName", " ", "lastName", strings.Repeat("x", 101), "phone", "ruf an", "title", "Dr.\tDr."),
				[]string{"VALUE_REQUIRED firstName", "VALUE_TOO_LONG lastName", "VALUE_INVALID title", "PHONE_INVALID phone", "PASSWORD_TOO_SHORT password"}},
		} {
			if got := faultsOf(t, each.answer, "acceptInvitation"); !slices.Equal(got, each.want) || each.answer.Get("acceptInvitation.username") != nil {
				t.Errorf("%v, want %v", got, each.want)
			}
		}
		acceptance(t, nobody, ida.token, goodPassword, "firstName", "Ada").OK(t)
		me := loginFor(t, k, ida.email, goodPassword).Operation(t, "spa/session", "Me", nil).OK(t)
		if said(me, "viewer.user.firstName", "viewer.user.lastName", "viewer.pendingSteps") != "Ada Immergrün [COMPLETE_CONTACT_DATA]" {
			t.Errorf("the new user: %s", me.Body)
		}
	})
}

// An invitation ends with whoever sent it: when that one is switched off, its link makes no account any more, not even when
// it is switched on again, until another administrator sends it again. It is for the address that it was sent to and no other.
// What others sent stays.
//
// Requirement: ID-05
// Requirement: ID-16
// Case: AUTH-12
func TestInvitationWithoutItsInviter(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, moritz, martha := k.SQL(t), k.As(t, "moritz.hansen"), k.As(t, "martha.hansen")
		ends, used := inviteAs(t, k, moritz, "endet", "hansa.example"), inviteAs(t, k, moritz, "benutzt", "hansa.example")
		resent, other := inviteAs(t, k, moritz, "erneuert", "hansa.example"), inviteAs(t, k, martha, "bleibt", "hansa.example")
		acceptance(t, k.Anonymous(), used.token, goodPassword).OK(t)
		administer(t, martha, "ResendInvitation", map[string]any{"id": resent.id}).OK(t)
		deactivate(t, martha, userID(t, d, "moritz.hansen")).OK(t)
		if answer := administer(t, moritz, "ResendInvitation", map[string]any{"id": ends.id}); answer.Code() != "UNAUTHENTICATED" {
			t.Errorf("whoever is switched off invites again: %s", answer.Body)
		}
		for range 2 {
			expectEnd(t, "without its inviter", acceptance(t, k.Anonymous(), ends.token, goodPassword), "acceptInvitation", "LINK_REVOKED token", "Paul Lang")
			if page := lookAt(t, k.Anonymous(), ends.token); page.Get("invitation.status") != "REVOKED" || strings.Contains(string(page.Body), ends.email) {
				t.Errorf("without its inviter the page says %s", page.Body)
			}
			reactivate(t, martha, userID(t, d, "moritz.hansen")).OK(t)
		}
		sent := martha.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1, "where": map[string]any{"search": ends.email}}).OK(t)
		if got := sent.Get("users.nodes.0.invitation.status"); got != "REVOKED" {
			t.Errorf("administrators see it as %v", got)
		}
		expectEnd(t, "used before", acceptance(t, k.Anonymous(), used.token, goodPassword), "acceptInvitation", "LINK_USED token", "Paul Lang")
		acceptance(t, k.Anonymous(), other.token, goodPassword).OK(t)
		acceptance(t, k.Anonymous(), newest(t, k, resent.email).Token(t), goodPassword).OK(t)

		administer(t, martha, "ResendInvitation", map[string]any{"id": ends.id}).OK(t)
		again := newest(t, k, ends.email).Token(t)
		for field, value := range map[string]any{"email": "fremd@evil.example", "username": "fremd.evil", "roles": []string{"MASTER_ADMIN"}} {
			if answer := acceptance(t, k.Anonymous(), again, goodPassword, field, value); answer.Data != nil || answer.Status != http.StatusBadRequest {
				t.Errorf("with another %s: %d %s", field, answer.Status, answer.Body)
			}
		}
		acceptance(t, k.Anonymous(), again, goodPassword).OK(t)
		me := loginFor(t, k, ends.email, goodPassword).Operation(t, "spa/session", "Me", nil).OK(t)
		if got := said(me, "viewer.user.email", "viewer.roles"); got != ends.email+" [GENERAL_USER]" {
			t.Errorf("the new user is %s", got)
		}
		if n := len(columnOf(t, d, `SELECT id FROM users WHERE email LIKE '%evil.example'`)); n != 0 {
			t.Errorf("%d accounts are for another address", n)
		}
	})
}

// Of an invitation and the end of whoever sends it at the same time, either the one is refused or its link
// has ended: no link is left open by somebody who is switched off.
//
// Requirement: ID-16
// Case: AUTH-12
func TestInvitationRacesWithTheEndOfItsInviter(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, martha := k.SQL(t), k.As(t, "martha.hansen")
		id := userID(t, d, "moritz.hansen")
		for round := range 10 {
			moritz := k.As(t, "moritz.hansen")
			k.Clock.Advance(time.Second)
			atOnce(8, func(i int) bool {
				if i == 4 {
					deactivate(t, martha, id).OK(t)
					return true
				}
				administer(t, moritz, "CreateUser", map[string]any{
					"firstName": "Ida", "lastName": "Eilig", "email": fmt.Sprintf("eilig.%d.%d@hansa.example", round, i), "roles": []string{"GENERAL_USER"}})
				return true
			})
			if open := columnOf(t, d, `SELECT email FROM one_time_links WHERE purpose = 'INVITATION' AND used_at IS NULL AND revoked_at IS NULL`); len(open) > 0 {
				t.Fatalf("round %d: open are %v", round, open)
			}
			reactivate(t, martha, id).OK(t)
		}
	})
}

// A link does what it was sent for and nothing else.
//
// Requirement: ID-05
// Requirement: ID-09
// Requirement: ID-13
// Case: AUTH-12
func TestLinksHaveOnePurpose(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		nobody, gerd := k.Anonymous(), k.As(t, "gerd.grau")
		perform(t, nobody, "spa/registration", "RequestPasswordReset", "email", "gerd.grau@hansa.example").OK(t)
		reset := newest(t, k, "gerd.grau@hansa.example").Token(t)
		perform(t, gerd, "spa/account", "ChangeEmail", "currentPassword", servertest.DemoPassword, "newEmail", "gerd.neu@hansa.example").OK(t)
		confirm := newest(t, k, "gerd.neu@hansa.example").Token(t)
		invitation := inviteAs(t, k, k.As(t, "martha.hansen"), "ida.immergruen", "hansa.example").token
		follow := map[string]func(token string) *servertest.Answer{
			"acceptInvitation": func(token string) *servertest.Answer { return acceptance(t, nobody, token, goodPassword) },
			"resetPassword": func(token string) *servertest.Answer {
				return perform(t, nobody, "spa/registration", "ResetPassword", "token", token, "newPassword", goodPassword)
			},
			"confirmEmail": func(token string) *servertest.Answer {
				return perform(t, nobody, "spa/account", "ConfirmEmail", "token", token)
			},
		}
		own := map[string]string{"acceptInvitation": invitation, "resetPassword": reset, "confirmEmail": confirm}
		for payload, use := range follow {
			for purpose, token := range own {
				if purpose != payload {
					expectEnd(t, purpose+" used for "+payload, use(token), payload, "LINK_UNKNOWN token", "")
				}
			}
		}
		for _, token := range []string{reset, confirm} {
			if page := lookAt(t, nobody, token); page.Get("invitation") != nil {
				t.Errorf("a link of another purpose is shown as an invitation: %s", page.Body)
			}
		}
		// They are all still good for what they are, before a reset ends the others.
		for _, payload := range []string{"acceptInvitation", "confirmEmail"} {
			follow[payload](own[payload]).OK(t)
		}
	})
}

// otherHost sends requests in the name of another host.
type otherHost struct{}

func (otherHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = "evil.example"
	return http.DefaultTransport.RoundTrip(r)
}

// Mails lead to the portal and nowhere else, whatever a request says about its host,
// and what people are called is text in them.
//
// Requirement: ID-09
// Case: IO-05
func TestMailsOfWaysInLeadToThePortal(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		evil := k.As(t, "martha.hansen")
		evil.HTTP = &http.Client{Transport: otherHost{}}
		evil.Header["X-Forwarded-Host"], evil.Header["Forwarded"] = "evil.example", "host=evil.example"
		nobody := *evil
		nobody.Token = ""
		perform(t, evil, "spa/users", "CreateUser", "firstName", "<b>Eva</b>", "lastName", `"><img src=x>`, "email", "eva@hansa.example", "roles", []string{"GENERAL_USER"}).OK(t)
		perform(t, &nobody, "spa/registration", "RequestPasswordReset", "email", "gerd.grau@hansa.example").OK(t)
		perform(t, &nobody, "spa/registration", "Register", "company", "<i>Wind</i>", "firstName", "A", "lastName", "B", "email", "a@wind.example").OK(t)
		perform(t, evil, "spa/account", "ChangeEmail", "currentPassword", servertest.DemoPassword, "newEmail", "neu@hansa.example").OK(t)
		for to, page := range map[string]string{
			"eva@hansa.example": "/invitation?token=", "gerd.grau@hansa.example": "/reset-password?token=", "a@wind.example": "/activate", "neu@hansa.example": "/confirm-email?token=",
		} {
			letter := newest(t, k, to)
			if both := letter.Text + letter.HTML; strings.Contains(both, "evil.example") || strings.Count(both, "http://localhost:8080"+page) < 2 {
				t.Errorf("the mail to %s: %+v", to, letter)
			}
			if strings.Contains(letter.HTML, "<img") || strings.Contains(letter.HTML, "<b>Eva") || strings.Contains(letter.HTML, "<i>Wind") {
				t.Errorf("a name is markup: %s", letter.HTML)
			}
		}
	})
}

// A name with a line break in it goes into no mail: it is refused where it comes in.
//
// Requirement: ID-04
// Requirement: ID-06
// Requirement: ID-13
// Case: IO-04
func TestWaysInRefuseLineBreaks(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, nobody, sabine := k.As(t, "martha.hansen"), k.Anonymous(), k.As(t, "sabine.kurz")
		alter(t, k.SQL(t), `UPDATE tenants SET names_changeable = true WHERE organization_id = 'HANSA'`)
		ida := inviteAs(t, k, martha, "ida.immergruen", "hansa.example")
		before := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM mails`)[0]
		for _, bad := range []string{"Eva\r\nBcc: x@evil.example", "Eva\nErnst", "Eva\rErnst", "Eva\x00Ernst", "Eva\u0085Ernst"} {
			all := []string{"VALUE_INVALID firstName", "VALUE_INVALID lastName", "VALUE_INVALID title"}
			for payload, each := range map[string]struct {
				answer *servertest.Answer
				want   []string
			}{
				"createUser":       {perform(t, martha, "spa/users", "CreateUser", "title", bad, "firstName", bad, "lastName", bad, "email", "eva@hansa.example", "roles", []string{"GENERAL_USER"}), all},
				"acceptInvitation": {acceptance(t, nobody, ida.token, goodPassword, "title", bad, "firstName", bad, "lastName", bad), all},
				"register": {perform(t, nobody, "spa/registration", "Register", "company", bad, "customerNumber", bad, "title", bad, "firstName", bad, "lastName", bad, "email", "e@wind.example", "phone", bad),
					append([]string{"VALUE_INVALID company", "VALUE_INVALID customerNumber", "VALUE_INVALID phone"}, all...)},
				"updateContactData": {perform(t, martha, "spa/account", "UpdateContactData", "title", bad, "firstName", bad, "lastName", bad), all},
				"inviteCompany": {perform(t, sabine, "partner/dashboard", "InviteCompany", "company", map[string]any{"name": bad}, "email", "e@wind.example", "organizationId", "WIND", "firstName", bad, "lastName", bad),
					[]string{"VALUE_INVALID company.name", "VALUE_INVALID firstName", "VALUE_INVALID lastName"}},
			} {
				if got := faultsOf(t, each.answer, payload); !slices.Equal(sorted(got), sorted(each.want)) {
					t.Errorf("%s with %q: %v, want %v", payload, bad, got, each.want)
				}
			}
		}
		if after := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM mails`)[0]; after != before {
			t.Errorf("%s mails became %s", before, after)
		}
	})
}
