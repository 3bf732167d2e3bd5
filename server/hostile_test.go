package server_test

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/graph"
	"kontor/server/servertest"
)

// rawly sends a request whose target no client would clean up, and gives what comes back.
func rawly(t *testing.T, c *servertest.Client, target, headers string) (*http.Response, string) {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(30 * time.Second))
	go fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer %s\r\n%s\r\n", target, c.Token, headers)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatalf("%.80q: %v", target, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%.80q: %v", target, err)
	}
	return response, string(body)
}

// No path leads to a file, however it is spelt: a download is what a signed link names.
//
// Requirement: CO-04
// Case: IO-06
func TestPathsLeadToNoFile(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		const secret = "nobody's business"
		path := issue(t, k, "HANSA-000020", "1", "a.txt", "text/plain; charset=utf-8", "Übergabe")
		if err := os.WriteFile(filepath.Join(k.Blobs, "secret.txt"), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		martha := k.As(t, "martha.hansen")
		links, _ := papersOf(t, martha, "HANSA-000020")
		link := links["OTHER"]
		key := strings.TrimPrefix(path, k.Blobs+"/")
		for _, target := range []string{
			"/download/../secret.txt", "/download/../../../../etc/passwd", "/download/..%2f..%2fsecret.txt", "/download/%2e%2e%2fsecret.txt", "/download/%252e%252e%252fsecret.txt",
			`/download/..\..\secret.txt`, "/download/..%5c..%5csecret.txt", "/download//etc/passwd", "/download/%2fetc%2fpasswd", "/download/secret.txt%00.pdf", "/download/" + key, "/download/" + key + "/",
			"/download/", "/download", link + "/", link + "%00", link + "/../secret.txt", link + "%2f..%2f..%2fsecret.txt", link + "?file=../secret.txt&path=/etc/passwd", "/assets/../../secret.txt", "/assets/..%2f..%2fgo.mod",
		} {
			response, body := rawly(t, martha, target, "")
			switch {
			case strings.HasPrefix(target, link+"?"): // what it asks besides is nothing
				if response.StatusCode != http.StatusOK || body != "Übergabe" {
					t.Errorf("%s: %d %q", target, response.StatusCode, body)
				}
			case response.StatusCode == http.StatusOK || strings.Contains(body, secret) || strings.Contains(body, "root:") || strings.Contains(body, "Übergabe"):
				t.Errorf("%s: %d %.80q", target, response.StatusCode, body)
			case response.StatusCode != http.StatusNotFound && response.StatusCode/100 != 3 && response.StatusCode != http.StatusBadRequest:
				t.Errorf("%s: %d %.80q", target, response.StatusCode, body)
			}
		}
		// A link in the store leads to another content, which is not the one that was issued.
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(k.Blobs, "secret.txt"), path); err != nil {
			t.Fatal(err)
		}
		if status, body, _ := get(t, martha, link); status != http.StatusInternalServerError || strings.Contains(body, secret) {
			t.Errorf("a link in the store: %d %q", status, body)
		}
		// A row with the key of another company's content, or with a path.
		d := k.SQL(t)
		foreign := rowsOf(t, d, `SELECT d.sha256, d.blob_key, d.size FROM documents d JOIN tenants t ON t.id = d.tenant_id WHERE t.organization_id = 'BRANDT' ORDER BY d.id`)[0]
		for i, blobKey := range []string{foreign[1], "../" + filepath.Base(k.Blobs) + "/secret.txt", "/etc/passwd"} {
			order := fmt.Sprintf("HANSA-%06d", 21+i)
			alter(t, d, `INSERT INTO documents (id, tenant_id, order_id, placed_by_id, contract_id, kind, number, issued_on, filename, media_type, size, sha256, blob_key, created_at)
				SELECT $1, tenant_id, id, placed_by_id, contract_id, 'OTHER', $2, '2026-01-01', 'a.pdf', 'application/pdf', $3, $4, $5, '2026-01-01 00:00:00+00:00' FROM orders WHERE number = $6`,
				uuid.Must(uuid.NewV7()).String(), fmt.Sprint("X", i), foreign[2], foreign[0], blobKey, order)
			links, _ := papersOf(t, martha, order)
			if status, body, _ := get(t, martha, links["OTHER"]); status != http.StatusInternalServerError || strings.Contains(body, "%PDF") || strings.Contains(body, secret) || strings.Contains(body, "root:") {
				t.Errorf("with the key %s: %d %.40q", blobKey, status, body)
			}
		}
		never := globalID("doc", uuid.Must(uuid.NewV7()).String())
		if answer := martha.Do(t, `query($id: ID!) { node(id: $id) { ... on Document { download { url } } } }`, servertest.Vars{"id": never}); answer.Code() != "NOT_FOUND" {
			t.Errorf("a document that never was: %s", answer.Body)
		}
	})
}

