package server_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/internal/kontortest"
	"kontor/server/servertest"
)

// papersOf are the documents of an order as somebody gets them: the links by kind, and the kinds.
func papersOf(t *testing.T, c *servertest.Client, number string) (links map[string]string, kinds string) {
	t.Helper()
	answer := c.Operation(t, "spa/orders", "Order", servertest.Vars{"number": number}).OK(t)
	if answer.Get("order") == nil {
		return nil, "no order"
	}
	links = map[string]string{}
	var all []string
	for i := range answer.List(t, "order.documents") {
		at := fmt.Sprintf("order.documents.%d.", i)
		kind := answer.String(t, at+"kind")
		links[kind], all = answer.String(t, at+"download.url"), append(all, kind)
	}
	return links, strings.Join(all, " ")
}

// documentID is the ID of a document of an order.
func documentID(t *testing.T, d *sql.DB, order, kind string) string {
	t.Helper()
	return globalID(ent.KindDocument, columnOf(t, d, `SELECT d.id FROM documents d JOIN orders o ON o.id = d.order_id WHERE o.number = $1 AND d.kind = $2`, order, kind)[0])
}

// Documents of an order and of a contract are listed with their links, and in the receipt. Where none
// that was issued confirms an order, its confirmation is made.
//
// Requirement: CO-04
// Requirement: OR-08
func TestDocuments(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		malte := k.As(t, "malte.brandt")
		answer := malte.Operation(t, "spa/contracts", "Contract", servertest.Vars{"number": "RV-300001"}).OK(t)
		if got := said(answer, "contract.documents.0.kind", "contract.documents.0.number"); got != "OTHER VT-RV-300001" || len(answer.List(t, "contract.documents")) != 1 {
			t.Errorf("the contract has %s", got)
		}
		links, kinds := papersOf(t, malte, "BRANDT-000005")
		if kinds != "ORDER_CONFIRMATION DELIVERY_NOTE" {
			t.Errorf("the order has %s", kinds)
		}
		for what, link := range map[string]string{"confirmation": links["ORDER_CONFIRMATION"], "contract": answer.String(t, "contract.documents.0.download.url")} {
			if status, content, header := get(t, malte, link); status != http.StatusOK || !strings.HasPrefix(content, "%PDF-") || header.Get("Content-Type") != "application/pdf" {
				t.Errorf("the %s: %d %v", what, status, header)
			}
		}
		for number, want := range map[string]string{"BRANDT-000005": "[ORDER_CONFIRMATION DELIVERY_NOTE]", "BRANDT-000007": "[ORDER_CONFIRMATION DELIVERY_NOTE]", "BRANDT-000008": "[ORDER_CONFIRMATION]"} {
			receipt := malte.Operation(t, "spa/orders", "OrderReceipt", servertest.Vars{"number": number}).OK(t)
			var got []string
			for i := range receipt.List(t, "orderReceipt.documents") {
				at := fmt.Sprintf("orderReceipt.documents.%d.", i)
				got = append(got, receipt.String(t, at+"kind"))
				if status, content, _ := get(t, malte, receipt.String(t, at+"download.url")); status != http.StatusOK || !strings.HasPrefix(content, "%PDF-") {
					t.Errorf("%s of %s: %d", got[i], number, status)
				}
			}
			if fmt.Sprint(got) != want {
				t.Errorf("the receipt of %s has %v", number, got)
			}
		}
		if _, kinds := papersOf(t, malte, "BRANDT-000008"); kinds != "" {
			t.Errorf("a confirmation that nobody issued is listed: %s", kinds)
		}
	})
}

