package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kontor/server/servertest"
)

// What another transaction got in the way of is done again as a whole, three times; then the client
// is told that it may try later, and nothing of it is there.
//
// Requirement: OR-01
// Case: CONC-09
func TestOrdersInEachOthersWay(t *testing.T) {
	t.Parallel()
	t.Run(servertest.Backends[1], func(t *testing.T) { // SQLite has one writer, in whose way nobody gets
		t.Parallel()
		k := servertest.Start(t, servertest.Backends[1])
		d, martha := k.SQL(t), shopperAs(t, k, "martha.hansen")
		do := func(statement string) {
			t.Helper()
			if _, err := d.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		// The mail is the last but one that an order writes. A sequence goes on although a transaction does not.
		do(`CREATE SEQUENCE conflicts`)
		conflicts := func(n int) {
			t.Helper()
			do(fmt.Sprintf(`CREATE OR REPLACE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
				IF nextval('conflicts') <= %d THEN RAISE EXCEPTION 'in the way' USING ERRCODE = '%s'; END IF; RETURN NEW; END $$`, n, []string{"40001", "40P01"}[n%2]))
			do(`ALTER SEQUENCE conflicts RESTART`)
		}
		conflicts(0)
		do(`CREATE TRIGGER conflict BEFORE INSERT ON mails FOR EACH ROW EXECUTE FUNCTION conflict()`)
		written := func() string {
			return fmt.Sprint(columnOf(t, d, `SELECT COUNT(*) FROM orders UNION ALL SELECT COUNT(*) FROM order_items UNION ALL SELECT COUNT(*) FROM order_events UNION ALL
				SELECT COUNT(*) FROM mails UNION ALL SELECT COUNT(*) FROM audit_entries`))
		}
		place := func(key string) *servertest.Answer { return martha.place(map[string]any{"idempotencyKey": key}) }
		for i, n := range []int{1, 2, 3} {
			martha.add(item("TEL-DT-0101", "1")).OK(t)
			conflicts(n)
			if got, want := place(fmt.Sprint(n)).OK(t).String(t, "placeOrder.order.number"), fmt.Sprintf("HANSA-%06d", 61+i); got != want {
				t.Errorf("after %d conflicts it is %s, want %s", n, got, want)
			}
			if mails := k.Mails(t, "martha.hansen@hansa.example"); len(mails) != i+1 {
				t.Errorf("after %d conflicts there are %d mails for %d orders", n, len(mails), i+1)
			}
		}
		martha.add(item("TEL-DT-0101", "7")).OK(t)
		before, lines := written(), martha.lines()
		for _, n := range []int{4, 1_000_001, 1_000_002} {
			conflicts(n)
			answer := place("again")
			if answer.Code() != "UNAVAILABLE" || answer.Get("placeOrder") != nil || strings.Contains(string(answer.Body), "in the way") || strings.Contains(string(answer.Body), "SQLSTATE") {
				t.Errorf("after conflicts without end: %d %s", answer.Status, answer.Body)
			}
			if tried := columnOf(t, d, `SELECT last_value FROM conflicts`)[0]; tried != "4" {
				t.Errorf("it was tried %s times", tried)
			}
			if after := written(); after != before || !slices.Equal(martha.lines(), lines) {
				t.Errorf("rows %s became %s, the cart has %v", before, after, martha.lines())
			}
		}
		conflicts(0)
		if got := place("again").OK(t).String(t, "placeOrder.order.number"); got != "HANSA-000064" {
			t.Errorf("with the same key, once nobody is in the way: %s", got)
		}
	})
}

// Of 32 who write at the same time, several times, nobody hears that something was locked.
//
// Requirement: CO-06
// Case: CONC-12
func TestManyClientsWriteAtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		replicas := k.Both(t)
		var people []shopper
		for _, username := range []string{"martha.hansen", "moritz.hansen", "gerd.grau", "silke.sommer", "maik.alster", "malte.brandt", "anna.abel", "paul.lang"} {
			people = append(people, shopperAs(t, k, username))
		}
		addresses := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM addresses`)[0]
		faults := atOnce(32, func(i int) []string {
			var wrong []string
			who := people[i%len(people)]
			who.Client = who.On(replicas[i/len(people)%len(replicas)])
			for round := range 5 {
				for _, answer := range []*servertest.Answer{
					who.do("SaveAddress", map[string]any{"street": fmt.Sprintf("Weg %d-%d", i, round), "postalCode": "20457", "city": "Hamburg"}),
					who.do("UpdateCart", map[string]any{"name": fmt.Sprint("Korb ", i)}),
				} {
					if answer.Status != http.StatusOK || len(answer.Errors) > 0 {
						wrong = append(wrong, fmt.Sprintf("%d %s", answer.Status, answer.Body))
					}
				}
			}
			return wrong
		})
		for i, wrong := range faults {
			if len(wrong) > 0 {
				t.Errorf("writer %d: %v", i, wrong)
			}
		}
		if n := columnOf(t, k.SQL(t), `SELECT COUNT(*) - `+addresses+` FROM addresses WHERE TRUE`)[0]; n != fmt.Sprint(32*5) {
			t.Errorf("%s addresses were written", n)
		}
		if log := k.Log.String(); strings.Contains(log, "SQLITE_BUSY") || strings.Contains(log, "database is locked") {
			t.Error("something was locked")
		}
	})
}

// The same file several times at once, sent to two replicas, goes in once; however many ask how far it
// is, all are told the same.
//
// Requirement: CO-05
// Case: CONC-13
func TestTheSameFileAtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		replicas, sabine := k.Both(t), k.As(t, "sabine.kurz")
		var rows strings.Builder
		rows.WriteString("sku;name;category;unit\n")
		for i := range 200 {
			fmt.Fprintf(&rows, "GLEICH-%03d;Gleich;Neues;piece\n", i)
		}
		// Another import of the kind is going on meanwhile.
		going := uuid.Must(uuid.NewV7()).String()
		alter(t, k.SQL(t), `INSERT INTO import_runs (id, tenant_id, kind, format, mode, state, filename, size, sha256, blob_key, buyer, read_bytes, records, created, updated, unchanged, refused, failure, takes, queued_at, leased_until)
			SELECT $1, id, 'PRODUCTS', 'CSV', 'GOOD_ROWS', 'RUNNING', 'other.csv', 1, '', 'other', '', 0, 0, 0, 0, 0, 0, '', 1, '2026-11-23 08:00:00+00:00', '2026-11-23 10:00:00+00:00' FROM tenants WHERE organization_id = 'SERVICE'`, going)
		answers := atOnce(4, func(i int) *servertest.Answer {
			return importing(t, sabine.On(replicas[i%len(replicas)]), "PRODUCTS", "CSV", "GOOD_ROWS", rows.String())
		})
		for _, answer := range answers {
			if got := said(answer.OK(t), "importData.run.id", "importData.run.state"); got != answers[0].String(t, "importData.run.id")+" QUEUED" {
				t.Errorf("the same file at once: %s", answer.Body)
			}
		}
		waits := sabine.Do(t, `query($id: ID!) { node(id: $id) { ... on ImportRun { position } } importRuns(first: 5) { nodes { position } } }`, servertest.Vars{"id": answers[0].Get("importData.run.id")}).OK(t)
		if got := said(waits, "node.position", "importRuns.nodes.0.position", "importRuns.nodes.1.position"); got != "1 1 <nil>" {
			t.Errorf("it waits behind one: %s", waits.Body)
		}
		alter(t, k.SQL(t), `DELETE FROM import_runs WHERE id = $1`, going)
		for _, replica := range replicas {
			replica.Import(t)
		}
		if again := importing(t, sabine, "PRODUCTS", "CSV", "GOOD_ROWS", rows.String()).OK(t); again.Get("importData.run.id") == answers[0].Get("importData.run.id") {
			t.Errorf("the same file later: %s", again.Body)
		}
		sums := columnOf(t, k.SQL(t), `SELECT COUNT(*) || ' ' || SUM(created) || ' ' || SUM(unchanged) || ' ' || SUM(refused) FROM import_runs WHERE state = 'COMPLETED'`)[0]
		if sums != "2 200 200 0" {
			t.Errorf("a file four times at once, and once more: %s", sums)
		}
		id := answers[0].OK(t).String(t, "importData.run.id")
		polls := atOnce(50, func(i int) *servertest.Answer {
			return sabine.On(replicas[i%len(replicas)]).Do(t, `query($id: ID!) { node(id: $id) { ... on ImportRun { state position progress records created unchanged } } }`, servertest.Vars{"id": id})
		})
		for _, poll := range polls {
			if string(poll.OK(t).Body) != string(polls[0].Body) {
				t.Errorf("one is told %s, another %s", polls[0].Body, poll.Body)
			}
		}
		// A company has so many open at a time, and one of a kind is worked on.
		alter(t, k.SQL(t), `UPDATE import_runs SET state = 'RUNNING', ended_at = NULL, leased_until = '2026-11-23 10:00:00+00:00' WHERE id = $1`, keyOf(t, id))
		for range 18 {
			alter(t, k.SQL(t), `INSERT INTO import_runs (id, tenant_id, kind, format, mode, state, filename, size, sha256, blob_key, buyer, read_bytes, records, created, updated, unchanged, refused, failure, takes, queued_at)
				SELECT $1, tenant_id, kind, format, mode, 'QUEUED', filename, size, sha256, blob_key, buyer, 0, 0, 0, 0, 0, 0, '', 0, queued_at FROM import_runs WHERE id = $2`, uuid.Must(uuid.NewV7()).String(), keyOf(t, id))
		}
		for _, each := range []struct{ more, want string }{{"EINE", ""}, {"EINE", ""}, {"NOCH-EINE", "TOO_MANY_IMPORTS"}} {
			answer := importing(t, sabine, "PRODUCTS", "CSV", "GOOD_ROWS", rows.String()+each.more+";Gleich;Neues;piece\n")
			if got := strings.Join(answer.Codes("importData"), " "); got != each.want || each.want == "" && answer.Get("importData.run.state") != "QUEUED" {
				t.Errorf("%s, beside one that goes on and others that wait: %s", each.more, answer.Body)
			}
		}
		if running := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM import_runs WHERE state = 'RUNNING'`)[0]; running != "1" {
			t.Errorf("%s are worked on", running)
		}
	})
}