// What was kept as a document is offered to be saved, whatever it is and is called.
//
// Requirement: CO-04
// Case: IO-08
func TestPagesAsDocuments(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		for i, each := range []struct{ name, mediaType, content string }{
			{strings.Repeat("ü", 300) + ".pdf", "application/pdf", "<html><script>alert(1)</script>"},
			{"a\"; filename=\"b.html", "application/pdf", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`},
			{"a.pdf\r\nContent-Type: text/html\r\n\r\n<script>", "application/pdf", "%PDF-1.4"},
			{"日本\u2028\u202e.pdf", "application/pdf", "%PDF-1.4"},
		} {
			order := fmt.Sprintf("HANSA-%06d", 20+i)
			issue(t, k, order, fmt.Sprint(i), each.name, each.mediaType, each.content)
			links, _ := papersOf(t, martha, order)
			status, body, h := get(t, martha, links["OTHER"])
			disposition := h.Get("Content-Disposition")
			_, parameters, _ := mime.ParseMediaType(disposition)
			if status != http.StatusOK || body != each.content || h.Get("Content-Type") != each.mediaType || len(h.Values("Content-Type")) != 1 || h.Get("X-Content-Type-Options") != "nosniff" ||
				h.Get("Content-Security-Policy") != "sandbox; default-src 'none'" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("%.20q: %d %v", each.name, status, h)
			}
			if !strings.HasPrefix(disposition, "attachment; filename") || len(parameters) != 1 || len(disposition) > 1200 || strings.ContainsAny(disposition, "\r\n\u202e\u2028<") {
				t.Errorf("%.20q is called %s", each.name, disposition)
			}
		}
	})
}

// What people search for is text: it finds what has it, and is no part of a statement, no pattern and
// no order.
//
// Requirement: AC-01
// Case: IO-10
func TestSearchesAreText(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, sabine := k.As(t, "martha.hansen"), k.As(t, "sabine.kurz")
		alter(t, k.SQL(t), `UPDATE users SET first_name = '100%_[a].*' WHERE username = 'gerd.grau'`)
		before := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM orders`)[0]
		hostile := []string{"'", "''; DROP TABLE order_messages; --", `" OR ""="`, "') OR 1=1 --", `\`, `\'`, "%", "_", "%%%", "_________", ".*", "(a+)+$", "[a-z]", "*", "?", "$1", "{{7*7}}", "\x00", "a\x00b", "\u202e", "\U0010FFFF",
			"a & b | !c <-> (d)", ":*", "NEAR(a b)", "col:x", strings.Repeat("%", 10_000), strings.Repeat("a ", 50_000), strings.Repeat("(a+)+", 20_000)}
		for list, c := range map[string]*servertest.Client{
			"orders": martha, "contracts": martha, "products": martha, "quotes": martha, "users": martha, "telephonyUsers": sabine, "tenants": sabine,
		} {
			for _, text := range hostile {
				began := time.Now()
				answer := c.Do(t, fmt.Sprintf(`query($s: String) { list: %s(first: 5, where: {search: $s}) { nodes { __typename } } }`, list), servertest.Vars{"s": text})
				if code := answer.Code(); code != "" && code != "BAD_USER_INPUT" || time.Since(began) > 10*time.Second {
					t.Errorf("%s: %.20q (%d): %d %.200s", list, text, len(text), answer.Status, answer.Body)
				}
			}
			for _, order := range []string{`{field: "NUMBER; DROP TABLE orders", direction: ASC}`, `"number"`, `{field: NUMBER_; direction: ASC}`, `{field: CREATED_AT, direction: "DESC; --"}`} {
				if answer := c.Do(t, fmt.Sprintf(`{ %s(first: 5, orderBy: %s) { nodes { __typename } } }`, list, order), nil); answer.Status != http.StatusBadRequest {
					t.Errorf("%s ordered by %s: %d %s", list, order, answer.Status, answer.Body)
				}
			}
		}
		found := func(text string) string {
			answer := martha.Do(t, `query($s: String) { users(first: 50, where: {search: $s}) { nodes { username } } }`, servertest.Vars{"s": text}).OK(t)
			return fmt.Sprint(fieldOf(t, answer, "users.nodes", "username"))
		}
		for text, want := range map[string]string{"100%": "[gerd.grau]", "%_[a].*": "[gerd.grau]", "%": "[gerd.grau]", "1%0": "[]", ".*": "[gerd.grau]", "10._": "[]", "g_rd.grau": "[]", "g%grau": "[]", "gerd.grau": "[gerd.grau]"} {
			if got := found(text); got != want {
				t.Errorf("%q finds %s, want %s", text, got, want)
			}
		}
		if after := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM orders`)[0]; after != before {
			t.Errorf("%s orders became %s", before, after)
		}
		if strings.Contains(k.Log.String(), "SQLSTATE") || strings.Contains(k.Log.String(), "SQL logic error") {
			t.Error("a search was an error for the database")
		}
	})
}

// Quantities and prices that are none, or no client's to say.
//
// Requirement: CA-02
// Requirement: CA-03
// Case: IO-12
func TestNumbersThatAreNone(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		martha.add(item("TEL-DT-0101", "2")).OK(t)
		before := martha.cart()
		for quantity, want := range map[string]string{
			"-1": "QUANTITY_INVALID items.0.quantity", "0": "QUANTITY_INVALID items.0.quantity", "-0": "QUANTITY_INVALID items.0.quantity", "2147483648": "QUANTITY_TOO_LARGE items.0.quantity",
			"99999999999999": "QUANTITY_TOO_LARGE items.0.quantity", "1.5": "QUANTITY_STEP items.0.quantity", "1e400": "BAD_USER_INPUT", "1e3": "BAD_USER_INPUT", "NaN": "BAD_USER_INPUT", "Infinity": "BAD_USER_INPUT",
			"0x10": "BAD_USER_INPUT", "": "BAD_USER_INPUT", "1'": "BAD_USER_INPUT", "９": "BAD_USER_INPUT", "9223372036854775808": "BAD_USER_INPUT",
		} {
			if got := strings.Join(faultsOf(t, martha.add(item("TEL-DT-0101", quantity)), "addCartItems"), " "); got != want {
				t.Errorf("%q: %s, want %s", quantity, got, want)
			}
		}
		for _, field := range []string{"unitPrice", "price", "lineTotal", "discount", "currency", "taxRate", "net"} {
			if answer := martha.add(item("TEL-DT-0101", "1", field, "0.01")); answer.Code() != "GRAPHQL_VALIDATION_FAILED" {
				t.Errorf("a %s of the client: %s", field, answer.Body)
			}
			if answer := martha.place(map[string]any{"idempotencyKey": "x", field: "0.01"}); answer.Code() != "GRAPHQL_VALIDATION_FAILED" {
				t.Errorf("an order with a %s of the client: %s", field, answer.Body)
			}
		}
		for _, number := range []string{"1e400", "1e-400", "99999999999999999999", "2147483648"} {
			answer := martha.Post(t, []byte(`{"query": "query($n: Int) { products(first: $n) { totalCount } }", "variables": {"n": `+number+`}}`))
			if answer.Status != http.StatusBadRequest && answer.Code() != "BAD_USER_INPUT" && answer.Code() != "COMPLEXITY_LIMIT_EXCEEDED" {
				t.Errorf("a page of %s: %d %s", number, answer.Status, answer.Body)
			}
		}
		if after := martha.cart(); string(after.Body) != string(before.Body) {
			t.Errorf("refusals changed the cart from\n%s to\n%s", before.Body, after.Body)
		}
		// A sum that no order can have is told as a price that is none, and never wraps around.
		alter(t, k.SQL(t), `UPDATE prices SET amount = 9000000000000000000 WHERE product_id = (SELECT id FROM products WHERE sku = 'TEL-DT-0106')`)
		answer := martha.add(item("TEL-DT-0106", "100000000"))
		if strings.Contains(string(answer.Body), `"-`) || len(answer.Errors) == 0 && len(answer.Codes("addCartItems")) == 0 {
			t.Errorf("a sum beyond all bounds: %s", answer.Body)
		}
	})
}

