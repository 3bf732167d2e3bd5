package server_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

const tooComplex, invalid = "COMPLEXITY_LIMIT_EXCEEDED", "GRAPHQL_VALIDATION_FAILED"

// Documents that are small and would be large are refused for what they would be, before
// anything of them runs: nothing is asked of the database but whose session it is.
//
// Case: GQL-02
// Case: GQL-03
// Case: GQL-04
// Case: GQL-05
func TestLimitsOfDocuments(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		for _, each := range []struct{ name, document, code string }{
			{"fan-out of 2 levels", fanOut(2, "...f%d ...f%d"), ""},
			{"fan-out of 10 levels", fanOut(10, "...f%d ...f%d"), tooComplex},
			{"fan-out of 20 levels", fanOut(20, "...f%d ...f%d"), tooComplex},
			{"fan-out of 26 levels", fanOut(26, "...f%d ...f%d"), tooComplex},
			{"fan-out of 40 levels", fanOut(40, "...f%d ...f%d"), tooComplex},
			{"fan-out of 80 levels", fanOut(80, "...f%d ...f%d"), tooComplex},
			{"fan-out in inline fragments", fanOut(40, "... on Query { ...f%d } ... { ...f%d }"), tooComplex},
			{"a fragment of itself", "{ ...f0 } fragment f0 on Query { ...f0 }", invalid},
			{"fragments in a circle", "{ ...f0 } fragment f0 on Query { ...f1 } fragment f1 on Query { ...f0 }", invalid},
			{"100 unused fragments", "{ __typename }" + unused(100), invalid},
			{"1,000 unused fragments", "{ __typename }" + unused(1000), tooComplex},

			{"1,000 tokens", "{ " + strings.Repeat("... { ", 199) + "id: __typename " + strings.Repeat("} ", 200) + "# " + strings.Repeat("x", 1000), ""},
			{"1,001 tokens", "{ " + strings.Repeat("__typename ", 999) + "}", tooComplex},
			{"100,000 directives", "{ __typename " + strings.Repeat("@a", 100_000) + "}", tooComplex},
			{"a deep list", `{ nodes(ids: ` + strings.Repeat("[", 450) + strings.Repeat("]", 450) + ") { id } }", invalid},
			{"a list without end", `{ nodes(ids: ` + strings.Repeat("[", 100_000), tooComplex},
			{"a long text", `{ product(sku: "` + strings.Repeat("x", 200<<10) + `") { id } }`, ""},

			{"10 levels", deep("parent { ", "}", 8), ""},
			{"11 levels", deep("parent { ", "}", 9), tooComplex},
			{"11 levels in inline fragments", deep("parent { ... on Category { ", "} }", 9), tooComplex},
			{"11 levels in a fragment", "{ categories { ...f } } fragment f on Category { " + strings.Repeat("parent { ", 9) + "id" + strings.Repeat("} ", 10), tooComplex},
			{"15 aliases", "{ product(sku: \"x\") { " + aliases(15) + "} }", ""},
			{"16 aliases", "{ categories { " + aliases(16) + "} }", tooComplex},
			{"16 aliases in fragments", "{ categories { ...f ... { " + aliases(8) + "} } } fragment f on Category { " + strings.ReplaceAll(aliases(8), "a", "b") + "}", tooComplex},
			{"20 directives", "{ categories { " + strings.Repeat("... @skip(if: true) { name } ", 20) + "id } }", ""},
			{"21 directives", "{ categories { " + strings.Repeat("... @skip(if: true) { name } ", 21) + "id } }", tooComplex},
			{"21 directives in fragments", "{ ...f ...f } fragment f on Query { __typename @skip(if: true) ... { " + strings.Repeat("__typename @skip(if: true) ", 10) + "} }", tooComplex},
			{"10 fields at the outermost level", "{ " + strings.Repeat("__typename ", 10) + "}", ""},
			{"11 fields at the outermost level", "{ " + strings.Repeat("__typename ", 11) + "}", tooComplex},
			{"11 fields in fragments", "{ ...f ... { " + strings.Repeat("__typename ", 5) + "} } fragment f on Query { " + strings.Repeat("__typename ", 6) + "}", tooComplex},

			{"500 times the same field", "{ " + strings.Repeat("__typename ", 500) + "}", tooComplex},
			{"240 times the same object", "{ " + strings.Repeat("categories { id } ", 240) + "}", tooComplex},
			{"the same field 301 times within an object", "{ categories { " + strings.Repeat("id ", 301) + "} }", tooComplex},
			{"the same field in pairs of braces", "{ product(sku: \"a\") { " + strings.Repeat("... { "+strings.Repeat("sku ", 150)+"} ", 4) + "} }", tooComplex},
			{"the same field within the schema", "{ __schema { queryType { " + strings.Repeat("name ", 301) + "} } }", tooComplex},
			{"the same field in a fragment that nothing spreads", "{ __typename } fragment f on Product { " + strings.Repeat("sku ", 301) + "}", tooComplex},
			{"the same field in 100 fragments", "{ " + strings.Repeat("...f ", 100) + "} fragment f on Query { categories { id } }", tooComplex},
		} {
			k.Statements.Take()
			answer := martha.Do(t, each.document, nil)
			refused := answer.Status == http.StatusBadRequest && answer.Data == nil
			if answer.Code() != each.code || refused != (each.code == tooComplex || each.code == invalid) {
				t.Errorf("%s: %d %.300s", each.name, answer.Status, answer.Body)
			}
			if len(answer.Errors) > 10 || len(answer.Body) > 8<<10 {
				t.Errorf("%s: %d errors in %d bytes", each.name, len(answer.Errors), len(answer.Body))
			}
			for _, sent := range k.Statements.Take() {
				if refused && !strings.Contains(sent, "surviving_session") {
					t.Errorf("%s: reached the database: %q", each.name, sent)
				}
			}
		}
	})
}

