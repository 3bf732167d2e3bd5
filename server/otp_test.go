package server_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"kontor/server/servertest"
)

// authenticator is the app on a user's phone, with the user's recovery codes.
type authenticator struct {
	secret    string
	confirmed int64 // the step of the code that switched it on
	recovery  []string
}

// code is what the app shows.
func (a authenticator) code(k *servertest.Kontor) string { return a.codeAt(k.Clock.Now()) }

func (a authenticator) codeAt(at time.Time) string {
	code, err := totp.GenerateCode(a.secret, at)
	if err != nil {
		panic(err)
	}
	return code
}

func confirmOtp(t *testing.T, c *servertest.Client, code string) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "spa/account", "ConfirmOtp", servertest.Vars{"input": map[string]any{"code": code}})
}

func disableOtp(t *testing.T, c *servertest.Client, password, code string) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "spa/account", "DisableOtp", servertest.Vars{"input": map[string]any{"currentPassword": password, "code": code}})
}

func answerChallenge(t *testing.T, c *servertest.Client, challenge, code string) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "spa/session", "AnswerChallenge", servertest.Vars{"input": map[string]any{"challengeId": challenge, "code": code}})
}

// appLogin logs in as the phone app does.
func appLogin(t *testing.T, k *servertest.Kontor, username, password string) *servertest.Answer {
	t.Helper()
	return k.Anonymous().Operation(t, "mobile/approvals", "AppLogin", servertest.Vars{"username": username, "password": password})
}

// setUp switches one-time codes on for whoever the client is.
func setUp(t *testing.T, k *servertest.Kontor, c *servertest.Client) authenticator {
	t.Helper()
	app := authenticator{secret: c.Operation(t, "spa/account", "EnrolOtp", nil).OK(t).String(t, "enrolOtp.secret"), confirmed: k.Clock.Now().Unix() / 30}
	for _, code := range confirmOtp(t, c, app.code(k)).OK(t).List(t, "confirmOtp.recoveryCodes") {
		app.recovery = append(app.recovery, code.(string))
	}
	return app
}

// enrolled is a client of a user who has just switched one-time codes on.
func enrolled(t *testing.T, k *servertest.Kontor, username string) (*servertest.Client, authenticator) {
	t.Helper()
	c := k.As(t, username)
	return c, setUp(t, k, c)
}

// challenged is the challenge that a login with the right password gives.
func challenged(t *testing.T, k *servertest.Kontor, username string) string {
	t.Helper()
	return appLogin(t, k, username, servertest.DemoPassword).OK(t).String(t, "login.challenge.id")
}

