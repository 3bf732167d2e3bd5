package export

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"kontor/internal/day"
	"kontor/internal/money"
)

// writeXLSX writes a workbook with real numbers and dates. Texts are texts, never
// formulas.
func writeXLSX(w io.Writer, t Table) (err error) {
	book := excelize.NewFile()
	defer func() {
		if closed := book.Close(); err == nil {
			err = closed
		}
	}()
	look, err := newStyles(book, t.Language)
	if err != nil {
		return fmt.Errorf("styling the workbook: %w", err)
	}
	out, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		return fmt.Errorf("beginning the sheet: %w", err)
	}
	if err := out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return fmt.Errorf("freezing the header: %w", err)
	}
	if err := out.SetColWidth(1, max(len(t.Columns), 1), 18); err != nil {
		return fmt.Errorf("setting widths: %w", err)
	}
	header := make([]any, len(t.Columns))
	for i, title := range t.Columns {
		header[i] = excelize.Cell{StyleID: look.header, Value: printable(title)}
	}
	if err := out.SetRow("A1", header); err != nil {
		return fmt.Errorf("writing the header: %w", err)
	}
	line := 1
	for row, err := range t.Rows {
		if err != nil {
			return err
		}
		line++
		if line > excelize.TotalRows {
			return ErrTooLong
		}
		cells := make([]any, len(row))
		for i, cell := range row {
			cells[i] = look.cell(cell)
		}
		if err := out.SetRow("A"+strconv.Itoa(line), cells); err != nil {
			return fmt.Errorf("writing row %d: %w", line, err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("ending the sheet: %w", err)
	}
	if err := book.Write(w); err != nil {
		return fmt.Errorf("writing the workbook: %w", err)
	}
	return nil
}

// styles are the numbers of a workbook's styles.
type styles struct{ header, date, moment, amount int }

func newStyles(book *excelize.File, language string) (look styles, err error) {
	date := "yyyy-mm-dd"
	if language == "de" {
		date = "dd.mm.yyyy"
	}
	// Spreadsheets show the separators of their own language.
	moment, amount := date+" hh:mm", "#,##0.00##"
	for _, s := range []struct {
		number *int
		style  excelize.Style
	}{
		{&look.header, excelize.Style{Font: &excelize.Font{Bold: true}}},
		{&look.date, excelize.Style{CustomNumFmt: &date}},
		{&look.moment, excelize.Style{CustomNumFmt: &moment}},
		{&look.amount, excelize.Style{CustomNumFmt: &amount}},
	} {
		if *s.number, err = book.NewStyle(&s.style); err != nil {
			return look, err
		}
	}
	return look, nil
}

func (look styles) cell(cell any) any {
	switch v := cell.(type) {
	case nil:
		return nil
	case money.Decimal:
		return number(v)
	case money.Money:
		return excelize.Cell{StyleID: look.amount, Value: number(v.Amount)}
	case day.Day:
		at, err := time.Parse(time.DateOnly, string(v))
		if err != nil {
			return printable(string(v))
		}
		return excelize.Cell{StyleID: look.date, Value: at}
	case time.Time:
		return excelize.Cell{StyleID: look.moment, Value: v.UTC()}
	default:
		return printable(fmt.Sprint(v))
	}
}

// number is a decimal as workbooks keep all numbers: a binary one, exact to 15
// digits. One that is longer stays a text, rather than become another number.
func number(d money.Decimal) any {
	digits := strings.Trim(strings.Replace(d.String(), ".", "", 1), "-0")
	value, err := strconv.ParseFloat(d.String(), 64)
	if err != nil || len(digits) > 15 {
		return d.String()
	}
	return value
}
