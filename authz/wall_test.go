package authz

import (
	"context"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// What the database is told says how far the viewer's roles reach, from the policy.
func TestWallTellsHowFarAViewerReaches(t *testing.T) {
	tenant, user, operator := uuid.New(), uuid.New(), uuid.New()
	for name, each := range map[string]struct {
		roles            []Role
		below, all       []string
		notBelow, notAll string
		alone            bool
	}{
		"member":          {alone: true},
		"master admin":    {roles: []Role{MasterAdmin, GeneralUser}, alone: true},
		"partner agent":   {roles: []Role{GeneralUser, PartnerAgent}, below: []string{"order.view", "contract.VIEW"}, notBelow: "cart.use"},
		"service agent":   {roles: []Role{ServiceAgent}, all: []string{"order.view", "audit.view"}, notAll: "price.view"},
		"both of them":    {roles: []Role{ServiceAgent, PartnerAgent}, below: []string{"user.view"}, all: []string{"user.view"}, notAll: "cart.use"},
		"an unknown role": {roles: []Role{"KING"}, alone: true},
	} {
		v := &Viewer{User: user, Tenant: tenant, Operator: operator, TenantPath: "o/t/", Roles: each.roles}
		text, err := Wall(NewContext(t.Context(), v))
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Split(text, " ")
		if len(fields) != 6 || fields[0] != tenant.String() || fields[1] != user.String() || fields[2] != operator.String() || fields[3] != "o/t/" {
			t.Errorf("%s: %q", name, text)
			continue
		}
		if each.alone && (fields[4] != "," || fields[5] != ",") {
			t.Errorf("%s reaches others: %q", name, text)
		}
		for field, actions := range map[int][]string{4: each.below, 5: each.all} {
			for _, action := range actions {
				if !strings.Contains(fields[field], ","+action+",") {
					t.Errorf("%s: %s is not in %q", name, action, fields[field])
				}
			}
		}
		if each.notBelow != "" && strings.Contains(fields[4], each.notBelow) || each.notAll != "" && strings.Contains(fields[5], each.notAll) {
			t.Errorf("%s reaches too far: %q", name, text)
		}
	}
	if text, err := Wall(context.Background()); text != "" || err != nil {
		t.Errorf("nobody: %q, %v", text, err)
	}
	if text, err := Wall(System(t.Context())); text != SystemWall() || err != nil || strings.Count(text, " ") != 5 {
		t.Errorf("the system: %q, %v", text, err)
	}
}

// Neither wall holds where the server works for itself: these files do, and whoever adds
// one says here why.
func TestWhoWorksAsTheSystem(t *testing.T) {
	may := []string{
		// Commands, the benchmark and the start of a server, where nobody is logged in.
		"cmd/bench/checks.go", "cmd/bench/run.go", "cmd/kontor/database.go", "server/server.go", "server/servertest/kontor.go",
		// Ways in: who somebody is, is not known before.
		"internal/identity/acting.go", "internal/identity/administer.go", "internal/identity/company.go", "internal/identity/contact.go", "internal/identity/email.go",
		"internal/identity/invitation.go", "internal/identity/login.go", "internal/identity/otp.go", "internal/identity/password.go",
		"internal/identity/registration.go", "internal/identity/reset.go", "internal/identity/security.go", "internal/identity/session.go", "internal/identity/settings.go", "internal/identity/viewer.go",
		// Rights between companies: both sides of a transfer, and all that hangs on a right.
		"internal/access/billing.go", "internal/access/centre.go", "internal/access/connect.go", "internal/access/delegate.go", "internal/access/explain.go", "internal/access/history.go",
		"internal/access/holders.go", "internal/access/target.go", "internal/access/transfer.go",
		// What becomes of telephony users with their orders, whoever moves those; and reservations of everybody.
		"internal/telephony/claim.go", "internal/telephony/sweep.go",
		// Names on orders, also of people of other companies.
		"internal/ordering/people.go",
		// What orders call off from agreements, also of other companies: nobody but the server writes contracts.
		"internal/ordering/calloff.go",
		"internal/ordering/decide.go",
		// Between a seller and its customer, and whoever holds the link of a quote.
		"internal/ordering/quotelink.go",
		// Who may decide an order of their company, who gets its receipt, and reminders, which nobody asks for.
		"internal/ordering/approval.go", "internal/ordering/receipt.go", "internal/ordering/remind.go", "internal/ordering/tell.go",
		// Orders that are carried out: machines have no viewer, contracts are written by the server.
		"internal/ordering/advance.go", "internal/ordering/job.go",
		// What is kept about the viewer itself, in every table.
		"server/copyfile.go",
		// How much waits in the queues of all.
		"server/telemetry.go",
		// What the server writes for all: the chain of the audit log, mails.
		"internal/audit/audit.go", "internal/audit/erase.go", "internal/audit/person.go", "internal/audit/ship.go", "internal/privacy/retention.go", "internal/erp/run.go", "internal/erp/work.go", "internal/erp/here.go", "internal/erp/orphans.go", "internal/mail/send.go", "server/mails.go",
	}
	root := os.DirFS("..")
	var found []string
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if strings.HasPrefix(path, ".") && path != "." || entry.Name() == "node_modules" || path == "ent" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		content, err := fs.ReadFile(root, path)
		if err == nil && strings.Contains(string(content), "authz.System(") {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	slices.Sort(may)
	if !slices.Equal(found, may) {
		t.Errorf("work as the system:\n%s\nmay:\n%s", strings.Join(found, "\n"), strings.Join(may, "\n"))
	}
}
