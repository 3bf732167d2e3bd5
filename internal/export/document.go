package export

import (
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"

	"kontor/internal/money"
)

// Document is a page to file: who it is from, what it is about, positions and totals.
// Cells are those of Table, with thousands parted in amounts.
type Document struct {
	Title, Language string
	// From is the letterhead: a name, and lines below it.
	From []string
	// Facts are shown above the positions, in two columns; empty ones are left out.
	Facts     []Fact
	Columns   []DocumentColumn
	Positions []DocumentPosition
	Totals    []Fact
	// Closing is what there is to say below the totals, in lines.
	Closing string
	// Empty stands where there is no position.
	Empty string
	// Made is when it was made, now if empty. With it, the same document is the same file.
	Made time.Time
}

// Fact is a value with its name.
type Fact struct {
	Name  string
	Value any
}

// DocumentColumn is a column of positions; one of width 0 takes what is left.
type DocumentColumn struct {
	Title string
	Width float64 // in millimetres
	Right bool
}

// DocumentPosition is a line of the table, and what is to be said below it.
type DocumentPosition struct {
	Cells []any
	Notes []string
}

// Sizes of the sheet in millimetres and of its type in points.
const (
	sheetWidth, sheetHeight = 210.0, 297.0
	side                    = 18.0
	foot                    = 20.0
	normal, note            = 8.5, 7.5
	row, noteRow            = 4.6, 3.8
)

// WriteDocument writes a document as PDF: A4 upright, text and lines only.
func WriteDocument(w io.Writer, d Document) error {
	font, err := glyphs()
	if err != nil {
		return fmt.Errorf("reading the font of PDFs: %w", err)
	}
	s := &sheet{paper: paper{Fpdf: fpdf.New("P", "mm", "A4", ""), font: font}, Document: d}
	s.SetTitle(s.drawable(d.Title), true)
	s.SetCreationDate(d.Made)
	s.SetModificationDate(d.Made)
	s.SetCatalogSort(true)
	s.SetDisplayMode("default", "default") // anything else is an action
	s.AddUTF8FontFromBytes("go", "", goregular.TTF)
	s.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	s.SetMargins(side, side, side)
	s.SetAutoPageBreak(false, foot)
	s.AliasNbPages(pages)
	s.SetFooterFunc(func() {
		s.SetY(-foot + 6)
		s.SetFont("go", "", note)
		s.CellFormat(0, row, fmt.Sprintf("%d/%s", s.PageNo(), pages), "", 0, "C", false, 0, "")
	})
	s.spread()
	s.AddPage()
	s.letterhead()
	s.facts()
	s.head()
	for _, p := range d.Positions {
		s.position(p)
	}
	if len(d.Positions) == 0 {
		s.SetFont("go", "", normal)
		s.CellFormat(0, 2*row, s.drawable(d.Empty), "", 1, "L", false, 0, "")
	}
	s.totals()
	s.closing()
	if err := s.Output(w); err != nil {
		return fmt.Errorf("writing the PDF: %w", err)
	}
	return nil
}

// sheet is a document in the making.
type sheet struct {
	paper
	Document
	columns []float64
}

// spread gives the columns without a width what the others leave.
func (s *sheet) spread() {
	left, open := sheetWidth-2*side, 0
	for _, c := range s.Columns {
		left -= c.Width
		if c.Width == 0 {
			open++
		}
	}
	for _, c := range s.Columns {
		if c.Width == 0 {
			c.Width = left / float64(open)
		}
		s.columns = append(s.columns, c.Width)
	}
}

func (s *sheet) letterhead() {
	for i, text := range s.From {
		style, size := "", note
		if i == 0 {
			style, size = "B", 11
		}
		s.SetFont("go", style, size)
		s.CellFormat(0, row, s.fit(s.drawable(text), sheetWidth-2*side), "", 1, "R", false, 0, "")
	}
	s.Ln(8)
	s.SetFont("go", "B", 15)
	s.CellFormat(0, 9, s.drawable(s.Title), "", 1, "L", false, 0, "")
	s.Ln(2)
}

// facts fills two columns, one row after the other.
func (s *sheet) facts() {
	const label = 34.0
	half, column := (sheetWidth-2*side)/2, 0
	top, lowest := s.GetY(), s.GetY()
	for _, f := range s.Facts {
		text := s.text(f.Value)
		if text == "" {
			continue
		}
		s.SetFont("go", "", normal)
		lines := s.SplitText(s.drawable(text), half-label-4)
		x := side + float64(column)*half
		s.SetXY(x, top)
		s.SetTextColor(90, 90, 90)
		s.CellFormat(label, row, s.fit(s.drawable(f.Name), label-2), "", 0, "L", false, 0, "")
		s.SetTextColor(0, 0, 0)
		for i, line := range lines {
			s.SetXY(x+label, top+float64(i)*row)
			s.CellFormat(half-label-4, row, line, "", 0, "L", false, 0, "")
		}
		lowest = max(lowest, top+float64(len(lines))*row)
		if column = 1 - column; column == 0 {
			top = lowest + 0.8
		}
	}
	s.SetXY(side, lowest+6)
}

