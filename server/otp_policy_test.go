package server_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// Where passwords are digits only, one-time codes are mandatory: until they are set up
// nothing else works, and they cannot be switched off.
//
// Requirement: ID-11
// Requirement: ID-18
func TestPolicyPinOtp(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		alter(t, k.SQL(t), `UPDATE tenants SET password_policy = 'PIN_OTP' WHERE organization_id = 'BRANDT'`)
		login := loginAs(t, k.Anonymous(), "gisela.gross", servertest.DemoPassword).OK(t)
		if got := login.List(t, "login.viewer.pendingSteps"); len(got) != 1 || got[0] != "ENROL_OTP" {
			t.Errorf("pending are %v", got)
		}
		gisela := k.Anonymous()
		gisela.Token = login.String(t, "login.token")
		open := []string{"viewer", "logout", "endSessions", "enrolOtp", "confirmOtp", "disableOtp"}
		checked := 0
		for _, field := range rootFields(t) {
			if field.public || slices.Contains(open, field.name) {
				continue
			}
			checked++
			if answer := gisela.Do(t, field.document, nil); answer.Code() != "OTP_ENROLMENT_REQUIRED" || answer.Get(field.name) != nil {
				t.Errorf("%s before codes are set up: %s", field.name, answer.Body)
			}
		}
		if checked < 30 {
			t.Errorf("only %d operations were asked for", checked)
		}
		mandatory := func() {
			t.Helper()
			answer := disableOtp(t, gisela, servertest.DemoPassword, "000000")
			if got := faultsOf(t, answer, "disableOtp"); !slices.Equal(got, []string{"OTP_MANDATORY"}) || answer.Get("disableOtp.errors.0.contact.email") == nil {
				t.Errorf("switching codes off: %s", answer.Body)
			}
		}
		mandatory()
		app := setUp(t, k, gisela)
		mandatory()
		if got := gisela.Operation(t, "spa/session", "Me", nil).OK(t).List(t, "viewer.pendingSteps"); len(got) > 0 {
			t.Errorf("pending with codes set up are %v", got)
		}
		gisela.Operation(t, "spa/cart", "CurrentCart", nil).OK(t)

		for next, want := range map[string][]string{
			"Kein-Zahlen-1!": {"PASSWORD_NOT_DIGITS"}, "1234567": {"PASSWORD_TOO_SHORT"}, "12345678a": {"PASSWORD_NOT_DIGITS"},
			"٣٨٤٧٢٩١٠": {"PASSWORD_NOT_DIGITS"}, "": {"PASSWORD_TOO_SHORT"},
		} {
			if got := changePassword(t, gisela, servertest.DemoPassword, next).Codes("changePassword"); !slices.Equal(got, want) {
				t.Errorf("%q: %v, want %v", next, got, want)
			}
		}
		changePassword(t, gisela, servertest.DemoPassword, "83749201").OK(t)
		k.Clock.Advance(time.Minute)
		pin := appLogin(t, k, "gisela.gross", "83749201").OK(t)
		if pin.Get("login.token") != nil {
			t.Fatalf("the digits alone log in: %s", pin.Body)
		}
		expectAnswer(t, "digits and code", k, pin.String(t, "login.challenge.id"), app.code(k), "")
	})
}

// A portal that comes to demand codes demands them of who is logged in, too.
//
// Requirement: ID-11
// Requirement: ID-18
func TestPolicyChangesToPinOtp(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gisela := k.As(t, "gisela.gross")
		gisela.Operation(t, "spa/cart", "CurrentCart", nil).OK(t)
		alter(t, k.SQL(t), `UPDATE tenants SET password_policy = 'PIN_OTP' WHERE organization_id = 'BRANDT'`)
		if answer := gisela.Operation(t, "spa/cart", "CurrentCart", nil); answer.Code() != "OTP_ENROLMENT_REQUIRED" {
			t.Errorf("a session from before: %s", answer.Body)
		}
		setUp(t, k, gisela)
		gisela.Operation(t, "spa/cart", "CurrentCart", nil).OK(t)
	})
}

// MODERN asks for 15 characters, and for 8 as long as a code comes with them.
//
// Requirement: ID-11
func TestPolicyModernIsShorterWithCodes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		alter(t, k.SQL(t), `UPDATE tenants SET password_policy = 'MODERN' WHERE organization_id = 'BRANDT'`)
		malte, current := k.As(t, "malte.brandt"), servertest.DemoPassword
		least := func(want int, refusedLength int) {
			t.Helper()
			policy, rules := policyOf(t, malte)
			if policy.Get("viewer.passwordPolicy.name") != "MODERN" || policy.Get("viewer.passwordPolicy.minLength") != float64(want) || policy.Get("viewer.passwordPolicy.maxLength") != float64(128) || rules["PASSWORD_TOO_SHORT"] == "" {
				t.Errorf("want %d characters at least: %s", want, policy.Body)
			}
			short, enough := strings.Repeat("ü", refusedLength), strings.Repeat("ü", want)
			if got := changePassword(t, malte, current, short).Codes("changePassword"); !slices.Equal(got, []string{"PASSWORD_TOO_SHORT"}) {
				t.Errorf("%d characters: %v", refusedLength, got)
			}
			changePassword(t, malte, current, enough).OK(t)
			current = enough
		}
		least(15, 14)
		app := setUp(t, k, malte)
		least(8, 7)
		k.Clock.Advance(time.Minute)
		disableOtp(t, malte, current, app.code(k)).OK(t)
		if policy, _ := policyOf(t, malte); policy.Get("viewer.passwordPolicy.minLength") != float64(15) {
			t.Errorf("without codes: %s", policy.Body)
		}
	})
}
