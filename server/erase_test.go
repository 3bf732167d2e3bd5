package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/authz"
	"kontor/internal/db"
	"kontor/internal/privacy"
	"kontor/server/servertest"
)

// What is kept about a user is given out whole, without secrets and without what is about others;
// an erased user has no name anywhere, its orders and its audit entries stay, and the chains verify.
// After a restored backup the list of erasures does it again.
//
// Case: PRIV-04
// Case: PRIV-05
func TestAUserIsGivenOutAndErased(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, ctx := k.SQL(t), authz.System(t.Context())
		martha := k.As(t, "martha.hansen")
		moritz := shopperAs(t, k, "moritz.hansen")
		moritz.add(item("TEL-DT-0101", "200")).OK(t)
		number := moritz.place(map[string]any{"idempotencyKey": "one"}).OK(t).String(t, "placeOrder.order.number")
		moritz.add(item("TEL-DT-0101", "1")).OK(t)
		moritz.Operation(t, "spa/users", "SetContractRights", servertest.Vars{"input": map[string]any{
			"userId": userID(t, d, "silke.sommer"), "contractId": contractID(t, k, "SV-100001"), "rights": []string{"VIEW"}}}).OK(t)
		moritz.Operation(t, "spa/account", "ChangeEmail", servertest.Vars{"input": map[string]any{"currentPassword": servertest.DemoPassword, "newEmail": "moritz.zwei@hansa.example"}}).OK(t)
		loginAs(t, k.Anonymous(), "moritz.hansen", "Falsch-1!")
		time.Sleep(100 * time.Millisecond)
		silke := userID(t, d, "silke.sommer")
		id := userID(t, d, "moritz.hansen")
		martha.Operation(t, "spa/users", "DeactivateUser", servertest.Vars{"input": map[string]any{"id": id, "newSuperiorId": userID(t, d, "martha.hansen")}}).OK(t)
		_ = silke
		var list []privacy.Erasure
		whole := func(log interface{ Errorf(string, ...any) }, kontor *servertest.Kontor, d *db.DB) {
			chains, err := kontor.AuditLog(t, d).Verify(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range chains {
				if c.Broken != "" {
					t.Errorf("%s: %s", c.Organization, c.Broken)
				}
			}
		}
		k.WithDatabase(t, func(d *db.DB) {
			room := privacy.New(d, k.AuditLog(t, d), k.Clock.Now)
			all, err := room.Copy(ctx, "HANSA", "moritz.hansen")
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(all)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"moritz.hansen", "Moritz", number, "moritz.zwei@hansa.example"} {
				if !strings.Contains(string(text), want) {
					t.Errorf("%q is not given out", want)
				}
			}
			for _, table := range []string{"users", "orders", "carts", "cart_items", "audit_entries", "mails", "one_time_links", "grants", "user_roles"} {
				if len(all.Tables[table]) == 0 {
					t.Errorf("nothing of %s is given out", table)
				}
			}
			for _, no := range []string{"argon2", "martha", "silke.sommer", "anna.abel"} {
				if strings.Contains(string(text), no) {
					t.Errorf("%q is given out: %s", no, around(string(text), no))
				}
			}
			if _, err := room.Erase(ctx, "HANSA", "gerd.grau"); err == nil || !strings.Contains(err.Error(), "not deactivated") {
				t.Errorf("an active user is erased: %v", err)
			}
			done, err := room.Erase(ctx, "HANSA", "moritz.hansen")
			if err != nil || done.Entries < 4 {
				t.Fatalf("%+v, %v", done, err)
			}
			list = append(list, done)
			whole(t, k, d)
			if again, err := room.Again(ctx, done); again || err != nil {
				t.Errorf("erased twice: %v", err)
			}
		})
		tables := everything(t, d)
		for _, gone := range []string{"moritz.hansen", "moritz.zwei@hansa.example", "Moritz"} {
			if strings.Contains(tables, gone) {
				t.Errorf("%s is still there: %s", gone, around(tables, gone))
			}
		}
		if got := columnOf(t, d, `SELECT number FROM orders WHERE number = '`+number+`' AND placed_by_id = (SELECT id FROM users WHERE username LIKE 'erased-%')`); len(got) != 1 {
			t.Errorf("the order is %v", got)
		}
		if n := len(columnOf(t, d, `SELECT e.id FROM audit_entries e JOIN users u ON u.id = e.actor_id WHERE u.username LIKE 'erased-%'`)); n < 3 {
			t.Errorf("%d entries are left of what the user did", n)
		}
		if n := len(columnOf(t, d, `SELECT id FROM audit_entries WHERE action = 'user.copy'`)); n != 1 {
			t.Errorf("%d entries say that it was given out", n)
		}
		// A backup of before brings the name back, and the list takes it again.
		alter(t, d, `UPDATE users SET username = 'moritz.hansen', username_key = 'moritz.hansen', first_name = 'Moritz' WHERE username LIKE 'erased-%'`)
		k.WithDatabase(t, func(d *db.DB) {
			room := privacy.New(d, k.AuditLog(t, d), k.Clock.Now)
			if again, err := room.Again(ctx, list[0]); !again || err != nil {
				t.Errorf("%v, %v", again, err)
			}
			whole(t, k, d)
		})
		if names := columnOf(t, d, `SELECT username FROM users WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA')`); slices.Contains(names, "moritz.hansen") {
			t.Error(fmt.Sprint(names))
		}
	})
}