// head is the head of the table, again on each page.
func (s *sheet) head() {
	s.SetFont("go", "B", normal)
	for i, c := range s.Columns {
		s.CellFormat(s.columns[i], row+1.4, s.fit(s.drawable(c.Title), s.columns[i]-padding), "B", 0, alignment(c), false, 0, "")
	}
	s.Ln(row + 2.4)
}

func alignment(c DocumentColumn) string {
	if c.Right {
		return "R"
	}
	return "L"
}

// position keeps a line and its notes together.
func (s *sheet) position(p DocumentPosition) {
	s.SetFont("go", "", normal)
	cells, height := make([][]string, len(p.Cells)), 1
	for i, cell := range p.Cells {
		cells[i] = s.wrapped(s.drawable(s.text(cell)), s.columns[i]-padding)
		height = max(height, len(cells[i]))
	}
	s.SetFont("go", "", note)
	indent := s.columns[0]
	var notes []string
	for _, text := range p.Notes {
		notes = append(notes, s.wrapped(s.drawable(text), sheetWidth-2*side-indent)...)
	}
	needed := float64(height)*row + float64(len(notes))*noteRow
	s.room(needed)
	s.SetFont("go", "", normal)
	top := s.GetY()
	x := side
	for i, lines := range cells {
		for j, line := range lines {
			s.SetXY(x, top+float64(j)*row)
			s.CellFormat(s.columns[i], row, line, "", 0, alignment(s.Columns[i]), false, 0, "")
		}
		x += s.columns[i]
	}
	s.SetFont("go", "", note)
	s.SetTextColor(90, 90, 90)
	for j, line := range notes {
		s.SetXY(side+indent, top+float64(height)*row+float64(j)*noteRow)
		s.CellFormat(0, noteRow, line, "", 0, "L", false, 0, "")
	}
	s.SetTextColor(0, 0, 0)
	s.SetDrawColor(215, 215, 215)
	s.Line(side, top+needed+0.8, sheetWidth-side, top+needed+0.8)
	s.SetDrawColor(0, 0, 0)
	s.SetXY(side, top+needed+1.6)
}

// room begins a page where the present one has not so much left.
func (s *sheet) room(height float64) {
	if s.GetY()+height > sheetHeight-foot {
		s.AddPage()
		s.head()
	}
}

// wrapped is a text in lines, each of which fits: a word that is too long for one is cut.
func (s *sheet) wrapped(text string, width float64) []string {
	lines := s.SplitText(text, width+2*s.GetCellMargin())
	for i, line := range lines {
		lines[i] = s.fit(strings.TrimSpace(line), width)
	}
	return lines
}

func (s *sheet) totals() {
	height := float64(len(s.Totals)) * (row + 0.6)
	if s.GetY()+height+3 > sheetHeight-foot {
		s.AddPage()
	}
	s.Ln(2)
	for i, f := range s.Totals {
		style, border := "", ""
		if i == len(s.Totals)-1 {
			style, border = "B", "T"
		}
		s.SetFont("go", style, normal+0.5)
		s.SetX(sheetWidth - side - 80)
		s.CellFormat(40, row+0.6, s.drawable(f.Name), border, 0, "L", false, 0, "")
		s.CellFormat(40, row+0.6, s.drawable(s.text(f.Value)), border, 1, "R", false, 0, "")
	}
}

// closing is said in the width of the sheet, over as many pages as it takes.
func (s *sheet) closing() {
	if s.Closing == "" {
		return
	}
	s.SetFont("go", "", normal)
	s.Ln(row)
	for paragraph := range strings.SplitSeq(s.Closing, "\n") {
		lines := s.wrapped(s.whole(paragraph, len(paragraph)), sheetWidth-2*side)
		if len(lines) == 0 {
			lines = []string{""}
		}
		for _, line := range lines {
			if s.GetY()+row > sheetHeight-foot {
				s.AddPage()
			}
			s.CellFormat(0, row, line, "", 1, "L", false, 0, "")
		}
	}
}

// Measured is a cell with a number and its unit.
type Measured struct {
	Amount money.Decimal
	Unit   string
}

// text is a cell as people read it on paper.
func (s *sheet) text(cell any) string {
	switch v := cell.(type) {
	case money.Money:
		return inThousands(Text(v.Amount, s.Language), s.Language) + " " + v.Currency
	case Measured:
		return inThousands(Text(v.Amount, s.Language), s.Language) + " " + v.Unit
	default:
		return Text(cell, s.Language)
	}
}

// Text is a cell as people of the language read it.
func Text(cell any, language string) string { return Table{Language: language}.text(cell) }

// inThousands parts the thousands of a number.
func inThousands(number, language string) string {
	mark, point := ",", "."
	if language == "de" {
		mark, point = ".", ","
	}
	whole, rest, hasRest := strings.Cut(number, point)
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + mark + whole[i:]
	}
	if hasRest {
		rest = point + rest
	}
	return sign + whole + rest
}
