package server_test

import (
	"database/sql"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kontor/ent"
	"kontor/internal/erp"
	"kontor/server/servertest"
)

// groupOf makes an alloy group beside the API and gives its key.
func groupOf(t testing.TB, d *sql.DB, organization, code string) string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	alter(t, d, `INSERT INTO alloy_groups (id, tenant_id, code, name, unit, created_at) SELECT $1, id, $2, $3, 'kg', '2026-01-01 00:00:00+00:00' FROM tenants WHERE organization_id = $4`,
		id, code, "Group "+code, organization)
	return id
}

// booked books so many ten-thousandths beside the API.
func booked(t testing.TB, d *sql.DB, group, on string, quantity int) string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	alter(t, d, `INSERT INTO bookings (id, tenant_id, alloy_group_id, reference, booked_on, kind, quantity, note, created_at)
		SELECT $1, tenant_id, id, $2, $3, 'ADJUSTMENT', $4, '', '2026-01-01 00:00:00+00:00' FROM alloy_groups WHERE id = $5`, id, id, on, quantity, group)
	return id
}

// exact writes a number as the API does.
func exact(n *big.Rat) string {
	text := n.FloatString(4)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// sumOf adds up the demo bookings of an alloy group that count from one of some days.
func sumOf(t *testing.T, group string, counts func(day string) bool) (sum string, n int) {
	t.Helper()
	total := new(big.Rat)
	for _, row := range demoRows(t, erp.Bookings) {
		if row["alloy_group"] == group && counts(row["booked_on"]) {
			total.Add(total, amount(t, row["quantity"]))
			n++
		}
	}
	return exact(total), n
}

// A company sees its metal as its clients ask for it, and nobody else's; those who look after it
// see it, too.
//
// Requirement: CO-03
// Requirement: AC-01
// Requirement: AC-02
func TestConversionAccount(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		brandt, alster := tenantID(t, d, "BRANDT"), tenantID(t, d, "ALSTER")
		booked(t, d, groupOf(t, d, "ALSTER", "AL-SI10MG"), "2026-10-01", 12_5000)
		booked(t, d, columnOf(t, d, `SELECT id FROM alloy_groups WHERE code = 'CU-SN12'`)[0], "2027-01-01", 1_0000) // not yet

		period := servertest.Vars{"from": "2026-01-01", "to": "2026-10-31"}
		acting := k.As(t, "sabine.kurz")
		actFor(t, acting, brandt).OK(t)
		for name, c := range map[string]*servertest.Client{"master": k.As(t, "malte.brandt"), "general": k.As(t, "gisela.gross"), "acting": acting} {
			answer := c.Operation(t, "spa/contracts", "ConversionAccount", period).OK(t)
			if got := fmt.Sprint(answer.Get("conversionAccount.asOf"), fieldOf(t, answer, "conversionAccount.alloyGroups", "code")); got != "2026-11-23[AL-SI10MG AL-SI9CU3 CU-SN12 CU-ZN39PB3]" {
				t.Fatalf("%s sees %s", name, got)
			}
			for i := range answer.List(t, "conversionAccount.alloyGroups") {
				at := fmt.Sprintf("conversionAccount.alloyGroups.%d.", i)
				code := answer.String(t, at+"code")
				today, _ := sumOf(t, code, func(string) bool { return true })
				opening, _ := sumOf(t, code, func(day string) bool { return day <= "2026-01-01" })
				_, n := sumOf(t, code, func(day string) bool { return day >= "2026-01-01" && day <= "2026-10-31" })
				want := fmt.Sprint("kg ", today, " ", opening, " ", n, " ", min(n, 50), " ", n > 50)
				if got := said(answer, at+"unit", at+"balance", at+"openingBalance", at+"bookings.totalCount") +
					fmt.Sprint(" ", len(answer.List(t, at+"bookings.nodes")), " ", answer.Get(at+"bookings.pageInfo.hasNextPage")); got != want {
					t.Errorf("%s: %s has %s, want %s", name, code, got, want)
				}
				if url := answer.String(t, at+"bookings.download.url"); !strings.HasPrefix(url, "/download/") {
					t.Errorf("the file is at %s", url)
				}
			}
		}
		codes := `query($of: ID) { conversionAccount(tenantId: $of) { alloyGroups { code balance } } }`
		for _, each := range []struct {
			username string
			of       any
			want     string
		}{
			{"maik.alster", nil, "[AL-SI10MG]"}, {"maik.alster", brandt, ""}, {"malte.brandt", alster, ""}, {"malte.brandt", brandt, "[AL-SI10MG AL-SI9CU3 CU-SN12 CU-ZN39PB3]"},
			{"martha.hansen", nil, ""}, {"anna.abel", nil, ""}, {"paul.lang", nil, ""}, {"paul.lang", alster, "[AL-SI10MG]"}, {"paul.lang", brandt, ""},
			{"sabine.kurz", nil, ""}, {"sabine.kurz", alster, "[AL-SI10MG]"}, {"malte.brandt", "no ID", ""},
		} {
			answer, got := k.As(t, each.username).Do(t, codes, servertest.Vars{"of": each.of}).OK(t), ""
			if answer.Get("conversionAccount") != nil {
				got = fmt.Sprint(fieldOf(t, answer, "conversionAccount.alloyGroups", "code"))
			}
			if got != each.want {
				t.Errorf("%s sees %s of %v, want %q", each.username, got, each.of, each.want)
			}
		}
		if got := k.As(t, "susi.stein").Do(t, codes, nil).Code(); got != "FORBIDDEN" {
			t.Errorf("a sub admin: %q", got)
		}
	})
}

