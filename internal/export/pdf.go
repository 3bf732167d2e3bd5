package export

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// Sizes of the page in millimetres and of its type in points.
const (
	margin     = 12.0
	pageWidth  = 297.0
	lineHeight = 5.0
	padding    = 2.0
	small      = 6.5
)

// maxPDFRows bounds a PDF, which is made in memory: some 300 pages. Nobody prints
// more, and the other formats have no such bound.
const maxPDFRows = 10_000

// maxRunes is more of a cell than fits on a page.
const maxRunes = 200

// ErrTooLong says that a table has more rows than fit into a file of the format;
// nothing has been written then.
var ErrTooLong = errors.New("the table is too long for this format")

// pages stands for the number of pages until it is known. It begins with a mark
// that printable leaves out, so that no cell holds it.
const pages = "\u200e{pages}"

// paper is a PDF in the making.
type paper struct {
	*fpdf.Fpdf
	font   *sfnt.Font
	buffer sfnt.Buffer
	title  []string // of the columns
	widths []float64
	aligns []string
}

// writePDF writes a table to print: A4 across, with the header on every page. It
// draws text and lines only; nothing in a cell becomes a link or an action.
func writePDF(w io.Writer, t Table) error {
	font, err := glyphs()
	if err != nil {
		return fmt.Errorf("reading the font of PDFs: %w", err)
	}
	p := &paper{Fpdf: fpdf.New("L", "mm", "A4", ""), font: font, aligns: slices.Repeat([]string{"L"}, len(t.Columns))}
	lines, err := p.read(t)
	if err != nil {
		return err
	}
	p.SetTitle(t.Title, true)
	p.SetDisplayMode("default", "default") // anything else is an action
	p.AddUTF8FontFromBytes("go", "", goregular.TTF)
	p.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	p.SetMargins(margin, margin, margin)
	p.SetAutoPageBreak(true, margin+6)
	p.AliasNbPages(pages)
	p.measure(lines)
	p.SetHeaderFunc(func() {
		p.SetFont("go", "B", 12)
		p.CellFormat(0, 8, p.drawable(t.Title), "", 1, "L", false, 0, "")
		p.line(p.title, "B", "B")
	})
	p.SetFooterFunc(func() {
		p.SetY(-margin)
		p.SetFont("go", "", small)
		format := "Page %d of %s"
		if t.Language == "de" {
			format = "Seite %d von %s"
		}
		p.CellFormat(0, lineHeight, fmt.Sprintf(format, p.PageNo(), pages), "", 0, "L", false, 0, "")
	})
	p.AddPage()
	for _, texts := range lines {
		p.line(texts, "", "")
	}
	if err := p.Output(w); err != nil {
		return fmt.Errorf("writing the PDF: %w", err)
	}
	return nil
}

// read takes the whole table: how wide the columns are depends on what is in them.
func (p *paper) read(t Table) (lines [][]string, err error) {
	for _, title := range t.Columns {
		p.title = append(p.title, p.drawable(title))
	}
	for row, err := range t.Rows {
		if err != nil {
			return nil, err
		}
		if len(lines) == maxPDFRows {
			return nil, fmt.Errorf("%w: a PDF has at most %d rows", ErrTooLong, maxPDFRows)
		}
		texts := make([]string, len(row))
		for i, cell := range row {
			texts[i] = p.drawable(t.text(cell))
			if isNumber(cell) {
				p.aligns[i] = "R"
			}
		}
		lines = append(lines, texts)
	}
	return lines, nil
}

// measure gives narrow columns what they need and lets wide ones share the rest.
func (p *paper) measure(lines [][]string) {
	p.SetFont("go", "B", small)
	for _, title := range p.title {
		p.widths = append(p.widths, p.GetStringWidth(title)+padding)
	}
	p.SetFont("go", "", small)
	for _, texts := range lines {
		for i, text := range texts {
			p.widths[i] = max(p.widths[i], p.GetStringWidth(text)+padding)
		}
	}
	rest, widest := pageWidth-2*margin, math.MaxFloat64
	for i, width := range slices.Sorted(slices.Values(p.widths)) {
		equal := rest / float64(len(p.widths)-i)
		if width > equal {
			widest = equal
			break
		}
		rest -= width
	}
	for i := range p.widths {
		p.widths[i] = min(p.widths[i], widest)
	}
}

func (p *paper) line(texts []string, style, border string) {
	p.SetFont("go", style, small)
	for i, text := range texts {
		p.CellFormat(p.widths[i], lineHeight, p.fit(text, p.widths[i]-padding), border, 0, p.aligns[i], false, 0, "")
	}
	p.Ln(lineHeight)
}

// fit shortens a text that is wider than its column.
func (p *paper) fit(text string, width float64) string {
	const rounding = 0.01
	if p.GetStringWidth(text) <= width+rounding {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && p.GetStringWidth(string(runes)+"…") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// glyphs is the font as far as it tells which characters it has: in both of its
// weights the same.
var glyphs = sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(goregular.TTF) })

// drawable is the text as far as a line can hold it, with a box for each character
// that the font does not have.
func (p *paper) drawable(text string) string { return p.whole(text, maxRunes) }

// whole is drawable for a text that takes several lines.
func (p *paper) whole(text string, longest int) string {
	var runes []rune
	for _, r := range printable(text) {
		if len(runes) == longest {
			return string(runes) + "…"
		}
		if glyph, err := p.font.GlyphIndex(&p.buffer, r); err != nil || glyph == 0 {
			r = '□'
		}
		runes = append(runes, r)
	}
	return string(runes)
}