// escapes are what would move the cursor of who reads a log, or begin a line in it.
var escapes = regexp.MustCompile(`[\x00-\x09\x0b-\x1f\x7f]|\x{9b}`)

// Nothing that a request says is a line of the log, or long in it; the ID is the server's own.
//
// Requirement: CO-07
// Case: IO-13
func TestLogsCannotBeWritten(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		const forged = "time=2026-11-23T09:00:00Z level=ERROR msg=forged"
		evil := "x\r\n" + forged + "\x1b[31m\x00\x07" + strings.Repeat("A", 20_000)
		martha := k.As(t, "martha.hansen")
		response, _ := rawly(t, martha, "/download/"+strings.Repeat("A", 8000)+"%0d%0a"+strings.ReplaceAll(forged, " ", "%20")+"%1b%5b31m", "X-Request-Id: forged\r\nX-Forwarded-For: "+strings.Repeat("9", 4000)+"\r\nUser-Agent: red\t"+strings.Repeat("U", 4000)+"\r\n")
		if _, err := uuid.Parse(response.Header.Get("X-Request-Id")); err != nil {
			t.Errorf("the ID of a request is %q", response.Header.Get("X-Request-Id"))
		}
		if refused, _ := rawly(t, martha, "/", "User-Agent: \x1b[31mred\r\n"); refused.StatusCode != http.StatusBadRequest {
			t.Errorf("an escape in a header: %d", refused.StatusCode)
		}
		if large, _ := rawly(t, martha, "/", "User-Agent: "+strings.Repeat("U", 2<<20)+"\r\n"); large.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a megabyte of user agent: %d", large.StatusCode)
		}
		martha.Header["X-Request-Id"] = "forged"
		for _, query := range []string{`query %s { viewer { user { username } } }`, "{ " + "nowhere }", `{ viewer { user { username } } } # ` + evil} {
			martha.Do(t, query, servertest.Vars{evil: evil})
		}
		loginAs(t, k.Anonymous(), evil, evil)
		loginAs(t, k.Anonymous(), "martha.hansen", evil)
		perform(t, k.Anonymous(), "spa/registration", "RequestPasswordReset", "email", evil)
		martha.Do(t, `query($id: ID!) { node(id: $id) { id } }`, servertest.Vars{"id": evil})
		importing(t, k.As(t, "sabine.kurz"), "PRODUCTS", "CSV", "GOOD_ROWS", "sku;name;category;unit\nX;\x1b[31m"+forged+";Y;piece\n")
		lines := strings.Split(strings.TrimSuffix(k.Log.String(), "\n"), "\n")
		for _, line := range lines {
			if escapes.MatchString(line) || strings.HasPrefix(line, forged) || !strings.HasPrefix(line, "time=") || len(line) > 8<<10 || strings.Contains(line, "requestId=forged") {
				t.Errorf("a line of %d bytes in the log: %.300q", len(line), line)
			}
		}
		if len(lines) < 5 {
			t.Errorf("the log has %d lines", len(lines))
		}
	})
}