// One-time codes are set up in two steps: a secret, and a first code that proves the
// app has it. Until then nothing has changed.
//
// Requirement: ID-18
func TestOtpSetUp(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		if got := faultsOf(t, confirmOtp(t, martha, "000000"), "confirmOtp"); !slices.Equal(got, []string{"OTP_NOT_BEGUN"}) {
			t.Errorf("confirmed before it began: %v", got)
		}
		begun := martha.Operation(t, "spa/account", "EnrolOtp", nil).OK(t)
		first := authenticator{secret: begun.String(t, "enrolOtp.secret")}
		uri, err := url.Parse(begun.String(t, "enrolOtp.otpauthUri"))
		if err != nil || uri.Scheme != "otpauth" || uri.Host != "totp" || uri.Path != "/Hansa Logistik GmbH:martha.hansen" ||
			uri.Query().Get("issuer") != "Hansa Logistik GmbH" || uri.Query().Get("secret") != first.secret {
			t.Errorf("the URI is %s, %v", uri, err)
		}
		again := authenticator{secret: martha.Operation(t, "spa/account", "EnrolOtp", nil).OK(t).String(t, "enrolOtp.secret")}
		if again.secret == first.secret {
			t.Error("beginning twice gives the same secret")
		}
		if !loggedIn(t, k, "martha.hansen", servertest.DemoPassword) {
			t.Error("codes are asked for before they were confirmed")
		}
		for name, code := range map[string]string{"wrong": "000000", "of the first secret": first.code(k), "empty": "", "long": strings.Repeat("1", 1000)} {
			if got := faultsOf(t, confirmOtp(t, martha, code), "confirmOtp"); !slices.Equal(got, []string{"CODE_INVALID code"}) {
				t.Errorf("a code that is %s: %v", name, got)
			}
		}
		shown := again.code(k)
		codes := confirmOtp(t, martha, shown[:3]+" "+shown[3:]).OK(t).List(t, "confirmOtp.recoveryCodes")
		seen := map[any]bool{}
		for _, code := range codes {
			if seen[code] || !regexp.MustCompile(`^([0-9A-Z]{4}-){3}[0-9A-Z]{4}$`).MatchString(code.(string)) {
				t.Errorf("the recovery codes are %v", codes)
			}
			seen[code] = true
		}
		if len(codes) != 10 || martha.Operation(t, "spa/account", "MyAccount", nil).OK(t).Get("viewer.user.otpEnabled") != true {
			t.Errorf("%d recovery codes: %v", len(codes), codes)
		}
		for name, answer := range map[string]*servertest.Answer{
			"enrolOtp": martha.Operation(t, "spa/account", "EnrolOtp", nil), "confirmOtp": confirmOtp(t, martha, again.code(k)),
		} {
			if got := faultsOf(t, answer, name); !slices.Equal(got, []string{"OTP_ALREADY_ENABLED"}) || answer.Get(name+".secret") != nil {
				t.Errorf("%s once more: %s", name, answer.Body)
			}
		}
		if mails := k.Mails(t, "martha.hansen@hansa.example"); len(mails) != 1 || !strings.Contains(mails[0].Subject, "Einmalcode eingeschaltet") {
			t.Errorf("the owner was told: %+v", mails)
		}
	})
}

// Whoever finds an open session can set no codes up in it: a quarter of an hour after the login the password is asked
// for, whatever the session did meanwhile, and a wrong one is told as such. A new login is as good, and what the
// session had begun before stays as it was.
//
// Requirement: ID-18
// Case: AUTH-10
func TestOtpSetUpIsConfirmed(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd, browser := k.As(t, "gerd.grau"), inBrowser(t, k, "gerd.grau")
		enrol := func(c *servertest.Client, input map[string]any) *servertest.Answer {
			return c.Do(t, `mutation($input: EnrolOtpInput) { enrolOtp(input: $input) { secret errors { code field message } } }`, servertest.Vars{"input": input})
		}
		k.Clock.Advance(15 * time.Minute)
		browser.Operation(t, "spa/session", "Me", nil).OK(t)
		first := gerd.Operation(t, "spa/account", "EnrolOtp", nil).OK(t).String(t, "enrolOtp.secret")
		k.Clock.Advance(time.Second)
		kept := `SELECT otp_secret FROM users WHERE username = 'gerd.grau'`
		before := columnOf(t, k.SQL(t), kept)[0]
		for name, each := range map[string]struct {
			input map[string]any
			want  string
		}{
			"no password":  {nil, "LOGIN_TOO_OLD currentPassword"},
			"null":         {map[string]any{"currentPassword": nil}, "LOGIN_TOO_OLD currentPassword"},
			"an empty one": {map[string]any{"currentPassword": ""}, "PASSWORD_WRONG currentPassword"},
			"a wrong one":  {map[string]any{"currentPassword": wrongPassword}, "PASSWORD_WRONG currentPassword"},
			"one of 1 KB":  {map[string]any{"currentPassword": strings.Repeat("p", 1000)}, "PASSWORD_WRONG currentPassword"},
			"one that was": {map[string]any{"currentPassword": "Kontor-2025!"}, "PASSWORD_WRONG currentPassword"},
		} {
			for _, c := range []*servertest.Client{gerd, browser} {
				answer := enrol(c, each.input)
				if got := faultsOf(t, answer, "enrolOtp"); !slices.Equal(got, []string{each.want}) || answer.Get("enrolOtp.secret") != nil {
					t.Errorf("%s: %s", name, answer.Body)
				}
			}
		}
		if after := columnOf(t, k.SQL(t), kept)[0]; after != before {
			t.Error("a refusal changes the secret")
		}
		if got := faultsOf(t, enrol(k.As(t, "gerd.grau"), map[string]any{"currentPassword": wrongPassword}), "enrolOtp"); !slices.Equal(got, []string{"PASSWORD_WRONG currentPassword"}) {
			t.Errorf("a wrong password right after the login: %v", got)
		}
		second := enrol(browser, map[string]any{"currentPassword": servertest.DemoPassword}).OK(t).String(t, "enrolOtp.secret")
		third := k.As(t, "gerd.grau").Operation(t, "spa/account", "EnrolOtp", nil).OK(t).String(t, "enrolOtp.secret")
		if first == second || second == third {
			t.Error("a secret is given twice")
		}
		confirmOtp(t, gerd, authenticator{secret: third}.code(k)).OK(t)
	})
}

