package server_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// update writes the table anew, for review.
var update = flag.Bool("update", false, "write testdata/matrix.txt anew, to be reviewed cell by cell")

const (
	tableFile = "testdata/matrix.txt"
	howTo     = "If this is what the requirements AC-01 to AC-15 want, run: go test ./server -run TestMatrix -update, and review the difference."
)

// tableHead explains the table to whoever reads it.
const tableHead = `# Who gets what: every operation, and every place where a client can name an object, for everybody who can ask.
# TestMatrix writes and checks this file; each cell comes of an operation that was really sent.
# After a change: go test ./server -run TestMatrix -update, and review the difference.
#
# A line with the name of a field is an operation, or another field that says what it needs (@can). Its cells are one letter:
#   +  open: what comes of it depends on what it is about
#   F  FORBIDDEN, whatever it names
#   U  UNAUTHENTICATED
#   P  public: open to nobody, too
# A line with more is a place where the field takes an ID or a number. Its cells have a letter for objects
#   1  of one's own: oneself, one's company, and there a contract that one was given rights on or whose number one connected
#   2  of a colleague: a master admin, and a contract whose number only that one connected
#   3  of a company below; while acting, of another customer of the agent's
#   4  of a company beside
#   5  of a company that transferred a contract to oneself: that contract, its order, and all else there
# namely
#   +  something is told or done that differs from the answer for a name that nothing has
#   -  the answer is to the byte that for a name that nothing has
#   .  there is none: no company is below a customer, and none is beside the operator
# or one letter, F or U, where it is the same whatever is named.
#
# general, approver, sub and master are users of a customer. The sub admin has VIEW and ORDER on the contract of 1, the master admin has
# connected its customer number. partner and service are agents in their own company; acting is an agent of a partner that acts
# for a customer: 1 and 2 are of that one. What agents reach through lists of customers counts as well.
`

// cell is a cell as the table shows it: one letter where all are refused alike.
func cell(letters string) string {
	for _, refused := range []string{"U", "F"} {
		if strings.Contains(letters, refused) && strings.Trim(letters, refused+".") == "" {
			return refused
		}
	}
	return letters
}

// table is the whole file.
func (m *matrix) table() string {
	width := 0
	for _, r := range m.rows {
		width = max(width, len(r.name))
	}
	line := func(name string, cell func(p persona) string) string {
		text := fmt.Sprintf("%-*s", width, name)
		for _, p := range personas {
			text += fmt.Sprintf("  %-*s", max(len(p.name), int(targets)), cell(p))
		}
		return strings.TrimRight(text, " ") + "\n"
	}
	text := tableHead + "\n" + line("#", func(p persona) string { return p.name })
	for _, r := range m.rows {
		text += line(r.name, func(p persona) string { return cell(m.cells[r.name][p.name]) })
	}
	return text
}

// parsed are the cells of a table by row and persona.
func parsed(table string) map[string]map[string]string {
	cells := map[string]map[string]string{}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) != len(personas)+1 || fields[0] == "#" {
			continue
		}
		cells[fields[0]] = map[string]string{}
		for i, p := range personas {
			cells[fields[0]][p.name] = fields[i+1]
		}
	}
	return cells
}

// compare holds what was found against the table that was checked in.
func (m *matrix) compare(t *testing.T) {
	t.Helper()
	found := m.table()
	if *update {
		if err := os.WriteFile(tableFile, []byte(found), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	content, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	if found == string(content) {
		return
	}
	want, got := parsed(string(content)), parsed(found)
	for name, cells := range got {
		if want[name] == nil {
			t.Errorf("%s is not in %s. %s", name, tableFile, howTo)
			continue
		}
		for _, p := range personas {
			if cells[p.name] != want[name][p.name] {
				t.Errorf("%s for %s is %s, and %s says %s. %s", name, p.name, cells[p.name], tableFile, want[name][p.name], howTo)
			}
		}
	}
	for name := range want {
		if got[name] == nil {
			t.Errorf("%s of %s is no operation and no place any more. %s", name, tableFile, howTo)
		}
	}
	if !t.Failed() {
		t.Errorf("%s is written otherwise. %s", tableFile, howTo)
	}
}
