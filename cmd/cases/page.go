package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// row is a case with its tests.
type row struct {
	entry
	tests []tried
}

// tried is a test with how it ended.
type tried struct {
	test
	results [backends]outcome
}

// tabulate brings together what is asked, what tests say they try, and what came of it.
func tabulate(cases []entry, tests []test, ended run) ([]row, error) {
	rows := make([]row, len(cases))
	at, groups := map[string]int{}, map[string]bool{}
	for i, each := range cases {
		rows[i].entry, at[each.ID], groups[each.group()] = each, i, true
	}
	var wrong []error
	for _, each := range tests {
		results, ran := ended[[2]string{each.folder, each.name}]
		if !ran { // a build tag keeps it out
			results[alone] = skipped
		}
		for _, id := range each.cases {
			i, listed := at[id]
			if !listed {
				if groups[(entry{ID: id}).group()] {
					wrong = append(wrong, fmt.Errorf("%s in %s/%s: there is no case %s in docs/security-cases.toml", each.name, each.folder, each.file, id))
				}
				continue
			}
			rows[i].tests = append(rows[i].tests, tried{each, results})
		}
	}
	for _, each := range rows {
		if len(each.tests) > 0 && !slices.ContainsFunc(each.tests, tried.shows) && each.Left == "" {
			wrong = append(wrong, fmt.Errorf("no test of %s ran and passed: say in docs/security-cases.toml what is left", each.ID))
		}
		for _, one := range each.tests {
			if slices.Contains(one.results[:], failed) {
				wrong = append(wrong, fmt.Errorf("%s: %s in %s/%s failed", each.ID, one.name, one.folder, one.file))
			}
		}
	}
	return rows, errors.Join(wrong...)
}

// shows tells whether a test passed on all that it ran on.
func (t tried) shows() bool {
	return slices.Contains(t.results[:], passed) && !slices.Contains(t.results[:], failed)
}

// titles of the groups, in the order of the page.
var titles = []struct{ group, title string }{
	{"AUTH", "Authentication and sessions"}, {"AUTHZ", "Authorization and walls between companies"}, {"GQL", "GraphQL: transport and limits"},
	{"IO", "Input and output"}, {"CONC", "Concurrency and idempotency"}, {"LOAD", "Slow clients and shutdown"}, {"PRIV", "Privacy and audit"},
}

// render writes the page. It says nothing that changes from one run to the next.
func render(rows []row) []byte {
	page := &bytes.Buffer{}
	page.WriteString(`<!-- Written by make test from docs/security-cases.toml, the comments above the tests and a run of them. Change those. -->

# What is tried against Kontor, and what happens

Each case has an ID, which tests carry in a comment (` + "`// Case: AUTH-01`" + `), and a priority: P0 keeps a release back, P1 the first
company. The results are those of a whole run of the tests: alone, on SQLite with Redis in process, or on PostgreSQL with Redis; "—" says
that the test is not about it. "skipped" is a test that needs more than ` + "`make test`" + ` has; its comment says what. ` + "`make test`" + ` writes this page
when all tests have passed, and a change of it is to be looked at: a case that lost its test says so. What is left is said under the case.

`)
	var met, part, open int
	for _, each := range rows {
		switch {
		case each.Left != "":
			part++
		case len(each.tests) == 0:
			open++
		default:
			met++
		}
	}
	fmt.Fprintf(page, "%d cases: %d met, %d with something left, %d not tested.\n", len(rows), met, part, open)
	for _, group := range titles {
		isIn := func(r row) bool { return r.group() == group.group }
		if !slices.ContainsFunc(rows, isIn) {
			continue
		}
		fmt.Fprintf(page, "\n## %s: %s\n\n| case | tried and expected | test | alone | SQLite | PostgreSQL |\n| --- | --- | --- | --- | --- | --- |\n", group.group, group.title)
		for _, each := range rows {
			if isIn(each) {
				each.write(page)
			}
		}
	}
	return page.Bytes()
}

func (r row) write(page *bytes.Buffer) {
	first := fmt.Sprintf("%s P%d | %s *%s*", r.ID, r.Priority, cell(r.Tried), cell(r.Expected))
	switch {
	case r.Left != "":
		first += " **Left:** " + cell(r.Left)
	case len(r.tests) == 0:
		first += " **Not tested.**"
	}
	if len(r.tests) == 0 {
		fmt.Fprintf(page, "| %s | no test | — | — | — |\n", first)
	}
	for _, each := range r.tests {
		fmt.Fprintf(page, "| %s | [%s](../%s/%s) | %v | %v | %v |\n", first, each.name, each.folder, each.file, each.results[alone], each.results[small], each.results[large])
		first = " | "
	}
}

// cell is a text as a cell of a table takes it.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