// With codes switched on the password alone opens nothing: it gives a challenge, and
// its answer the session, in the way that was asked for with the password.
//
// Requirement: ID-18
// Requirement: ID-01
// Case: AUTH-08
func TestOtpLogin(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		_, app := enrolled(t, k, "martha.hansen")
		k.Clock.Advance(time.Minute)
		browser := browserOf(t, k)
		login := loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
		challenge := login.String(t, "login.challenge.id")
		if login.Get("login.viewer") != nil || login.Get("login.token") != nil || len(sessionCookies(login)) != 0 || login.Get("login.challenge.kind") != "TOTP" {
			t.Errorf("the password alone gives %v %s", login.Header, login.Body)
		}
		if got := login.String(t, "login.challenge.expiresAt"); got != k.Clock.Now().Add(5*time.Minute).Format(time.RFC3339) {
			t.Errorf("the challenge ends at %s", got)
		}
		for name, header := range map[string]string{"Authorization": "Bearer " + challenge, "Cookie": "kontor=" + challenge} {
			c := k.Anonymous()
			c.Header["Origin"], c.Header[name] = k.URL, header
			expectLive(t, "the challenge as "+name, c, false)
		}

		answered := answerChallenge(t, browser, challenge, app.code(k)).OK(t)
		if set := sessionCookies(answered); len(set) != 1 || answered.Get("answerChallenge.token") != nil || strings.Contains(string(answered.Body), set[0].Value) {
			t.Errorf("a browser gets %v %s", answered.Header, answered.Body)
		}
		if got := answered.String(t, "answerChallenge.viewer.user.username"); got != "martha.hansen" {
			t.Errorf("logged in as %s", got)
		}
		expectLive(t, "the browser", browser, true)

		// The phone app, which asks for a token.
		k.Clock.Advance(time.Minute)
		phone := k.Anonymous()
		answered = answerChallenge(t, phone, challenged(t, k, "martha.hansen"), app.code(k)).OK(t)
		phone.Token = answered.String(t, "answerChallenge.token")
		if len(sessionCookies(answered)) != 0 {
			t.Errorf("an app gets %v", answered.Header)
		}
		expectLive(t, "the phone", phone, true)
		if refused := loginAs(t, k.Anonymous(), "martha.hansen", wrongPassword); refused.Get("login.challenge") != nil {
			t.Errorf("a wrong password gives a challenge: %s", refused.Body)
		}
	})
}