// Whoever sees an order sees its documents; invoices only who has the billing. Lists, IDs and links
// say the same, at once when a right goes.
//
// Requirement: CO-04
// Requirement: AC-01
// Requirement: AC-12
// Case: IO-06
func TestWhoSeesDocuments(t *testing.T) {
	t.Parallel()
	eachCentre(t, func(t *testing.T, k *servertest.Kontor, _ *kontortest.Centre) {
		const billed, plain = "HANSA-000012", "HANSA-000013" // about a contract, and about none
		const some, all, none = "ORDER_CONFIRMATION DELIVERY_NOTE", "ORDER_CONFIRMATION DELIVERY_NOTE INVOICE", "no order"
		d := k.SQL(t)
		contract := columnOf(t, d, `SELECT c.number FROM orders o JOIN contracts c ON c.id = o.contract_id WHERE o.number = $1`, billed)[0]
		acting := k.As(t, "paul.lang")
		actFor(t, acting, tenantID(t, d, "HANSA")).OK(t)
		people := map[string]*servertest.Client{"acting": acting}
		for _, name := range []string{"martha.hansen", "gerd.grau", "maik.alster", "malte.brandt", "paul.lang", "sabine.kurz"} {
			people[name] = k.As(t, name)
		}
		kept := map[string]map[string]string{} // the invoices' links that somebody got before
		expect := func(when string, want map[string][2]string) {
			t.Helper()
			for name, sees := range want {
				for i, order := range []string{billed, plain} {
					links, got := papersOf(t, people[name], order)
					if got != sees[i] {
						t.Errorf("%s: %s gets of %s: %s, want %s", when, name, order, got, sees[i])
					}
					for _, kind := range strings.Fields(all) {
						open := sees[i] != none && strings.Contains(sees[i], kind)
						answer := people[name].Do(t, `query($id: ID!) { node(id: $id) { ... on Document { kind download { url } } } }`, servertest.Vars{"id": documentID(t, d, order, kind)})
						if told := answer.Code() == ""; told != open || !told && answer.Code() != "NOT_FOUND" {
							t.Errorf("%s: %s asks for %s of %s by ID: %s", when, name, kind, order, answer.Body)
						}
						link := links[kind]
						if link == "" {
							link = kept[name][order+kind]
						} else if kept[name] == nil {
							kept[name] = map[string]string{}
						}
						if link == "" {
							continue
						}
						kept[name][order+kind] = link
						if status, content, _ := get(t, people[name], link); (status == http.StatusOK) != open || !open && status != http.StatusNotFound {
							t.Errorf("%s: %s uses a link to %s of %s: %d %.60q", when, name, kind, order, status, content)
						}
					}
				}
			}
		}
		// Agents hold no rights on contracts; the company asks its own people for the link.
		before := map[string][2]string{
			"martha.hansen": {some, some}, "gerd.grau": {some, some}, "maik.alster": {none, none}, "malte.brandt": {none, none},
			"paul.lang": {some, all}, "sabine.kurz": {some, all}, "acting": {some, all},
		}
		expect("at first", before)
		linkBy(t, people["martha.hansen"], numberOfMartha, kontortest.CentrePassword).OK(t)
		expect("with a link", map[string][2]string{"martha.hansen": {all, all}, "gerd.grau": {some, some}})
		people["martha.hansen"].Operation(t, "spa/account", "UnlinkCustomerCentre", nil).OK(t)
		expect("without it again", before)

		view := give(t, d, "TRANSFER", "martha.hansen", "maik.alster", contract, "VIEW")
		expect("the contract is shared", map[string][2]string{"maik.alster": {some, none}})
		billing := give(t, d, "TRANSFER", "martha.hansen", "maik.alster", contract, "BILLING")
		expect("its billing, too", map[string][2]string{"maik.alster": {some, none}})
		people["sabine.kurz"].Do(t, `mutation($id: ID!) { updateTenantSettings(input: {tenantId: $id, onlineBillingNeedsLink: false}) { errors { code } } }`,
			servertest.Vars{"id": tenantID(t, d, "HANSA")}).OK(t)
		expect("no link is asked for", map[string][2]string{"maik.alster": {all, none}, "martha.hansen": {all, all}, "gerd.grau": {some, some}, "malte.brandt": {none, none}})
		alter(t, d, `UPDATE grants SET revoked_at = '2026-11-23 09:00:00+00:00' WHERE id = $1`, billing)
		expect("the billing is taken back", map[string][2]string{"maik.alster": {some, none}})
		alter(t, d, `UPDATE grants SET revoked_at = '2026-11-23 09:00:00+00:00' WHERE id = $1`, view)
		expect("all is taken back", map[string][2]string{"maik.alster": {none, none}, "martha.hansen": {all, all}})
	})
}