// However often a document spreads its fragments, that takes no time: the fastest of a few tries counts, since other tests
// have the machine, too, and the race detector takes its part. What is worked out again for each spread takes seconds from 26 levels on, each time.
//
// Case: GQL-02
func TestFanOutsAreRefusedAtOnce(t *testing.T) {
	const atOnce = 25 * time.Millisecond
	k := servertest.Start(t, servertest.Backends[0])
	nobody := k.Anonymous()
	for name, document := range map[string]string{
		"10 levels": fanOut(10, "...f%d ...f%d"), "20 levels": fanOut(20, "...f%d ...f%d"), "26 levels": fanOut(26, "...f%d ...f%d"), "40 levels": fanOut(40, "...f%d ...f%d"),
		"80 levels": fanOut(80, "...f%d ...f%d"), "inline fragments": fanOut(40, "... on Query { ...f%d } ... { ...f%d }"), "itself": "{ ...f0 } fragment f0 on Query { ...f0 }",
		"a circle": "{ ...f0 } fragment f0 on Query { ...f1 } fragment f1 on Query { ...f0 }", "1,000 unused fragments": "{ __typename }" + unused(1000),
	} {
		fastest := time.Hour
		for try := 0; try < 100 && fastest >= atOnce; try++ {
			began := time.Now()
			answer := nobody.Do(t, document, nil)
			fastest = min(fastest, time.Since(began))
			if answer.Status != http.StatusBadRequest {
				t.Fatalf("%s: %d %.200s", name, answer.Status, answer.Body)
			}
		}
		if fastest >= atOnce {
			t.Errorf("%s: took %s", name, fastest)
		}
	}
}

// Bodies that are larger than they may be are not read to the end, and what is read
// takes no more memory than a few times its length.
//
// Case: GQL-03
func TestLimitsOfBodies(t *testing.T) {
	k := servertest.Start(t, servertest.Backends[0])
	inDepth := func(levels int) string {
		return `{"query": "mutation($i: LoginInput!) { login(input: $i) { token } }", "variables": {"i": ` + strings.Repeat(`{"a":`, levels) + "1" + strings.Repeat("}", levels+1) + "}"
	}
	for _, each := range []struct {
		name, body string
		status     int
	}{
		{"a comment of 10 MB", `{"query": "# ` + strings.Repeat("x", 10<<20) + `\n{ __typename }"}`, http.StatusRequestEntityTooLarge},
		{"a text of 1 MB", `{"query": "{ product(sku: \"` + strings.Repeat("x", 1<<20) + `\") { id } }"}`, http.StatusRequestEntityTooLarge},
		{"100,000 directives", `{"query": "{ __typename ` + strings.Repeat("@a", 100_000) + `}"}`, http.StatusBadRequest},
		{"deep variables", inDepth(20_000), http.StatusBadRequest},
		{"less deep variables", inDepth(5_000), http.StatusBadRequest},
		{"many values", `{"query": "query($i: [ID!]!) { nodes(ids: $i) { id } }", "variables": {"i": ["` + strings.Repeat(`","`, 10_001) + `"]}}`, http.StatusBadRequest},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		answer := k.Anonymous().Post(t, []byte(each.body))
		runtime.ReadMemStats(&after)
		if answer.Status != each.status || len(answer.Body) > 8<<10 {
			t.Errorf("%s: %d %.300s", each.name, answer.Status, answer.Body)
		}
		// What client and server take for any request is in it, too.
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 4*uint64(len(each.body))+2<<20 {
			t.Errorf("%s: %d KiB were allocated for %d KiB", each.name, taken>>10, len(each.body)>>10)
		}
	}
}