// A reversal and what it takes back name one another; a booking and its group are found by ID.
//
// Requirement: CO-03
func TestReversals(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		malte, d := k.As(t, "malte.brandt"), k.SQL(t)
		for _, row := range demoRows(t, erp.Bookings) {
			if row["kind"] != "REVERSAL" {
				continue
			}
			id := globalID(ent.KindBooking, columnOf(t, d, `SELECT id FROM bookings WHERE reference = $1`, row["reference"])[0])
			answer := malte.Do(t, `query($id: ID!) { node(id: $id) { ... on Booking { kind quantity reverses { id reference quantity reversedBy { reference balanceAfter } } reversedBy { id } } } }`,
				servertest.Vars{"id": id}).OK(t)
			if got, want := said(answer, "node.kind", "node.quantity", "node.reverses.reference", "node.reverses.quantity", "node.reverses.reversedBy.reference"),
				strings.Join([]string{"REVERSAL", row["quantity"], row["reverses"], "-" + row["quantity"], row["reference"]}, " "); got != want || answer.Get("node.reversedBy") != nil {
				t.Errorf("%s, want %s", got, want)
			}
		}
	})
}

const bookingsQuery = `query($id: ID!, $first: Int!, $after: String, $where: BookingFilter, $to: Date, $before: Date) { node(id: $id) { ... on AlloyGroup {
	end: balance(on: $to) start: balance(on: $before)
	bookings(first: $first, after: $after, where: $where) {
		totalCount openingBalance closingBalance nodes { quantity bookedOn balanceAfter } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
	} } } }`

// Whatever is booked, in whichever order it comes in, and whatever the period: the opening balance
// and the bookings make the closing balance, on every page.
//
// Requirement: CO-03
func TestBookingsAddUp(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		malte, d := k.As(t, "malte.brandt"), k.SQL(t)
		began := time.Now()
		rapid.Check(t, func(r *rapid.T) {
			if time.Since(began) > 15*time.Second {
				return // enough of it
			}
			groups := []string{groupOf(t, d, "BRANDT", uuid.NewString()), groupOf(t, d, "BRANDT", uuid.NewString())}
			day := rapid.Custom(func(r *rapid.T) string { return fmt.Sprintf("2026-03-%02d", rapid.IntRange(1, 9).Draw(r, "day")) })
			for range rapid.IntRange(0, 25).Draw(r, "bookings") {
				booked(t, d, rapid.SampledFrom(groups).Draw(r, "group"), day.Draw(r, "on"), rapid.IntRange(1, 100_0000).Draw(r, "quantity")-rapid.IntRange(0, 1).Draw(r, "out")*200_0000)
			}
			days := []string{day.Draw(r, "from"), day.Draw(r, "to")}
			slices.Sort(days)
			before, _ := time.Parse(time.DateOnly, days[0])
			vars := servertest.Vars{"first": rapid.IntRange(1, 7).Draw(r, "size"), "where": map[string]any{"from": days[0], "to": days[1]},
				"to": days[1], "before": before.AddDate(0, 0, -1).Format(time.DateOnly)}
			for _, group := range groups {
				vars["id"] = globalID(ent.KindAlloyGroup, group)
				checkBookings(t, malte, vars)
			}
		})
	})
}

