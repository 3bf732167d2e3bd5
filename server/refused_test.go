package server_test

import (
	"strconv"
	"testing"
	"time"

	"kontor/server/servertest"
)

// entriesSoon waits until there are as many entries as wanted that a condition is true of, and a little
// longer for more.
func entriesSoon(t *testing.T, k *servertest.Kontor, what, condition string, want int) {
	t.Helper()
	d, n := k.SQL(t), -1
	for range 100 {
		if n, _ = strconv.Atoi(columnOf(t, d, `SELECT count(*) FROM audit_entries e JOIN tenants t ON t.id = e.tenant_id WHERE `+condition)[0]); n >= want {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	if n, _ = strconv.Atoi(columnOf(t, d, `SELECT count(*) FROM audit_entries e JOIN tenants t ON t.id = e.tenant_id WHERE `+condition)[0]); n != want {
		t.Errorf("%s: %d entries, want %d", what, n, want)
	}
}

// What is refused again and again is in the log once a minute, and what is refused in ever other ways
// comes to an end: nobody fills the log, or keeps others from the end of its chain.
//
// Case: PRIV-03
func TestRefusalsDoNotFloodTheLog(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd, foreign := k.As(t, "gerd.grau"), userID(t, k.SQL(t), "maik.alster")
		const forbidden = `t.organization_id = 'HANSA' AND e.subject_label = 'auditLog' AND e.after LIKE '%FORBIDDEN%'`
		const named = `t.organization_id = 'SERVICE' AND e.subject_label = 'node' AND e.after LIKE '%FOREIGN%'`
		refused := func(times int) {
			for range times {
				gerd.Do(t, `{ auditLog(first: 1) { totalCount } }`, nil)
				gerd.Do(t, `query($id: ID!) { node(id: $id) { id } }`, servertest.Vars{"id": foreign})
			}
		}
		refused(10)
		entriesSoon(t, k, "what is not allowed", forbidden, 1)
		entriesSoon(t, k, "another company's", named, 1)
		k.Clock.Advance(time.Minute)
		refused(2)
		entriesSoon(t, k, "what is not allowed, a minute later", forbidden, 2)
		entriesSoon(t, k, "another company's, a minute later", named, 2)
		refused(40)
		entriesSoon(t, k, "too many", `t.organization_id = 'HANSA' AND e.after LIKE '%MANY%'`, 1)

		for range 20 {
			loginAs(t, k.Anonymous(), "susi.stein", wrongPassword)
		}
		const throttled = `t.organization_id = 'ALSTER' AND e.subject_label = 'susi.stein' AND e.after LIKE '%THROTTLED%'`
		entriesSoon(t, k, "logins that have to wait", throttled, 1)
	})
}

// What is not allowed is in the company's log whatever else an operation names: neither hides the
// other, and the company does not learn from a missing entry that there is such a thing.
//
// Case: PRIV-03
func TestAForeignThingHidesNoRefusal(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd, foreign := k.As(t, "gerd.grau"), userID(t, k.SQL(t), "maik.alster")
		gerd.Do(t, `query($id: ID!) { auditLog(first: 1) { totalCount } node(id: $id) { id } }`, servertest.Vars{"id": foreign})
		entriesSoon(t, k, "not allowed", `t.organization_id = 'HANSA' AND e.after LIKE '%FORBIDDEN%'`, 1)
		entriesSoon(t, k, "another company's", `t.organization_id = 'SERVICE' AND e.after LIKE '%FOREIGN%'`, 1)
	})
}