// issue puts a document of an order beside the API, and its content into the store.
func issue(t *testing.T, k *servertest.Kontor, order, number, filename, mediaType, content string) (path string) {
	t.Helper()
	d := k.SQL(t)
	o := rowsOf(t, d, `SELECT id, tenant_id, placed_by_id FROM orders WHERE number = $1`, order)[0]
	sum := sha256.Sum256([]byte(content))
	hash := hex.EncodeToString(sum[:])
	alter(t, d, `INSERT INTO documents (id, tenant_id, order_id, placed_by_id, contract_id, kind, number, issued_on, filename, media_type, size, sha256, blob_key, created_at)
		SELECT $1, tenant_id, id, placed_by_id, contract_id, 'OTHER', $2, '2026-01-01', $3, $4, $5, $6, $7, '2026-01-01 00:00:00+00:00' FROM orders WHERE number = $8`,
		uuid.Must(uuid.NewV7()).String(), number, filename, mediaType, len(content), hash, o[1]+"/"+hash, order)
	path = filepath.Join(k.Blobs, o[1], hash)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A document comes as it was issued, under a harmless name, whole or in part, and not at all where the
// store has another one.
//
// Requirement: CO-04
// Case: IO-06
// Case: IO-08
func TestADocumentComesAsItWasIssued(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		const content = "Übergabe am Tor 3\n"
		path := issue(t, k, "HANSA-000020", "1", "../..\\\"Übergabe\"\r\nX: \u202e;%2e.txt", "text/plain; charset=utf-8", content)
		martha := k.As(t, "martha.hansen")
		links, _ := papersOf(t, martha, "HANSA-000020")
		ask := func(method string, with map[string]string) (*http.Response, string) {
			t.Helper()
			request, err := http.NewRequestWithContext(t.Context(), method, martha.URL+links["OTHER"], nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+martha.Token)
			for name, value := range with {
				request.Header.Set(name, value)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			return response, string(body)
		}
		whole, body := ask("GET", nil)
		h := whole.Header
		if whole.StatusCode != http.StatusOK || body != content || h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Content-Length") != fmt.Sprint(len(content)) || len(h.Get("ETag")) != 66 || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("the whole: %d %q %v", whole.StatusCode, body, h)
		}
		if got := h.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment; filename*=utf-8''") || strings.ContainsAny(got, "/\\\"") || !strings.Contains(got, "%C3%9Cbergabe") || strings.Contains(got, "%E2%80%AE") || h.Get("X") != "" {
			t.Errorf("the name is %q", got)
		}
		if head, body := ask("HEAD", nil); head.StatusCode != http.StatusOK || body != "" || head.ContentLength != int64(len(content)) || head.Header.Get("ETag") != h.Get("ETag") {
			t.Errorf("the head: %d %q %v", head.StatusCode, body, head.Header)
		}
		if part, body := ask("GET", map[string]string{"Range": "bytes=10-11"}); part.StatusCode != http.StatusPartialContent || body != content[10:12] || part.Header.Get("Content-Range") != fmt.Sprintf("bytes 10-11/%d", len(content)) {
			t.Errorf("a part: %d %q %v", part.StatusCode, body, part.Header)
		}
		if beyond, _ := ask("GET", map[string]string{"Range": "bytes=5000-"}); beyond.StatusCode != http.StatusRequestedRangeNotSatisfiable {
			t.Errorf("beyond its end: %d", beyond.StatusCode)
		}
		if known, body := ask("GET", map[string]string{"If-None-Match": h.Get("ETag")}); known.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("what is known: %d %q", known.StatusCode, body)
		}
		// Its viewer, this login, five minutes.
		for name, c := range map[string]*servertest.Client{"a colleague": k.As(t, "moritz.hansen"), "another login": k.As(t, "martha.hansen"), "another company": k.As(t, "malte.brandt")} {
			if status, _, _ := get(t, c, links["OTHER"]); status != http.StatusNotFound {
				t.Errorf("%s: %d", name, status)
			}
		}
		secret := k.Anonymous()
		if status, _, _ := get(t, secret, links["OTHER"]); status != http.StatusUnauthorized {
			t.Errorf("nobody: %d", status)
		}
		// Another content, of the same length and not, a link to another file, none.
		for name, change := range map[string]func() error{
			"changed": func() error { return os.WriteFile(path, []byte(strings.ToUpper(content)), 0o600) },
			"longer":  func() error { return os.WriteFile(path, []byte(content+content), 0o600) },
			"gone":    func() error { return os.Remove(path) },
		} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
			response, body := ask("GET", nil)
			if response.StatusCode != http.StatusInternalServerError || strings.Contains(strings.ToLower(body), "tor 3") || strings.Contains(body, "content") || response.Header.Get("ETag") != "" {
				t.Errorf("%s: %d %q %v", name, response.StatusCode, body, response.Header)
			}
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []string{"the content has changed", "the content is gone"} {
			if !strings.Contains(k.Log.String(), want) {
				t.Errorf("the log does not say that %s", want)
			}
		}
		if whole, _ := ask("GET", nil); whole.StatusCode != http.StatusOK {
			t.Errorf("once it is there again: %d", whole.StatusCode)
		}
		k.Clock.Advance(6 * time.Minute)
		if late, _ := ask("GET", nil); late.StatusCode != http.StatusNotFound {
			t.Errorf("after its time: %d", late.StatusCode)
		}
	})
}