// checkBookings reads the bookings of an alloy group page by page and adds them up.
func checkBookings(t *testing.T, c *servertest.Client, vars servertest.Vars) {
	t.Helper()
	delete(vars, "after")
	n, last := 0, ""
	var balance *big.Rat
	for more := true; more; {
		page := c.Do(t, bookingsQuery, vars).OK(t)
		if balance == nil {
			balance = amount(t, page.String(t, "node.start"))
		}
		for i := range page.List(t, "node.bookings.nodes") {
			at := fmt.Sprintf("node.bookings.nodes.%d.", i)
			balance.Add(balance, amount(t, page.String(t, at+"quantity")))
			if got := page.String(t, at+"balanceAfter"); got != exact(balance) || page.String(t, at+"bookedOn") < last {
				t.Fatalf("%s after booking %d, want %s: %s", got, n, exact(balance), page.Body)
			}
			last = page.String(t, at+"bookedOn")
			n++
		}
		more = page.Get("node.bookings.pageInfo.hasNextPage") == true
		vars["after"] = page.Get("node.bookings.pageInfo.endCursor")
		if !more && (exact(balance) != page.String(t, "node.end") || page.Get("node.bookings.totalCount") != float64(n)) ||
			page.Get("node.bookings.openingBalance") != page.Get("node.start") || page.Get("node.bookings.closingBalance") != page.Get("node.end") {
			t.Fatalf("%d bookings make %s: %s", n, exact(balance), page.Body)
		}
	}
}

// Requirement: CO-03
func TestBookingsRefuseBadPages(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		malte := k.As(t, "malte.brandt")
		id := malte.Do(t, `{ conversionAccount { alloyGroups { id } } }`, nil).OK(t).String(t, "conversionAccount.alloyGroups.0.id")
		other := malte.Do(t, `{ contracts(first: 1) { edges { cursor } } }`, nil).OK(t).String(t, "contracts.edges.0.cursor")
		for name, vars := range map[string]servertest.Vars{
			"nothing": {"first": 0}, "too many": {"first": 101}, "less than nothing": {"first": -1}, "no cursor": {"first": 1, "after": "abc"},
			"a cursor of another list": {"first": 1, "after": other}, "a day before all calendars": {"first": 1, "where": map[string]any{"from": "0000-01-01"}},
			"a period that ends before it begins": {"first": 1, "where": map[string]any{"from": "2026-02-01", "to": "2026-01-31"}},
		} {
			vars["id"] = id
			if answer := malte.Do(t, bookingsQuery, vars); answer.Code() != "BAD_USER_INPUT" {
				t.Errorf("%s: %s", name, answer.Body)
			}
		}
	})
}

