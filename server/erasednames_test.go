package server_test

import (
	"testing"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/auditentry"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/privacy"
	"kontor/server/servertest"
)

// Whoever is erased is taken out of other companies' logs where it is named, and only there: not where its name is
// that of a field or of a state. Names with signs, and those of before, are found, too.
//
// Case: PRIV-05
func TestErasingTakesOnlyThePersonOut(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		system, d := authz.System(t.Context()), k.SQL(t)
		for of, is := range map[string][2]string{"greta.groth": {"reason", "greta&söhne@alster.example"}, "susi.stein": {"status", "susi@alster.example"}} {
			alter(t, d, `UPDATE users SET username = '`+is[0]+`', username_key = '`+is[0]+`', email = '`+is[1]+`', email_key = '`+is[1]+`', status = 'DEACTIVATED' WHERE username = '`+of+`'`)
		}
		k.WithDatabase(t, func(store *db.DB) {
			log := k.AuditLog(t, store)
			greta := store.Client.User.GetX(system, uuid.MustParse(columnOf(t, d, `SELECT id FROM users WHERE username = 'reason'`)[0]))
			hansa := uuid.MustParse(columnOf(t, d, `SELECT id FROM tenants WHERE organization_id = 'HANSA'`)[0])
			type fields map[string]any
			entries := []struct {
				name  string
				after fields
				goes  bool
			}{
				{"a key", fields{"reason": "PASSWORD"}, false},
				{"a value of no person", fields{"note": "reason", "status": "status"}, false},
				{"a user", fields{"username": "reason", "rights": []string{"VIEW"}}, true},
				{"an approver", fields{"approvers": []string{"martha.hansen", "status"}}, true},
				{"an address with signs", fields{"recipientEmail": "greta&söhne@alster.example"}, true},
				{"who agreed", fields{"agreedBy": fields{"name": "G.", "email": "greta&söhne@alster.example"}}, true},
				{"a name of before", fields{"receiver": "greta.groth"}, true},
			}
			_, err := db.InTx(system, store, func(tx *ent.Tx) (struct{}, error) {
				for _, e := range entries {
					if err := log.Record(system, tx, audit.Change{Tenant: hansa, Action: "test", Kind: "Test", Label: e.name, After: e.after}); err != nil {
						return struct{}{}, err
					}
				}
				return struct{}{}, log.Record(system, tx, audit.Change{Tenant: greta.TenantID, Action: "user.username", Kind: "User", Subject: greta.ID, Label: "reason",
					Before: fields{"username": "greta.groth"}, After: fields{"username": "reason"}})
			})
			if err != nil {
				t.Fatal(err)
			}
			room := privacy.New(store, log, k.Clock.Now)
			for _, username := range []string{"reason", "status"} {
				if _, err := room.Erase(system, "ALSTER", username); err != nil {
					t.Fatal(err)
				}
			}
			found := store.Client.AuditEntry.Query().Where(auditentry.TenantID(hansa), auditentry.Action("test")).Order(auditentry.BySequence()).AllX(system)
			for i, e := range found {
				if gone := e.After == ""; gone != entries[i].goes {
					t.Errorf("%s: gone is %v", entries[i].name, gone)
				}
			}
			chains, err := log.Verify(system)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range chains {
				if c.Broken != "" {
					t.Errorf("%s: %s", c.Organization, c.Broken)
				}
			}
		})
	})
}
