package server_test

import (
	"bytes"
	"database/sql"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// vault collects the secrets of a test by what they are.
type vault map[string]string

func (v vault) keep(what, secret string) string {
	v[fmt.Sprint(what, " ", len(v))] = secret
	return secret
}

// lower is a text with small letters, in which bytes that are no letters stay what they
// are: strings.ToLower makes one and the same sign of all that is not UTF-8, and then ten
// random bytes are found in any picture.
func lower(text string) string {
	small := []byte(text)
	for i, b := range small {
		if 'A' <= b && b <= 'Z' {
			small[i] = b + 'a' - 'A'
		}
	}
	return string(small)
}

// found are the secrets that a text holds, in any way that somebody may have written
// them.
func (v vault) found(in string) []string {
	in = lower(in)
	var all []string
	for what, secret := range v {
		bare := strings.ReplaceAll(secret, "-", "")
		forms := [][]byte{[]byte(secret), []byte(bare)}
		for _, decode := range []func(string) ([]byte, error){base32.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString} {
			if raw, err := decode(bare); err == nil && len(raw) >= 10 {
				forms = append(forms, raw)
			}
		}
		for _, form := range forms {
			for _, written := range []string{
				string(form), hex.EncodeToString(form), base64.RawStdEncoding.EncodeToString(form), base64.RawURLEncoding.EncodeToString(form),
			} {
				if strings.Contains(in, lower(written)) && !slices.Contains(all, what) {
					all = append(all, what)
				}
			}
		}
	}
	return all
}

// Whatever flows ran, nothing that is kept or logged holds a password, a token, a link,
// a code or a seed, and nothing that is kept works as one.
//
// Requirement: ID-18
// Case: AUTH-15
// Case: PRIV-01
func TestSecretsAreKeptNowhere(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		secrets := vault{}
		flows(t, k, secrets)
		if n := len(secrets); n < 40 {
			t.Errorf("only %d secrets were used", n)
		}
		d := k.SQL(t)
		tables := everything(t, d)
		if !strings.Contains(tables, "martha.hansen") || !strings.Contains(tables, "$argon2id$") || !strings.Contains(tables, "v1.") {
			t.Fatalf("the database is not read: %.300s", tables)
		}
		kept := inRedis(t, k)
		for where, content := range map[string]string{
			"the database": tables, "the file of the database": onDisk(t, d), "Redis": kept, "the log": k.Log.String(), "the documents": contentsOf(t, k.Blobs),
		} {
			if found := secrets.found(content); len(found) > 0 {
				t.Errorf("%s holds in plain: %v", where, found)
			}
		}
		// A mail has the secrets of whom it is to, and nobody else's.
		mailed := 0
		for _, address := range columnOf(t, d, `SELECT DISTINCT recipient FROM mails`) {
			for _, m := range k.Mails(t, address) {
				for _, found := range secrets.found(m.Subject + m.Text + m.HTML) {
					if mailed++; !strings.Contains(found, " to "+address+" ") {
						t.Errorf("a mail to %s holds %s", address, found)
					}
				}
			}
		}
		if mailed < 8 {
			t.Errorf("only %d secrets were found in mails", mailed)
		}
		nothingKeptWorks(t, k, tables+kept)

		// Errors of the database and requests that cannot be read do not tell either.
		anna := k.As(t, "anna.abel")
		secrets.keep("session", anna.Token)
		alter := func(statement string) {
			if _, err := d.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		for _, table := range []string{"password_hashes", "one_time_links", "registrations", "tenants"} {
			alter(`ALTER TABLE ` + table + ` RENAME TO gone`)
			changePassword(t, anna, servertest.DemoPassword, secrets.keep("password", "Marke-Fehler-1!"))
			loginAs(t, k.Anonymous(), "anna.abel", secrets.keep("password", "Marke-Fehler-2!"))
			link, code := secrets.keep("link", strings.Repeat("Q", 43)), secrets.keep("code", "QQQQ-QQQQ-QQQQ-QQQQ-QQQQ-QQQQ")
			k.Anonymous().Operation(t, "spa/registration", "ResetPassword", servertest.Vars{"input": map[string]any{"token": link, "newPassword": secrets.keep("password", "Marke-Fehler-3!")}})
			k.Anonymous().Operation(t, "spa/registration", "ActivateAccount", servertest.Vars{"input": map[string]any{"activationCode": code, "email": "a@b.example", "username": "jemand", "password": "x"}})
			alter(`ALTER TABLE gone RENAME TO ` + table)
		}
		k.Anonymous().Post(t, []byte(`{"query": "mutation { login(input: {username: 1, password: \"`+secrets.keep("password", "Marke-Typ-1!")+`\"}) { token } }"}`))
		log := k.Log.String()
		if n := strings.Count(log, "request failed"); n < 4 {
			t.Errorf("only %d errors were logged", n)
		}
		if found := secrets.found(log); len(found) > 0 {
			t.Errorf("the log holds in plain: %v", found)
		}
	})
}