// The file has what the list has, between the balances of its period; whoever made the link gets
// it, and nobody else.
//
// Requirement: CO-02
// Requirement: CO-03
func TestBookingFiles(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		malte, d := k.As(t, "malte.brandt"), k.SQL(t)
		long := groupOf(t, d, "BRANDT", "LONG")
		for i := range 1100 { // more than are read at a time, on few days
			booked(t, d, long, fmt.Sprintf("2026-03-%02d", 1+i%3), 1_0000)
		}
		link := func(group, format string, where any) string {
			return malte.Do(t, `query($id: ID!, $format: ExportFormat!, $where: BookingFilter) { node(id: $id) { ... on AlloyGroup { bookings(first: 1, where: $where) { download(format: $format) { url } } } } }`,
				servertest.Vars{"id": globalID(ent.KindAlloyGroup, group), "format": format, "where": where}).OK(t).String(t, "node.bookings.download.url")
		}
		bronze := columnOf(t, d, `SELECT id FROM alloy_groups WHERE code = 'CU-SN12'`)[0]
		file := rows(t, malte, link(bronze, "CSV", map[string]any{"from": "2026-01-01", "to": "2026-06-30"}))
		opening, _ := sumOf(t, "CU-SN12", func(day string) bool { return day < "2026-01-01" })
		closing, _ := sumOf(t, "CU-SN12", func(day string) bool { return day <= "2026-06-30" })
		german := func(number string) string { return strings.ReplaceAll(number, ".", ",") }
		want := [][]string{{"Buchungstag", "Buchung", "Beleg", "Menge", "Bestand", "Einheit", "Legierungsgruppe", "Bemerkung"},
			{"01.01.2026", "Anfangsbestand", "", "", german(opening), "kg", "CU-SN12", ""}}
		balance := amount(t, opening)
		kinds := map[string]string{"RECEIPT": "Zugang", "WITHDRAWAL": "Entnahme", "ADJUSTMENT": "Korrektur", "LOSS": "Verlust", "REVERSAL": "Storno"}
		for _, row := range demoRows(t, erp.Bookings) {
			if on := row["booked_on"]; row["alloy_group"] == "CU-SN12" && on >= "2026-01-01" && on <= "2026-06-30" {
				balance.Add(balance, amount(t, row["quantity"]))
				want = append(want, []string{on[8:] + "." + on[5:7] + "." + on[:4], kinds[row["kind"]], row["reference"], german(row["quantity"]), german(exact(balance)), "kg", "CU-SN12", row["note"]})
			}
		}
		want = append(want, []string{"30.06.2026", "Endbestand", "", "", german(closing), "kg", "CU-SN12", ""})
		if fmt.Sprint(file) != fmt.Sprint(want) {
			t.Errorf("the file is\n%v\nwant\n%v", file, want)
		}
		k.Statements.Take()
		if all := rows(t, malte, link(long, "CSV", nil)); len(all) != 1103 || all[1102][4] != "1100" || all[1102][0] != "" {
			t.Errorf("%d lines, the last one %v", len(all), all[len(all)-1])
		}
		if sent := len(k.Statements.Take()); sent > 20 {
			t.Errorf("%d statements for a file of 1100 bookings", sent)
		}
		for _, format := range []string{"XLSX", "PDF"} {
			path := link(bronze, format, nil)
			status, content, header := get(t, malte, path)
			if status != 200 || len(content) < 1000 || !strings.Contains(header.Get("Content-Disposition"), "umarbeitungskonto-2026-11-23."+strings.ToLower(format)) {
				t.Errorf("%s: %d, %d bytes, %v", format, status, len(content), header)
			}
			for _, username := range []string{"gisela.gross", "maik.alster", "malte.brandt"} { // the last one in another session
				if status, _, _ := get(t, k.As(t, username), path); status != 404 {
					t.Errorf("%s gets %d for the link of another login", username, status)
				}
			}
		}
	})
}

// An account costs the same however many groups and bookings it has.
//
// Requirement: CO-03
func TestStatementsOfTheConversionAccount(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		malte, d := k.As(t, "malte.brandt"), k.SQL(t)
		id := columnOf(t, d, `SELECT id FROM alloy_groups WHERE code = 'CU-SN12'`)[0]
		for range 100 {
			booked(t, d, id, "2026-11-20", 1_0000)
		}
		// From a reversal on. The viewer, the group, its bookings, their balances, sums of the period, of today and of a day, both ways of reversals.
		most := 9
		sameForAnyLength(t, k, "bookings", most, func(n int) *servertest.Answer {
			return malte.Do(t, `query($id: ID!, $n: Int!) { node(id: $id) { ... on AlloyGroup { balance opening: balance(on: "2025-01-01") bookings(first: $n, where: {from: "2025-06-09"}) {
				totalCount openingBalance closingBalance nodes { reference balanceAfter reverses { reference } reversedBy { reference } } pageInfo { hasNextPage endCursor } download(format: PDF) { url } } } } }`,
				servertest.Vars{"id": globalID(ent.KindAlloyGroup, id), "n": n}).OK(t)
		}, func(answer *servertest.Answer) int { return len(answer.List(t, "node.bookings.nodes")) })
		first := ""
		for _, more := range []int{0, 30} {
			for i := range more {
				booked(t, d, groupOf(t, d, "BRANDT", fmt.Sprintf("M-%02d", i)), "2026-05-05", 1)
			}
			k.Statements.Take()
			malte.Operation(t, "spa/contracts", "ConversionAccount", servertest.Vars{"from": "2026-01-01", "to": "2026-10-31"}).OK(t)
			sent := k.Statements.Take()
			if first == "" {
				first = fmt.Sprint(len(sent))
			}
			// The viewer, the groups, their bookings, their balances, sums of the period, of today and of a day.
			if len(sent) > 7 || fmt.Sprint(len(sent)) != first {
				t.Errorf("%d groups more cost %d statements instead of %s:\n%s", more, len(sent), first, strings.Join(sent, "\n"))
			}
		}
	})
}