// Nobody is led to another host: no input names one, and no redirect leaves the portal.
//
// Case: IO-09
// Case: IO-14
func TestNoInputNamesAHost(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`(?i)ur[il]|host|webhook|callback|redirect|return(to|path|url)|endpoint|domain|proxy|server|next$|target(url|host)`)
	known := map[string]bool{"ApproveRegistrationInput.emailDomain": true, "InvitedCompanyInput.emailDomain": true}
	for name, definition := range graph.Schema(&graph.Resolver{}).Schema().Types {
		for _, f := range definition.Fields {
			if definition.Kind == "INPUT_OBJECT" && named.MatchString(f.Name) && !known[name+"."+f.Name] {
				t.Errorf("%s.%s may name a host: is it looked at before anybody asks it?", name, f.Name)
			}
			for _, a := range f.Arguments {
				if named.MatchString(a.Name) {
					t.Errorf("%s of %s.%s may name a host", a.Name, name, f.Name)
				}
			}
		}
	}
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, nobody := k.As(t, "martha.hansen"), k.Anonymous()
		for _, evil := range []string{"//evil.example", "https:evil.example", `/\evil.example`, `\\evil.example`, "https://evil.example", "/%2fevil.example", "%2f%2fevil.example", "%5cevil.example", "javascript:alert(1)", "/..//evil.example", "/.%2f/evil.example", "https:%2f%2fevil.example"} {
			targets := []string{"/customer-centre/callback?state=x&code=y&returnTo=" + evil + "&redirect_uri=" + evil, "/?next=" + evil + "&returnTo=" + evil, "/customer-centre/linked?returnTo=" + evil, "/invitation?token=x&next=" + evil, "/graphql?returnTo=" + evil}
			if strings.HasPrefix(evil, "/") {
				targets = append(targets, evil, "/graphql"+evil, "/download/"+evil)
			}
			for _, target := range targets {
				for _, c := range []*servertest.Client{martha, nobody} {
					response, _ := rawly(t, c, target, "")
					if to := response.Header.Get("Location"); strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) || to != "" && !strings.HasPrefix(to, "/") {
						t.Errorf("%s leads to %s", target, to)
					}
					if again := response.Header.Get("Refresh"); again != "" {
						t.Errorf("%s refreshes to %s", target, again)
					}
				}
			}
		}
	})
}