// flows are all ways in, with secrets that are kept to be looked for.
func flows(t *testing.T, k *servertest.Kontor, secrets vault) {
	t.Helper()
	keep := secrets.keep
	register := func(operation string, input map[string]any) *servertest.Answer {
		t.Helper()
		return k.Anonymous().Operation(t, "spa/registration", operation, servertest.Vars{"input": input}).OK(t)
	}
	// Passwords, right and wrong, and both kinds of session.
	martha := k.As(t, "martha.hansen")
	keep("session", martha.Token)
	changePassword(t, martha, keep("wrong password", "Marke-Falsch-1!"), keep("refused password", "Marke-ü-1"))
	password := keep("password", "Marke-Neu-1!")
	changePassword(t, martha, servertest.DemoPassword, password).OK(t)
	loginAs(t, k.Anonymous(), "martha.hansen", keep("wrong password", "Marke-Falsch-2!"))
	loginAs(t, k.Anonymous(), keep("name that is a password", "Marke-Vertippt-1!"), "martha.hansen")
	loginAs(t, k.Anonymous(), "niemand", keep("password of nobody", "Marke-Niemand-1!"))
	browser := browserOf(t, k)
	begun := loginAs(t, browser, "martha.hansen", password, "transport", "COOKIE").OK(t)
	keep("cookie", sessionCookies(begun)[0].Value)
	keep("known device", deviceCookie(begun).Value)
	keep("cookie", sessionCookies(changePassword(t, browser, password, keep("password", "Marke-Neu-2!")).OK(t))[0].Value)
	password = "Marke-Neu-2!"

	// Links and codes that were mailed: one used, one left open.
	invited := browser.Operation(t, "spa/users", "CreateUser", servertest.Vars{"input": map[string]any{
		"firstName": "Ina", "lastName": "Imker", "email": "ina.imker@hansa.example", "roles": []string{"GENERAL_USER"},
	}}).OK(t)
	keep("invitation to ina.imker@hansa.example", k.Mails(t, "ina.imker@hansa.example")[0].Token(t))
	browser.Operation(t, "spa/users", "ResendInvitation", servertest.Vars{"input": map[string]any{"id": invited.String(t, "createUser.user.id")}}).OK(t)
	link := keep("invitation to ina.imker@hansa.example", k.Mails(t, "ina.imker@hansa.example")[0].Token(t))
	register("AcceptInvitation", map[string]any{"token": link, "password": keep("password", "Marke-Honig-1!")})
	for _, address := range []string{"rita.rot@neu.example", "rolf.rot@neu2.example"} {
		register("Register", map[string]any{"company": "Neu GmbH", "firstName": "Rita", "lastName": "Rot", "email": address})
		code := keep("activation code to "+address, regexp.MustCompile(`([0-9A-Z]{4}-){5}[0-9A-Z]{4}`).FindString(mailsSoon(t, k, address, 1)[0].Text))
		if address == "rita.rot@neu.example" {
			register("ActivateAccount", map[string]any{"activationCode": code, "email": address, "username": "rita.rot", "password": keep("password", "Marke Rita ist lang")})
		}
	}
	register("RequestPasswordReset", map[string]any{"email": "gerd.grau@hansa.example"})
	keep("link of a reset to gerd.grau@hansa.example", mailsSoon(t, k, "gerd.grau@hansa.example", 1)[0].Token(t))
	resetByMail(t, k, "gerd.grau@hansa.example", keep("password", "Marke-Silber-1!"))
	keep("link of a reset to gerd.grau@hansa.example", k.Mails(t, "gerd.grau@hansa.example")[1].Token(t))
	browser.Operation(t, "spa/account", "ChangeEmail", servertest.Vars{"input": map[string]any{"currentPassword": password, "newEmail": "martha.neu@hansa.example"}}).OK(t)
	keep("link to martha.neu@hansa.example", k.Mails(t, "martha.neu@hansa.example")[0].Token(t))

	// The second factor.
	keep("seed given up", browser.Operation(t, "spa/account", "EnrolOtp", nil).OK(t).String(t, "enrolOtp.secret"))
	app := setUp(t, k, browser)
	keep("seed", app.secret)
	for _, code := range app.recovery {
		keep("recovery code", code)
	}
	k.Clock.Advance(time.Minute)
	for _, code := range []string{app.code(k), app.recovery[0]} {
		challenge := keep("challenge", appLogin(t, k, "martha.hansen", password).OK(t).String(t, "login.challenge.id"))
		keep("session", answerChallenge(t, k.Anonymous(), challenge, code).OK(t).String(t, "answerChallenge.token"))
	}
	open := keep("open challenge", appLogin(t, k, "martha.hansen", password).OK(t).String(t, "login.challenge.id"))
	answerChallenge(t, k.Anonymous(), open, keep("wrong recovery code", "ABCD-EFGH-JKMN-PQRS"))

	// What a letter says, what leads to an offer, and the password of another portal.
	keep("letter", write(t, k.As(t, "sabine.kurz"), "4066969100"))
	connect(t, browser, "4066969100", keep("wrong letter", "QQQQ-QQQQ-QQQQ-QQQQ-QQQQ-QQQR"))
	_, _, offer := shopperAs(t, k, "paul.lang").offer(k, nil)
	keep("offer to "+buyer, offer)
	linkBy(t, browser, "4711", keep("password of the customer centre", "Marke-Zentrum-1!"))

	// Requests that are wrong in themselves.
	k.Anonymous().Post(t, []byte(`{"query": "mutation { login(input: {password: \"`+keep("password", "Marke-Kaputt-1!")+`\" \"`))
	raw(t, k, http.MethodGet, "/graphql?query="+keep("password", "Marke-Adresse-1!"), "", nil)
	raw(t, k, http.MethodGet, "/download/"+keep("token", "Marke-Datei-123456"), "", map[string]string{"Authorization": "Bearer " + keep("token", strings.Repeat("Z", 43))})
}

