package server_test

import (
	"database/sql"
	"encoding/csv"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"kontor/internal/demo"
	"kontor/internal/erp"
	"kontor/server/servertest"
)

// listing is a list of the API, with the field that names its elements.
type listing struct{ root, filter, order, key string }

var (
	productList  = listing{"products", "ProductFilter", "ProductOrder", "sku"}
	orderList    = listing{"orders", "OrderFilter", "OrderOrder", "number"}
	contractList = listing{"contracts", "ContractFilter", "ContractOrder", "number"}
)

// ask asks for one page.
func (l listing) ask(t *testing.T, c *servertest.Client, vars servertest.Vars) *servertest.Answer {
	t.Helper()
	return c.Do(t, fmt.Sprintf(`query($first: Int, $after: String, $last: Int, $before: String, $where: %s, $orderBy: %s) {
		list: %s(first: $first, after: $after, last: $last, before: $before, where: $where, orderBy: $orderBy) {
			totalCount
			nodes { key: %[4]s }
			edges { cursor node { key: %[4]s } }
			pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
		}
	}`, l.filter, l.order, l.root, l.key), vars)
}

// walk reads a list from one end to the other in pages, checks what each page says
// about itself and gives the keys of the elements in the order of the list.
func (l listing) walk(t *testing.T, c *servertest.Client, size int, backward bool, where, orderBy any) []string {
	t.Helper()
	var keys []string
	count, cursor, ahead, behind := "first", "after", "hasNextPage", "hasPreviousPage"
	if backward {
		count, cursor, ahead, behind = "last", "before", "hasPreviousPage", "hasNextPage"
	}
	vars := servertest.Vars{count: size, "where": where, "orderBy": orderBy}
	for more := true; more; {
		page := l.ask(t, c, vars).OK(t)
		found := l.read(t, page)
		if got, want := page.Get("list.pageInfo."+behind), vars[cursor] != nil; got != want {
			t.Fatalf("%s is %v behind %d elements", behind, got, len(keys))
		}
		total := int(page.Get("list.totalCount").(float64))
		more = page.Get("list.pageInfo."+ahead) == true
		if want := len(keys)+len(found) < total; more != want || (more && len(found) != size) {
			t.Fatalf("%s is %v after %d of %d elements, with %d on a page of %d", ahead, more, len(keys)+len(found), total, len(found), size)
		}
		if backward {
			keys = append(found, keys...)
			vars[cursor] = page.Get("list.pageInfo.startCursor")
		} else {
			keys = append(keys, found...)
			vars[cursor] = page.Get("list.pageInfo.endCursor")
		}
	}
	return keys
}

// read is the keys of a page, which nodes and edges must tell alike.
func (l listing) read(t *testing.T, page *servertest.Answer) []string {
	t.Helper()
	nodes, edges := page.List(t, "list.nodes"), page.List(t, "list.edges")
	if len(nodes) != len(edges) {
		t.Fatalf("%d nodes and %d edges", len(nodes), len(edges))
	}
	keys := make([]string, len(nodes))
	for i := range nodes {
		keys[i] = page.String(t, fmt.Sprintf("list.nodes.%d.key", i))
		if edge := page.String(t, fmt.Sprintf("list.edges.%d.node.key", i)); edge != keys[i] {
			t.Fatalf("node %d is %s, edge %d is %s", i, keys[i], i, edge)
		}
	}
	if n := len(edges); n > 0 {
		first, last := page.String(t, "list.edges.0.cursor"), page.String(t, fmt.Sprintf("list.edges.%d.cursor", n-1))
		if page.Get("list.pageInfo.startCursor") != first || page.Get("list.pageInfo.endCursor") != last {
			t.Fatalf("the cursors of the page are not those of its edges: %s", page.Body)
		}
	}
	return keys
}

// all is the whole list under a filter, in its own order.
func (l listing) all(t *testing.T, c *servertest.Client, where any) []string {
	t.Helper()
	return l.walk(t, c, 100, false, where, nil)
}

// refusesBadPages checks what every list refuses.
func (l listing) refusesBadPages(t *testing.T, c *servertest.Client) {
	t.Helper()
	for name, vars := range map[string]servertest.Vars{
		"no size": {}, "first 0": {"first": 0}, "first 101": {"first": 101}, "first -1": {"first": -1},
		"last 0": {"last": 0}, "last 101": {"last": 101}, "last -1": {"last": -1}, "first and last": {"first": 1, "last": 1},
		"a cursor that is none": {"first": 1, "after": "abc"}, "an empty cursor": {"first": 1, "after": ""},
		"a cursor of something else": {"first": 1, "after": "bm90IGEgY3Vyc29y"}, "a bad cursor before": {"last": 1, "before": "%%%"},
	} {
		if answer := l.ask(t, c, vars); answer.Code() != "BAD_USER_INPUT" {
			t.Errorf("%s: %s", name, answer.Body)
		}
	}
}

// rowsOf is the answer to a query beside the API, as texts; NULL is empty.
func rowsOf(t testing.TB, d *sql.DB, query string, args ...any) [][]string {
	t.Helper()
	rows, err := d.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for rows.Next() {
		values, places := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		row := make([]string, len(columns))
		for i, v := range values {
			row[i] = v.String
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}

// columnOf is the first column of a query's answer.
func columnOf(t testing.TB, d *sql.DB, query string, args ...any) []string {
	t.Helper()
	var column []string
	for _, row := range rowsOf(t, d, query, args...) {
		column = append(column, row[0])
	}
	return column
}

// alter changes rows beside the API; it must find some.
func alter(t testing.TB, d *sql.DB, statement string, args ...any) {
	t.Helper()
	result, err := d.ExecContext(t.Context(), statement, args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s changed %d rows: %v", statement, n, err)
	}
}

// demoRows are the rows of the demo data as they stand in its file, read without
// the code that imports them.
func demoRows(t *testing.T, kind erp.Kind) []map[string]string {
	t.Helper()
	file, err := demo.Open(kind)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.Comma = ';'
	lines, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	lines[0][0] = strings.TrimPrefix(lines[0][0], "\ufeff")
	rows := make([]map[string]string, len(lines)-1)
	for i, line := range lines[1:] {
		rows[i] = map[string]string{}
		for j, value := range line {
			rows[i][lines[0][j]] = value
		}
	}
	return rows
}

// amount reads an exact number.
func amount(t *testing.T, text string) *big.Rat {
	t.Helper()
	number, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return number
}

// sameAmount compares numbers and not how they are written.
func sameAmount(t *testing.T, a, b string) bool {
	t.Helper()
	return amount(t, a).Cmp(amount(t, b)) == 0
}

// sorted is a sorted copy.
func sorted(texts []string) []string {
	return slices.Sorted(slices.Values(texts))
}