// Switching codes on or off ends all other sessions and takes another token for a
// browser's own.
//
// Requirement: ID-18
// Case: AUTH-08
// Case: AUTH-10
func TestOtpChangesEndOtherSessions(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		before := func(c *servertest.Client) *servertest.Client {
			old := k.Anonymous()
			old.Header["Origin"], old.Header["Cookie"] = k.URL, "kontor="+cookieOf(c)
			return old
		}
		browser, other := browserOf(t, k), k.As(t, "martha.hansen")
		loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
		old := before(browser)
		expectLive(t, "the cookie so far", old, true)
		app := setUp(t, k, browser)
		expectLive(t, "another session, codes switched on", other, false)
		expectLive(t, "the cookie before codes were switched on", old, false)
		expectLive(t, "the browser, codes switched on", browser, true)

		k.Clock.Advance(time.Minute)
		other.Token = answerChallenge(t, k.Anonymous(), challenged(t, k, "martha.hansen"), app.code(k)).OK(t).String(t, "answerChallenge.token")
		expectLive(t, "another session", other, true)
		old = before(browser)
		k.Clock.Advance(time.Minute)
		disableOtp(t, browser, servertest.DemoPassword, app.code(k)).OK(t)
		expectLive(t, "another session, codes switched off", other, false)
		expectLive(t, "the cookie before codes were switched off", old, false)
		expectLive(t, "the browser, codes switched off", browser, true)
	})
}

// Codes are switched off by the password and a code, nothing less, and the owner is
// told.
//
// Requirement: ID-18
// Case: AUTH-10
func TestOtpSwitchedOff(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd := k.As(t, "gerd.grau")
		if got := faultsOf(t, disableOtp(t, gerd, servertest.DemoPassword, "000000"), "disableOtp"); !slices.Equal(got, []string{"OTP_NOT_ENABLED"}) {
			t.Errorf("without codes: %v", got)
		}
		app := setUp(t, k, gerd)
		used := app.code(k)
		k.Clock.Advance(time.Minute)
		for name, each := range map[string]struct{ password, code, want string }{
			"a wrong password":  {wrongPassword, app.code(k), "PASSWORD_WRONG currentPassword"},
			"a wrong code":      {servertest.DemoPassword, "000000", "CODE_INVALID code"},
			"no code":           {servertest.DemoPassword, "", "CODE_INVALID code"},
			"the code so far":   {servertest.DemoPassword, used, "CODE_INVALID code"},
			"a made-up code":    {servertest.DemoPassword, "0000-0000-0000-0000", "CODE_INVALID code"},
			"nothing of either": {"", "", "PASSWORD_WRONG currentPassword"},
		} {
			if got := faultsOf(t, disableOtp(t, gerd, each.password, each.code), "disableOtp"); !slices.Equal(got, []string{each.want}) {
				t.Errorf("%s: %v", name, got)
			}
		}
		challenge := challenged(t, k, "gerd.grau")
		disableOtp(t, gerd, servertest.DemoPassword, app.code(k)).OK(t)
		if !loggedIn(t, k, "gerd.grau", servertest.DemoPassword) {
			t.Error("a code is still asked for")
		}
		k.Clock.Advance(time.Minute)
		for name, code := range map[string]string{"a code": app.code(k), "a recovery code": app.recovery[0]} {
			if got := faultsOf(t, answerChallenge(t, k.Anonymous(), challenge, code), "answerChallenge"); !slices.Equal(got, []string{"CHALLENGE_UNKNOWN challengeId"}) {
				t.Errorf("a challenge from before, answered by %s: %v", name, got)
			}
		}
		if left := rowsOf(t, k.SQL(t), `SELECT otp_secret FROM users WHERE username = 'gerd.grau' UNION ALL SELECT code_hash FROM recovery_codes`); len(left) != 1 || left[0][0] != "" {
			t.Errorf("secret and recovery codes are kept: %v", left)
		}
		if mails := k.Mails(t, "gerd.grau@hansa.example"); len(mails) != 2 || !strings.Contains(mails[0].Subject, "Einmalcode ausgeschaltet") {
			t.Errorf("the owner was told: %+v", mails)
		}
		fresh := setUp(t, k, gerd)
		if fresh.secret == app.secret {
			t.Error("set up anew with the same secret")
		}
	})
}
