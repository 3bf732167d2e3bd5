package export

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writeCSV writes what spreadsheets of the language open without questions: German
// ones want semicolons, decimal commas and a mark of UTF-8.
func writeCSV(w io.Writer, t Table) error {
	// The mark waits with the first rows: until these are there, an error can be told.
	begun := bufio.NewWriter(w)
	out := csv.NewWriter(begun) // uses that buffer as its own
	out.UseCRLF = true
	if t.Language == "de" {
		out.Comma = ';'
		if _, err := begun.WriteString("\uFEFF"); err != nil {
			return fmt.Errorf("writing CSV: %w", err)
		}
	}
	record := make([]string, len(t.Columns))
	for i, title := range t.Columns {
		record[i] = t.unquestioned(title)
	}
	if err := out.Write(record); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	for row, err := range t.Rows {
		if err != nil {
			return err
		}
		record = record[:0]
		for _, cell := range row {
			record = append(record, t.unquestioned(cell))
		}
		if err := out.Write(record); err != nil {
			return fmt.Errorf("writing CSV: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	return nil
}

// unquestioned is a cell that no spreadsheet takes for a formula: a text that
// begins like one gets an apostrophe. A number may begin with a minus.
func (t Table) unquestioned(cell any) string {
	if text, ok := cell.(string); ok && startsFormula(text) {
		return "'" + t.text(cell)
	}
	return t.text(cell)
}

// formulaStarts begin a formula in one spreadsheet or another, or let one begin
// after them; the wide forms are those of East Asian keyboards.
const formulaStarts = "=+-@＝＋－＠\t\r\n\x00"

// startsFormula also looks behind leading blanks and invisible characters, which
// some spreadsheets drop.
func startsFormula(text string) bool {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(text, func(r rune) bool {
		blank := unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
		return blank && !strings.ContainsRune(formulaStarts, r)
	}))
	return strings.ContainsRune(formulaStarts, first)
}
