package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const list = `
[[case]]
id = "IO-01"
priority = 0
tried = "Formulas | in CSV."
expected = "Defused."

[[case]]
id = "LOAD-03"
priority = 1
tried = "Slow readers."
expected = "Closed."
left = "Not all of it."

[[case]]
id = "IO-02"
priority = 1
tried = "More."
expected = "As well."
`

const source = `package a

import "testing"

// Formulas are text.
//
// Case: IO-01
// Case: FLT-01
func TestFormulas(t *testing.T) {}

// Case: IO-01
func FuzzFormulas(f *testing.F) {}

func TestOther(t *testing.T) {}
`

// events are those of a run in which the test ran on both backends, and the other one alone.
const events = `{"Action":"start","Package":"kontor/a"}
{"Action":"pass","Package":"kontor/a","Test":"TestFormulas/SQLite_and_Redis_in_process"}
{"Action":"pass","Package":"kontor/a","Test":"TestFormulas/more/PostgreSQL"}
{"Action":"skip","Package":"kontor/a","Test":"TestFormulas/more/SQLite"}
{"Action":"pass","Package":"kontor/a","Test":"TestFormulas/more"}
{"Action":"pass","Package":"kontor/a","Test":"TestFormulas","Elapsed":1.2}
{"Action":"output","Package":"kontor/a","Test":"FuzzFormulas","Output":"x"}
{"Action":"skip","Package":"kontor/a","Test":"FuzzFormulas"}
{"Action":"pass","Package":"kontor/a"}
`

// The page says of each test how it ended on what, and is refused when it says something else.
func TestThePage(t *testing.T) {
	root := module(t, list, source)
	if err := report(root, eventsIn(t, root, events), false); err == nil || !strings.Contains(err.Error(), "make test") {
		t.Errorf("no page: %v", err)
	}
	if err := report(root, eventsIn(t, root, events), true); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"3 cases: 1 met, 1 with something left, 1 not tested.",
		`| IO-01 P0 | Formulas \| in CSV. *Defused.* | [TestFormulas](../a/a_test.go) | — | passed | passed |`,
		"|  |  | [FuzzFormulas](../a/a_test.go) | skipped | — | — |",
		"| LOAD-03 P1 | Slow readers. *Closed.* **Left:** Not all of it. | no test | — | — | — |",
		"| IO-02 P1 | More. *As well.* **Not tested.** | no test | — | — | — |",
	} {
		if !strings.Contains(string(page), want+"\n") {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	if err := report(root, eventsIn(t, root, events), false); err != nil {
		t.Errorf("the page is what the run gave: %v", err)
	}
	lessTested := strings.ReplaceAll(events, "more/PostgreSQL", "more/other")
	if err := report(root, eventsIn(t, root, lessTested), false); err == nil || !strings.Contains(err.Error(), "make test") {
		t.Errorf("a run without PostgreSQL: %v", err)
	}
}

// A run that does not show what the list asks for is refused with all that is missing.
func TestRunsThatShowTooLittle(t *testing.T) {
	for name, each := range map[string]struct{ list, source, events, want string }{
		"no test did run":          {list, source, strings.ReplaceAll(events, "Formulas", "Others"), "no test of IO-01 ran and passed"},
		"a backend failed":         {list, source, strings.Replace(events, `pass","Package":"kontor/a","Test":"TestFormulas/more/P`, `fail","Package":"kontor/a","Test":"TestFormulas/more/P`, 1), "IO-01: TestFormulas in a/a_test.go failed"},
		"all failed":               {list, source, strings.ReplaceAll(events, `"pass"`, `"fail"`), "no test of IO-01 ran and passed"},
		"all were skipped":         {list, source, strings.ReplaceAll(events, `"pass"`, `"skip"`), "no test of IO-01 ran and passed"},
		"a case that is not there": {list, strings.ReplaceAll(source, "Case: FLT-01", "Case: IO-99"), events, "there is no case IO-99"},
		"a case inside of a test":  {list, source + "\nfunc TestInner(t *testing.T) {\n\t// Case: IO-01\n}\n", events, "counts for no test"},
		"the same case twice":      {list + strings.ReplaceAll(list, "LOAD-03", "LOAD-04"), source, events, `"IO-01" is there twice`},
		"a key that is not known":  {list + "rest = \"x\"\n", source, events, "unknown keys"},
		"no events":                {list, source, "FAIL\n", "reading the events"},
	} {
		t.Run(name, func(t *testing.T) {
			root := module(t, each.list, each.source)
			if err := report(root, eventsIn(t, root, each.events), true); err == nil || !strings.Contains(err.Error(), each.want) {
				t.Errorf("got %v, want %q", err, each.want)
			}
		})
	}
}

func module(t *testing.T, list, source string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{"docs/security-cases.toml": list, "a/a_test.go": source, "node_modules/x_test.go": "no Go", "deploy/go.mod": "module deploy", "deploy/x_test.go": "no Go"} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func eventsIn(t *testing.T, root, events string) string {
	t.Helper()
	path := filepath.Join(root, "events.json")
	if err := os.WriteFile(path, []byte(events), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
