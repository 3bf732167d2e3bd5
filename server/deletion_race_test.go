package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/internal/privacy"
	"kontor/server/servertest"
)

// A company is deleted while its admins, and those of another one, pass rights on from it and to it, on two replicas. It goes
// away with all of them, whoever was first, and nobody is told of an error of ours. SQLite has one server, which ends before.
//
// Case: CONC-07
func TestRightsWhileACompanyIsDeleted(t *testing.T) {
	t.Parallel()
	one := servertest.Start(t, servertest.Backends[1])
	two := one.Replica(t)
	martha, moritz, receiver := one.As(t, "martha.hansen"), one.As(t, "moritz.hansen").On(two), one.As(t, "maik.alster")
	connect(t, moritz, "4066969100", write(t, one.As(t, "sabine.kurz"), "4066969100")).OK(t)
	back := map[string]any{"email": "martha.hansen@hansa.example", "customerNumber": "4066969100", "line": "FIXED_LINE"}
	own, other, susi := contractID(t, one, "SV-100001"), contractID(t, one, "SV-200001"), userID(t, one.SQL(t), "susi.stein")
	of := columnOf(t, one.SQL(t), `SELECT id FROM tenants WHERE organization_id = 'HANSA'`)[0]
	givers := []struct {
		who      *servertest.Client
		target   string
		contract string
	}{
		{martha, find(t, martha, maik), own}, {moritz, find(t, moritz, maik), own}, {receiver.On(two), find(t, receiver, back), other},
	}
	gone := make(chan struct{})
	var all sync.WaitGroup
	var mu sync.Mutex
	said := map[string]int{}
	for i := range 12 {
		all.Go(func() {
			for round := 0; ; round++ {
				var answer *servertest.Answer
				if giver := givers[i%len(givers)]; i < 9 {
					granted, revoked := []string{giver.contract}, []string(nil)
					if round%2 == 1 {
						granted, revoked = revoked, granted
					}
					answer = save(t, giver.who, giver.target, granted, revoked, uuid.NewString())
				} else {
					answer = setRights(t, receiver, susi, own, "VIEW", "ORDER")
				}
				mu.Lock()
				switch code := answer.Code(); {
				case code == "" && answer.Status == http.StatusOK:
					said["done"]++
				case slices.Contains([]string{"UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND"}, code):
					said[code]++
				default:
					t.Errorf("request %d: %d %s", i, answer.Status, answer.Body)
				}
				mu.Unlock()
				select {
				case <-gone:
					return
				default:
				}
			}
		})
	}
	store := one.Beside(t)
	time.Sleep(200 * time.Millisecond) // so that they are in the middle of it
	_, err := privacy.New(store, one.AuditLog(t, store), one.Clock.Now).DeleteTenant(authz.System(t.Context()), "HANSA")
	close(gone)
	if err != nil {
		t.Error(err)
	}
	all.Wait()
	if said["done"] == 0 || len(said) < 2 {
		t.Errorf("they did not get into each other's way: %v", said)
	}
	if got := save(t, martha, givers[0].target, []string{own}, nil, uuid.NewString()).Code(); got != "UNAUTHENTICATED" {
		t.Errorf("who was deleted is told %q", got)
	}
	noOrphans(t, one.SQL(t))
	for _, table := range []string{"grants", "transfers", "users", "contracts"} {
		if n := columnOf(t, one.SQL(t), fmt.Sprintf(`SELECT count(*) FROM %s WHERE tenant_id = '%s'`, table, of))[0]; n != "0" {
			t.Errorf("%s has %s rows of it", table, n)
		}
	}
	if n := columnOf(t, one.SQL(t), `SELECT count(*) FROM grants g WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = g.holder_id) OR NOT EXISTS (SELECT 1 FROM contracts c WHERE c.id = g.contract_id)`)[0]; n != "0" {
		t.Errorf("%s rights are nobody's", n)
	}
}
