package server_test

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"kontor/server/servertest"
)

// link is the link to the file of a list under a filter.
func (l listing) link(t *testing.T, c *servertest.Client, format string, where any) string {
	t.Helper()
	return c.Do(t, fmt.Sprintf(`query($where: %s, $format: ExportFormat!) { list: %s(first: 1, where: $where) { download(format: $format) { url } } }`,
		l.filter, l.root), servertest.Vars{"where": where, "format": format}).OK(t).String(t, "list.download.url")
}

// rows is the German CSV file behind a link, with its header.
func rows(t *testing.T, c *servertest.Client, link string) [][]string {
	t.Helper()
	status, content, _ := get(t, c, link)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, content)
	}
	reader := csv.NewReader(strings.NewReader(strings.TrimPrefix(content, "\uFEFF")))
	reader.Comma = ';'
	all, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// numbers are the first column of a file, without its title.
func numbers(file [][]string) []string {
	found := []string{}
	for _, row := range file[1:] {
		found = append(found, row[0])
	}
	return found
}

// Whatever the filter, the file has the elements of the list in the list's order.
//
// Requirement: CO-02
// Requirement: OR-09
func TestFilesHoldTheFilteredList(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		for _, c := range []struct {
			list  listing
			where map[string]any
		}{
			{orderList, nil},
			{orderList, map[string]any{"states": []string{"COMPLETED"}, "channel": "PHONE"}},
			{orderList, map[string]any{"placedFrom": "2026-01-01", "placedTo": "2026-09-30", "businessCases": []string{"NEW_ORDER", "ADDITIONAL_ORDER"}}},
			{orderList, map[string]any{"search": "nothing has this"}},
			{contractList, nil},
			{contractList, map[string]any{"types": []string{"FRAME_AGREEMENT"}, "openOnly": true}},
			{contractList, map[string]any{"validOn": "2026-11-23", "right": "ORDER", "states": []string{"ACTIVE"}}},
			{contractList, map[string]any{"search": "sv-1", "expiresWithinDays": 3650}},
		} {
			want := c.list.all(t, martha, c.where)
			if got := numbers(rows(t, martha, c.list.link(t, martha, "CSV", c.where))); !slices.Equal(got, want) {
				t.Errorf("%s %v: the file has %v, the list %v", c.list.root, c.where, got, want)
			}
		}
	})
}

// A list that is longer than what is read at a time is whole in the file, even
// where nothing but the ID tells where to go on.
//
// Requirement: CO-02
func TestFilesOfLongLists(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, beside := k.As(t, "martha.hansen"), k.SQL(t)
		copies(t, beside, 1100, `INSERT INTO orders (id, number, name, customer_order_number, reference_number, state, business_case, channel, placed_at, net_amount, tax_amount, gross_amount, currency, contract_id, placed_by_id, tenant_id)
			SELECT $1, $2, 'copied', customer_order_number, reference_number, state, business_case, channel, placed_at, net_amount, tax_amount, gross_amount, currency, contract_id, placed_by_id, tenant_id
			FROM orders WHERE number = $3`, orderList.all(t, martha, nil)[0])
		copies(t, beside, 1100, `INSERT INTO contracts (id, number, access_number, type, state, valid_from, created_at, tenant_id, customer_number_id)
			SELECT $1, $2, 'copied', type, state, valid_from, created_at, tenant_id, customer_number_id FROM contracts WHERE number = $3`, "SV-100001")
		for _, list := range []listing{orderList, contractList} {
			where := map[string]any{"search": "copied"}
			want := list.all(t, martha, where)
			k.Statements.Take()
			got := numbers(rows(t, martha, list.link(t, martha, "CSV", where)))
			if len(want) != 1100 || !slices.Equal(got, want) {
				t.Errorf("%s: %d in the file, %d in the list, or in another order", list.root, len(got), len(want))
			}
			if sent := len(k.Statements.Take()); sent > 20 {
				t.Errorf("%s: %d statements for a file of 1100 rows", list.root, sent)
			}
		}
	})
}