// A list is asked for with its length, one to a hundred, and lists within lists multiply.
//
// Case: GQL-07
func TestLimitsOfPages(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		const variable = `query($n: Int) { contracts(first: $n) { totalCount } }`
		for _, each := range []struct {
			name, document string
			n              any
			code           string
		}{
			{"101", `{ contracts(first: 101) { totalCount } }`, nil, "BAD_USER_INPUT"},
			{"none", `{ contracts { totalCount } }`, nil, "BAD_USER_INPUT"},
			{"0", `{ contracts(first: 0) { totalCount } }`, nil, "BAD_USER_INPUT"},
			{"-1", `{ contracts(first: -1) { totalCount } }`, nil, "BAD_USER_INPUT"},
			{"both", `{ contracts(first: 1, last: 1) { totalCount } }`, nil, "BAD_USER_INPUT"},
			{"2 to the 31st", `{ contracts(first: 2147483648) { totalCount } }`, nil, "BAD_USER_INPUT"},
			{"101 backwards", `{ contracts(last: 101) { totalCount } }`, nil, "BAD_USER_INPUT"},
			{"101 in a variable", variable, 101, "BAD_USER_INPUT"},
			{"-1 in a variable", variable, -1, "BAD_USER_INPUT"},
			{"2 to the 31st in a variable", variable, 1 << 31, "BAD_USER_INPUT"},
			{"no variable", variable, nil, "BAD_USER_INPUT"},
			{"101 within an object", `{ contracts(first: 1) { nodes { orders(first: 101) { totalCount } } } }`, nil, "BAD_USER_INPUT"},
			{"101 in a fragment", `{ ...f } fragment f on Query { contracts(first: 101) { totalCount } }`, nil, "BAD_USER_INPUT"},
			{"100 in 100 in 100", `{ contracts(first: 100) { nodes { orders(first: 100) { nodes { contract { orders(first: 100) { totalCount } } } } } } }`, nil, tooComplex},
			{"100 in 100 in 100 in fragments", `{ contracts(first: 100) { nodes { ...c } } } fragment c on Contract { orders(first: 100) { nodes { ...o } } }
				fragment o on Order { contract { orders(first: 100) { totalCount } } }`, nil, tooComplex},
			{"100", `{ contracts(first: 100) { totalCount } }`, nil, ""},
			{"10 in 10 in 10", `{ contracts(first: 10) { nodes { orders(first: 10) { nodes { contract { orders(first: 10) { totalCount } } } } } } }`, nil, ""},
		} {
			k.Statements.Take()
			answer := martha.Do(t, each.document, map[string]any{"n": each.n})
			if answer.Code() != each.code || (answer.Status == http.StatusBadRequest) != (each.code != "") {
				t.Errorf("%s: %d %.300s", each.name, answer.Status, answer.Body)
			}
			for _, sent := range k.Statements.Take() {
				if each.code != "" && !strings.Contains(sent, "surviving_session") {
					t.Errorf("%s: reached the database: %q", each.name, sent)
				}
			}
		}
	})
}

// Each request has one operation to run, and says which.
//
// Case: GQL-06
func TestLimitsOfBatches(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		one := `{"query": "{ __typename }"}`
		for name, body := range map[string]string{
			"a batch of one":            `[` + one + `]`,
			"a batch of two":            `[` + one + `,` + one + `]`,
			"a batch of ten":            `[` + strings.Repeat(one+",", 9) + one + `]`,
			"an empty batch":            `[]`,
			"another query in capitals": `{"query": "{ __typename }", "Query": "{ viewer { user { id } } }"}`,
			"something behind it":       `{"query": "{ __typename }"} {"query": "{ __typename }"}`,
			"two operations":            `{"query": "query A { __typename } query B { __typename }"}`,
			"two operations, none such": `{"query": "query A { __typename } query B { __typename }", "operationName": "C"}`,
		} {
			if answer := k.Anonymous().Post(t, []byte(body)); answer.Status != http.StatusBadRequest || answer.Data != nil {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
		}
	})
}

// fanOut is a document whose fragments each spread the next one twice.
func fanOut(levels int, twice string) string {
	var document strings.Builder
	document.WriteString("{ ...f0 }")
	for i := range levels {
		fmt.Fprintf(&document, " fragment f%d on Query { "+twice+" }", i, i+1, i+1)
	}
	fmt.Fprintf(&document, " fragment f%d on Query { __typename }", levels)
	return document.String()
}

func unused(n int) string {
	var document strings.Builder
	for i := range n {
		fmt.Fprintf(&document, " fragment f%d on Query { __typename }", i)
	}
	return document.String()
}

// deep asks for the parents of a category, so many levels up.
func deep(open, end string, levels int) string {
	return "{ categories { " + strings.Repeat(open, levels) + "id" + strings.Repeat(end, levels) + "} }"
}

// aliases are so many other names of one field.
func aliases(n int) string {
	var fields strings.Builder
	for i := range n {
		fmt.Fprintf(&fields, "a%d: id ", i)
	}
	return fields.String()
}