// What is given out about a user is without what is about others, where both are in one row: who agreed to an order that the
// user placed, who placed one that the user agreed to, what others wrote about the user's order.
//
// Case: PRIV-04
func TestWhatIsGivenOutIsAboutNobodyElse(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		ctx := authz.System(t.Context())
		paul, martha, anna := shopperAs(t, k, "paul.lang"), shopperAs(t, k, "martha.hansen"), k.As(t, "anna.abel")
		_, _, token := paul.offer(k, nil)
		accept(t, k.Anonymous(), "token", token, map[string]any{"name": "Marthas Name", "email": "martha.hansen@hansa.example"}).OK(t)
		id, _ := martha.large("large")
		martha.Operation(t, "spa/orders", "NotifyApprover", servertest.Vars{"input": map[string]any{"orderId": id, "text": "Marthas Nachricht"}}).OK(t)
		onOrder(t, anna, "ApproveOrder", id, "note", "Annas Vermerk").OK(t)
		k.WithDatabase(t, func(d *db.DB) {
			room := privacy.New(d, k.AuditLog(t, d), k.Clock.Now)
			for username, each := range map[string]struct {
				organization string
				said, hidden []string
			}{
				"martha.hansen": {"HANSA", []string{"Marthas Name", "Marthas Nachricht"}, []string{"Annas Vermerk", "paul.lang"}},
				"paul.lang":     {"FERNRUF", nil, []string{"Marthas Name"}},
				"anna.abel":     {"HANSA", []string{"Annas Vermerk"}, []string{"Marthas Nachricht", "martha.hansen"}},
			} {
				all, err := room.Copy(ctx, each.organization, username)
				if err != nil {
					t.Fatal(err)
				}
				written, err := json.Marshal(all)
				if err != nil {
					t.Fatal(err)
				}
				text := string(written)
				for _, want := range each.said {
					if !strings.Contains(text, want) {
						t.Errorf("%s is not told %q", username, want)
					}
				}
				for _, no := range each.hidden {
					if strings.Contains(text, no) {
						t.Errorf("%s is told %q: %s", username, no, around(text, no))
					}
				}
				if username != "anna.abel" && len(all.Tables["orders"]) == 0 {
					t.Errorf("%s has no orders: nothing is proven by it", username)
				}
			}
		})
	})
}

// around is where in a text something is.
func around(text, what string) string {
	at := strings.Index(text, what)
	return text[max(0, at-150):min(len(text), at+100)]
}
