// Command columns writes the documentation of what can be imported (docs/import.md) from the tables
// of package erp: it is in the repository, and CI fails when it is stale.
package main

import (
	"fmt"
	"os"
	"strings"

	"kontor/internal/erp"
)

// about says what is in a file of a kind, where the columns do not say it.
var about = map[erp.Kind]string{
	erp.Tenants:   "Parents come before their children, the operator first. Operators are imported by the command line only.",
	erp.Users:     "By the command line only: they come with roles and passwords. Superiors come before their sub admins.",
	erp.Products:  "As BMEcat, too: [what is read into what](bmecat.md).",
	erp.Prices:    "As BMEcat, too: [what is read into what](bmecat.md).",
	erp.Documents: "A document lies beside the file that names it. Through the API it is a ZIP archive with `documents.csv` (or `documents.ndjson`) and the files.",
}

const intro = `# Import

<!-- Written by "make generate" from internal/erp: change it there. -->

Master data, contracts, prices, orders, bookings and documents come from the operator's ERP (CO-05), by the command line (` + "`kontor import --kind KIND FILE`" + `) or
through the API (` + "`importData`" + `, for service agents). Both do the same:

- **Good rows go in**, bad ones are told with their line and what is wrong, all of it at once. Or all or none (` + "`--mode all_or_none`, `mode: ALL_OR_NONE`" + `):
  then everything is one transaction, and where one row is bad nothing goes in. What it changes is held until its end: orders that call off from
  such a contract wait or are told to try again, and on SQLite nothing else is written meanwhile.
- **Repeatable.** The same file once more changes nothing, and says so. A row names what it is about by its own key (such as organization ID and number), so
  there are no doubles.
- **Interrupted imports go on where they were.** On the command line with the same file once more; through the API by themselves, on whichever replica.
- **One at a time of each kind.** Imports through the API wait for each other, the command line says that one is going on.
- **Kinds depend on each other** in the order below: prices need their products, documents their orders.
- Files are read row by row, however large they are; contracts go in many at a time, at about the pace of COPY (` + "`make bench`" + `).
- Decimal columns are exact: nothing is rounded.

`

func main() {
	var text strings.Builder
	text.WriteString(intro)
	text.WriteString("## How values are written\n\n```\n" + erp.Conventions + "```\n")
	for _, kind := range erp.Kinds() {
		fmt.Fprintf(&text, "\n## %s\n\n", kind)
		if about[kind] != "" {
			text.WriteString(about[kind] + "\n\n")
		}
		text.WriteString(erp.Markdown(kind))
	}
	if err := os.WriteFile(os.Args[1], []byte(text.String()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
