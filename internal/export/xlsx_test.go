package export

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"kontor/internal/money"
)

func workbook(t *testing.T, table Table) (*excelize.File, []byte) {
	t.Helper()
	content := fileOf(t, XLSX, table)
	book, err := excelize.OpenReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = book.Close() })
	return book, content
}

// Numbers and dates are numbers and dates, so that they can be added and sorted.
//
// Requirement: CO-02
func TestXLSXHasRealNumbersAndDates(t *testing.T) {
	for language, date := range map[string]string{"de": "23.11.2026", "en": "2026-11-23"} {
		book, _ := workbook(t, list(language, columns, cells, []any{"", money.MustParse("12345678901234.5678")}))
		for cell, want := range map[string]string{"A2": cells[0].(string), "B2": "-2.5", "C2": date, "D2": date + " 09:04", "E2": "1,234.50", "F2": ""} {
			if got, err := book.GetCellValue("Sheet1", cell); err != nil || got != want {
				t.Errorf("%s shows %q, %v, want %q", cell, got, err, want)
			}
		}
		for cell, want := range map[string]string{"B2": "-2.5", "C2": "46349", "E2": "1234.5", "B3": "12345678901234.5678"} {
			got, err := book.GetCellValue("Sheet1", cell, excelize.Options{RawCellValue: true})
			if err != nil || got != want {
				t.Errorf("%s holds %q, %v, want %q", cell, got, err, want)
			}
		}
		// A number without a type is what the format calls a number.
		for cell, text := range map[string]bool{"A2": true, "B2": false, "C2": false, "D2": false, "E2": false, "B3": true} {
			kind, err := book.GetCellType("Sheet1", cell)
			if err != nil || (kind == excelize.CellTypeInlineString) != text || (kind == excelize.CellTypeUnset) == text {
				t.Errorf("%s is of type %d, %v", cell, kind, err)
			}
		}
		checkHeader(t, book)
	}
}

func checkHeader(t *testing.T, book *excelize.File) {
	t.Helper()
	panes, err := book.GetPanes("Sheet1")
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("the header is not frozen: %+v, %v", panes, err)
	}
	number, err := book.GetCellStyle("Sheet1", "A1")
	if err != nil {
		t.Fatal(err)
	}
	if style, err := book.GetStyle(number); err != nil || style.Font == nil || !style.Font.Bold {
		t.Errorf("the header is not bold: %v", err)
	}
}

// Case: IO-02
func TestXLSXHasNoFormula(t *testing.T) {
	texts := slices.Concat(formulas, hostile)
	rows := make([][]any, len(texts))
	for i, text := range texts {
		rows[i] = []any{text}
	}
	book, content := workbook(t, list("de", []string{"=HYPERLINK(\"http://x\")"}, rows...))
	for i := range len(rows) + 1 {
		cell, err := excelize.CoordinatesToCellName(1, i+1)
		if err != nil {
			t.Fatal(err)
		}
		kind, err := book.GetCellType("Sheet1", cell)
		if err != nil || kind != excelize.CellTypeInlineString {
			t.Errorf("row %d is of type %d, %v", i, kind, err)
		}
		if formula, err := book.GetCellFormula("Sheet1", cell); err != nil || formula != "" {
			t.Errorf("row %d is a formula: %q, %v", i, formula, err)
		}
	}
	if got, err := book.GetCellValue("Sheet1", "A2"); err != nil || got != formulas[0] {
		t.Errorf("a text became %q, %v", got, err)
	}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range archive.File {
		checkPart(t, part)
	}
}

// checkPart looks into a part of the workbook for what may not be there.
func checkPart(t *testing.T, part *zip.File) {
	t.Helper()
	if strings.Contains(part.Name, "externalLink") || strings.Contains(part.Name, "vba") || strings.Contains(part.Name, "embeddings") {
		t.Errorf("there is a part %s", part.Name)
	}
	reader, err := part.Open()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"<f>", "<f ", `TargetMode="External"`, "<hyperlink", "\x00", "\x01", "\v"} {
		if bytes.Contains(content, []byte(wrong)) {
			t.Errorf("%s holds %q", part.Name, wrong)
		}
	}
}

// A workbook has a million rows and some; what is longer is refused, before anything is sent.
//
// Requirement: CO-02
// Case: IO-03
func TestXLSXTooLong(t *testing.T) {
	row := []any{"x"}
	table := Table{Title: "x", Columns: []string{"x"}, Language: "en", Rows: func(yield func([]any, error) bool) {
		for range excelize.TotalRows {
			if !yield(row, nil) {
				return
			}
		}
	}}
	var sent bytes.Buffer
	if err := Write(&sent, XLSX, table); !errors.Is(err, ErrTooLong) || sent.Len() > 0 {
		t.Errorf("%v, after %d bytes", err, sent.Len())
	}
}