// A document is written once; only the contract that comes of its order comes to it.
//
// Requirement: CO-04
func TestADocumentNeverChanges(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		issue(t, k, "HANSA-000020", "1", "a.txt", "text/plain", "a")
		for _, statement := range []string{
			`UPDATE documents SET filename = 'b.txt' WHERE number = '1'`, `UPDATE documents SET sha256 = 'x' WHERE number = '1'`, `DELETE FROM documents WHERE number = '1'`,
		} {
			if _, err := d.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s: is done", statement)
			}
		}
		alter(t, d, `UPDATE orders SET contract_id = (SELECT id FROM contracts WHERE number = 'SV-100001') WHERE number = 'HANSA-000020'`)
		if got := columnOf(t, d, `SELECT c.number FROM documents d JOIN contracts c ON c.id = d.contract_id WHERE d.number = '1'`); !slices.Equal(got, []string{"SV-100001"}) {
			t.Errorf("the document is about %v", got)
		}
	})
}

// Documents of a list cost no more statements when it is longer.
//
// Requirement: CO-04
func TestDocumentsOfLists(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		manyContracts(t, d, 100)
		for i, c := range rowsOf(t, d, `SELECT id, tenant_id FROM contracts WHERE number LIKE 'AA-%'`) {
			for _, kind := range []string{"INVOICE", "OTHER"} {
				alter(t, d, `INSERT INTO documents (id, tenant_id, contract_id, kind, number, issued_on, filename, media_type, size, sha256, blob_key, created_at)
					VALUES ($1, $2, $3, $4, $5, '2026-01-01', 'a.pdf', 'application/pdf', 1, 'x', 'x', '2026-01-01 00:00:00+00:00')`,
					uuid.Must(uuid.NewV7()).String(), c[1], c[0], kind, fmt.Sprint("X", i))
			}
		}
		alter(t, d, `UPDATE tenants SET online_billing_needs_link = false WHERE organization_id = 'HANSA'`)
		martha := k.As(t, "martha.hansen")
		// The viewer, contracts, documents, contracts of invoices, their connections, the link, the companies.
		sameForAnyLength(t, k, "contracts", 8, func(n int) *servertest.Answer {
			answer := martha.Do(t, fmt.Sprintf(`{ contracts(first: %d) { nodes { documents { kind download { url } } } } }`, n), nil).OK(t)
			if last := fmt.Sprintf("contracts.nodes.%d.documents", n-1); len(answer.List(t, last)) != 2 {
				t.Errorf("the last of %d has %v", n, answer.List(t, last))
			}
			return answer
		}, func(answer *servertest.Answer) int { return len(answer.List(t, "contracts.nodes")) })
		for i, o := range rowsOf(t, d, `SELECT number FROM orders WHERE number LIKE 'HANSA-%'`) {
			issue(t, k, o[0], fmt.Sprint("Y", i), "a.txt", "text/plain", "a")
		}
		var sent []int
		for _, n := range []int{1, 10, 50} {
			k.Statements.Take()
			martha.Do(t, fmt.Sprintf(`{ orders(first: %d, orderBy: {field: PLACED_AT, direction: ASC}) { nodes { documents { kind } } } }`, n), nil).OK(t)
			sent = append(sent, len(k.Statements.Take()))
		}
		// Fifty have invoices with a contract and without among them.
		if sent[0] != 3 || sent[1] != 3 || sent[2] > 11 {
			t.Errorf("1, 10 and 50 orders cost %v statements", sent)
		}
	})
}