// everything is the content of all tables.
func everything(t *testing.T, d *sql.DB) string {
	t.Helper()
	names := `SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`
	if onSQLite(d) {
		names = `SELECT name FROM sqlite_master WHERE type = 'table'`
	}
	tables := columnOf(t, d, names)
	if len(tables) < 20 {
		t.Fatalf("the tables are %v", tables)
	}
	var all strings.Builder
	for _, table := range tables {
		fmt.Fprintln(&all, table, rowsOf(t, d, `SELECT * FROM `+table))
	}
	return all.String()
}

func onSQLite(d *sql.DB) bool {
	return strings.Contains(fmt.Sprintf("%T", d.Driver()), "sqlite")
}

// onDisk are the bytes of an SQLite database, with what was deleted from it.
func onDisk(t *testing.T, d *sql.DB) string {
	t.Helper()
	if !onSQLite(d) {
		return ""
	}
	path := columnOf(t, d, `SELECT file FROM pragma_database_list`)[0]
	content, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(content, []byte("martha.hansen")) {
		t.Fatalf("the file of the database is not read: %v", err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return string(content) + string(log)
}

// filesIn is the content of all files of a folder.
func contentsOf(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintln(&all, path, string(content))
		return err
	})
	if err != nil || all.Len() == 0 {
		t.Fatalf("the documents are not read: %v", err)
	}
	return all.String()
}

// inRedis is the content of Redis, where that can be read.
func inRedis(t *testing.T, k *servertest.Kontor) string {
	t.Helper()
	r := k.Redis(t)
	if r == nil {
		return ""
	}
	kinds := map[string]bool{}
	var all strings.Builder
	for _, key := range r.Keys(t.Context(), "*").Val() {
		var value any
		switch kind := r.Type(t.Context(), key).Val(); kind {
		case "string":
			value = r.Get(t.Context(), key).Val()
		case "hash":
			value = r.HGetAll(t.Context(), key).Val()
		case "zset":
			value = r.ZRange(t.Context(), key, 0, -1).Val()
		default:
			t.Errorf("say here how a %s is read", kind)
		}
		kinds[strings.Split(key, ":")[1]] = true
		fmt.Fprintln(&all, key, value)
	}
	for _, kind := range []string{"session", "sessions", "challenge", "throttle"} {
		if !kinds[kind] {
			t.Errorf("Redis has no %s: %v", kind, kinds)
		}
	}
	return all.String()
}

// nothingKeptWorks tries what is kept of tokens and codes as if it were one.
func nothingKeptWorks(t *testing.T, k *servertest.Kontor, kept string) {
	t.Helper()
	hashes := regexp.MustCompile(`\b[0-9a-f]{64}\b`).FindAllString(kept, -1)
	slices.Sort(hashes)
	hashes = slices.Compact(hashes)
	if len(hashes) < 15 {
		t.Fatalf("only %d hashes are kept", len(hashes))
	}
	for i, hash := range hashes {
		if i%20 == 0 {
			k.Clock.Advance(time.Hour) // or the source would be refused before anything is looked at
		}
		digest, err := hex.DecodeString(hash)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{hash, base64.RawURLEncoding.EncodeToString(digest)} {
			bearer := k.Anonymous()
			bearer.Token = form
			expectLive(t, "a stored value as a token", bearer, false)
			if got := answerChallenge(t, k.Anonymous(), form, form).Codes("answerChallenge"); !slices.Equal(got, []string{"CHALLENGE_UNKNOWN"}) {
				t.Errorf("a stored value as a challenge: %v", got)
			}
			answer := k.Anonymous().Operation(t, "spa/registration", "ResetPassword", servertest.Vars{"input": map[string]any{"token": form, "newPassword": "Gestohlen-1!"}})
			if got := answer.Codes("resetPassword"); !slices.Equal(got, []string{"LINK_UNKNOWN"}) {
				t.Errorf("a stored value as a link: %s", answer.Body)
			}
		}
	}
}