// copies inserts rows by a statement that takes an ID, a number and the number of
// the row to copy.
func copies(t testing.TB, d *sql.DB, n int, statement, of string) {
	t.Helper()
	tx, err := d.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	for i := range n {
		if _, err := tx.ExecContext(t.Context(), statement, uuid.NewString(), fmt.Sprintf("C-%04d", i), of); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// Rights and the login are asked again when the link is used.
//
// Requirement: CO-02
// Case: IO-07
// Case: AUTHZ-10
// Case: AUTHZ-15
func TestFilesAskForRightsAgain(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		silke, beside := k.As(t, "silke.sommer"), k.SQL(t)
		link := contractList.link(t, silke, "CSV", nil)
		before := numbers(rows(t, silke, link))
		if len(before) < 2 {
			t.Fatalf("the sub admin sees %v", before)
		}
		alter(t, beside, `UPDATE grants SET revoked_at = created_at WHERE contract_id IN (SELECT id FROM contracts WHERE number = $1)`, before[0])
		if after := numbers(rows(t, silke, link)); !slices.Equal(after, before[1:]) {
			t.Errorf("after its right was revoked %v became %v", before, after)
		}
		silke.Operation(t, "spa/session", "Logout", nil).OK(t)
		if status, content, _ := get(t, silke, link); status != http.StatusUnauthorized {
			t.Errorf("after the logout: %d %s", status, content)
		}
		if status, content, _ := get(t, k.As(t, "silke.sommer"), link); status != http.StatusNotFound {
			t.Errorf("with another login: %d %s", status, content)
		}
		martha := k.As(t, "martha.hansen")
		link = orderList.link(t, martha, "PDF", nil)
		alter(t, beside, `UPDATE users SET must_change_password = true WHERE username = 'martha.hansen'`)
		if status, _, _ := get(t, martha, link); status != http.StatusNotFound {
			t.Errorf("before the password is changed: %d", status)
		}
	})
}

// Every title and every value of an enumeration has a text, in both languages; what
// people typed in is no formula.
//
// Requirement: CO-02
// Requirement: ID-20
// Case: IO-01
func TestFilesSpeakTheLanguage(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		martha.add(item("TEL-DT-0101", "2")).OK(t)
		martha.do("UpdateCart", map[string]any{"name": "=HYPERLINK(\"http://evil\")", "customerOrderNumber": "-1+1", "referenceNumber": "@R"}).OK(t)
		martha.place(map[string]any{"idempotencyKey": "formula"}).OK(t)
		file := rows(t, martha.Client, orderList.link(t, martha.Client, "CSV", nil))
		for i, want := range []string{file[1][0], "23.11.2026 09:00", "in Bearbeitung", "Neubestellung", "online", "'-1+1", "'@R", "'=HYPERLINK(\"http://evil\")", "Martha Hansen", "", "95,10", "18,07", "113,17", "EUR"} {
			if file[1][i] != want {
				t.Errorf("%s is %q, want %q", file[0][i], file[1][i], want)
			}
		}
		for _, language := range []string{"de", "en"} {
			martha.Header["Accept-Language"] = language
			for _, list := range []listing{orderList, contractList} {
				_, content, _ := get(t, martha.Client, list.link(t, martha.Client, "CSV", nil))
				for _, raw := range []string{"COLUMN_", "STATE_", "CASE_", "CHANNEL_", "TYPE_", "CONTRACT_", "LINE_"} {
					if strings.Contains(content, raw) {
						t.Errorf("%s in %s: there is no text for a %s", list.root, language, raw)
					}
				}
			}
		}
		if _, content, _ := get(t, martha.Client, orderList.link(t, martha.Client, "CSV", nil)); !strings.Contains(content, ",2026-11-23 09:00,in progress,new order,online,") {
			t.Errorf("the English file is %.400s", content)
		}
	})
}

// The file is offered to be saved, under its name, and runs nothing.
//
// Requirement: CO-02
// Case: IO-08
func TestFilesAreOfferedToBeSaved(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		martha.Header["Accept-Language"] = "en"
		for format, mediaType := range map[string]string{
			"CSV": "text/csv; charset=utf-8", "PDF": "application/pdf", "XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		} {
			status, content, header := get(t, martha, contractList.link(t, martha, format, nil))
			if status != http.StatusOK {
				t.Fatalf("%s: %d %s", format, status, content)
			}
			for name, want := range map[string]string{
				"Content-Type": mediaType, "Content-Disposition": "attachment; filename=contracts-2026-11-23." + strings.ToLower(format),
				"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "no-store",
			} {
				if got := header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", format, name, got, want)
				}
			}
			if format == "XLSX" {
				checkWorkbook(t, content, contractList.all(t, martha, nil))
			}
		}
	})
}

func checkWorkbook(t *testing.T, content string, want []string) {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader([]byte(content)))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	file, err := book.GetRows(book.GetSheetName(0))
	if err != nil {
		t.Fatal(err)
	}
	if got := numbers(file); !slices.Equal(got, want) {
		t.Errorf("the workbook has %v, the list %v", got, want)
	}
}

// A list that is too long for a PDF is refused, and says what to do instead.
//
// Requirement: CO-02
// Case: IO-03
func TestFilesTooLongForPDF(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0])
	martha := k.As(t, "martha.hansen")
	copies(t, k.SQL(t), 10_001, `INSERT INTO contracts (id, number, access_number, type, state, valid_from, created_at, tenant_id, customer_number_id)
		SELECT $1, $2, 'copied', type, state, valid_from, created_at, tenant_id, customer_number_id FROM contracts WHERE number = $3`, "SV-100001")
	status, content, header := get(t, martha, contractList.link(t, martha, "PDF", nil))
	if status != http.StatusUnprocessableEntity || !strings.Contains(content, "XLSX oder CSV") || header.Get("Content-Disposition") != "" {
		t.Errorf("%d %s %v", status, content, header)
	}
}
