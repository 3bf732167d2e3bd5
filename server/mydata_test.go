package server_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/internal/budget"
	"kontor/internal/db"
	"kontor/internal/privacy"
	"kontor/server/servertest"
)

// exportMyData asks for what is kept about a user, as that user.
func exportMyData(t *testing.T, c *servertest.Client, password string, code any) *servertest.Answer {
	t.Helper()
	return c.Do(t, `mutation($input: ExportMyDataInput!) { exportMyData(input: $input) { download { url filename expiresAt } errors { code field message } } }`,
		servertest.Vars{"input": map[string]any{"currentPassword": password, "code": code}})
}

// A user who shows once more who it is gets all that is kept about it, and what the operator's command writes; nobody else does, and
// nobody later. Each time is in the log.
//
// Case: PRIV-04
func TestAUserTakesItsDataOut(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd, martha := k.As(t, "gerd.grau"), k.As(t, "martha.hansen")
		for _, each := range []struct {
			password string
			code     any
			want     string
		}{{"Falsch-1!", nil, "PASSWORD_WRONG"}, {"", nil, "PASSWORD_WRONG"}, {servertest.DemoPassword, "000000", ""}} {
			answer := exportMyData(t, gerd, each.password, each.code)
			if got := answer.Codes("exportMyData"); each.want != "" && !slices.Equal(got, []string{each.want}) || (each.want == "") != (answer.Get("exportMyData.download") != nil) {
				t.Errorf("by %q: %s", each.password, answer.Body)
			}
		}
		link := exportMyData(t, gerd, servertest.DemoPassword, nil).OK(t)
		url := link.String(t, "exportMyData.download.url")
		if until, err := time.Parse(time.RFC3339, link.String(t, "exportMyData.download.expiresAt")); err != nil || until.Sub(k.Clock.Now()) > 5*time.Minute {
			t.Errorf("the link works until %s, %v", until, err)
		}
		status, content, header := get(t, gerd, url)
		if status != http.StatusOK || header.Get("Content-Type") != "application/json" || !json.Valid([]byte(content)) {
			t.Fatalf("%d, %v: %.300s", status, header, content)
		}
		if entries := auditOf(t, martha, map[string]any{"action": "user.copy", "kind": "SECURITY"}); len(entries) != 1 {
			t.Errorf("it was given out once, and the log has %v", entries)
		}
		for name, c := range map[string]*servertest.Client{"another user": martha, "another session": k.As(t, "gerd.grau"), "nobody": k.Anonymous()} {
			if status, content, _ := get(t, c, url); status == http.StatusOK {
				t.Errorf("%s: %.100s", name, content)
			}
		}
		k.Clock.Advance(5 * time.Minute)
		if status, _, _ := get(t, gerd, url); status != http.StatusNotFound {
			t.Errorf("five minutes later: %d", status)
		}

		// Where one-time codes are set up, one is needed, and counts once.
		moritz, app := enrolled(t, k, "moritz.hansen")
		code := app.recovery[0]
		for _, each := range []struct {
			code any
			want []string
		}{{nil, []string{"VALUE_REQUIRED"}}, {"123-456", []string{"CODE_INVALID"}}, {code, nil}, {code, []string{"CODE_INVALID"}}} {
			answer := exportMyData(t, moritz, servertest.DemoPassword, each.code)
			if got := answer.Codes("exportMyData"); !slices.Equal(got, each.want) || (len(each.want) == 0) != (answer.Get("exportMyData.download") != nil) {
				t.Errorf("with the code %v: %s", each.code, answer.Body)
			}
		}

		var mine privacy.Copy
		_, content, _ = get(t, gerd, exportMyData(t, gerd, servertest.DemoPassword, nil).OK(t).String(t, "exportMyData.download.url"))
		if err := json.Unmarshal([]byte(content), &mine); err != nil {
			t.Fatal(err)
		}
		k.WithDatabase(t, func(d *db.DB) {
			of, err := privacy.New(d, k.AuditLog(t, d), k.Clock.Now).Copy(authz.System(t.Context()), "HANSA", "gerd.grau")
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(of)
			if err != nil {
				t.Fatal(err)
			}
			var whole privacy.Copy
			if err := json.Unmarshal(text, &whole); err != nil {
				t.Fatal(err)
			}
			delete(whole.Tables, "audit_entries") // that it was given out is in there, too
			delete(mine.Tables, "audit_entries")
			if mine.Subject != "gerd.grau" || mine.ID != of.ID || len(mine.Tables["users"]) != 1 || !reflect.DeepEqual(mine.Tables, whole.Tables) {
				t.Errorf("the user is given\n%v\nthe command writes\n%v", mine, whole)
			}
		})
	})
}

// A company takes two lists out at a time, over all replicas; a third is told to wait, another company is not, nor are documents of one thing.
//
// Case: CONC-13
func TestTwoListsOfACompanyAtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		client := k.Redis(t)
		if client == nil {
			t.Skip("its Redis is in the process; see TestPlacesAreExact")
		}
		martha := k.As(t, "martha.hansen")
		const list = `{ orders(first: 1) { download(format: CSV) { url } } cart { download(format: PDF) { url } } }`
		links := martha.Do(t, list, nil).OK(t)
		orders, cart := links.String(t, "orders.download.url"), links.String(t, "cart.download.url")
		places, hansa := budget.NewPlaces(client, "export", 2), uuid.MustParse(keyOf(t, tenantID(t, k.SQL(t), "HANSA")))
		var leave []func()
		for range 2 {
			out, entered, err := places.Enter(t.Context(), hansa)
			if err != nil || !entered {
				t.Fatalf("%v %v", entered, err)
			}
			leave = append(leave, out)
		}
		status, content, header := get(t, martha, orders)
		if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || content != "RATE_LIMITED: Zu viele Anfragen. Versuchen Sie es etwas später noch einmal.\n" {
			t.Errorf("a third list: %d %q %v", status, content, header)
		}
		if status, _, _ := get(t, martha, cart); status != http.StatusOK {
			t.Errorf("a document of one thing: %d", status)
		}
		maik := k.As(t, "maik.alster")
		if status, _, _ := get(t, maik, maik.Do(t, list, nil).OK(t).String(t, "orders.download.url")); status != http.StatusOK {
			t.Errorf("another company: %d", status)
		}
		leave[0]()
		for range 3 { // one after the other: each leaves its place
			if status, content, _ := get(t, martha, orders); status != http.StatusOK {
				t.Errorf("when there is a place: %d %s", status, content)
			}
		}
		leave[1]()
	})
}
