package server_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/internal/lang"
	"kontor/server/servertest"
)

// download is one thing that is offered as files: who asks for it by which query, with $format.
type download struct {
	name, query string
	viewer      *servertest.Client
}

// confirmation is the one of them that is a PDF only.
const confirmation = "confirmation"

// downloads are all kinds of files, with texts in them that spreadsheets take for formulas.
func downloads(t *testing.T, k *servertest.Kontor) []download {
	t.Helper()
	martha, malte := shopperAs(t, k, "martha.hansen"), k.As(t, "malte.brandt")
	martha.add(item("TEL-DT-0101", "2"), item("NET-GF-0606", "110")).OK(t)
	martha.do("UpdateCart", map[string]any{"name": `=HYPERLINK("http://evil")`, "customerOrderNumber": "-1+1", "referenceNumber": "@R"}).OK(t)
	martha.place(map[string]any{"idempotencyKey": "formula"}).OK(t)
	martha.add(item("TEL-DT-0101", "12", "wishedDate", "2026-12-24"), item("NET-GF-0606", "110")).OK(t)
	martha.do("UpdateCart", map[string]any{"name": "+1 Größe; \"mehr\""}).OK(t)
	order := martha.Do(t, `{ orders(first: 1) { nodes { number } } }`, nil).OK(t).String(t, "orders.nodes.0.number")
	group := malte.Do(t, `{ conversionAccount { alloyGroups { id } } }`, nil).OK(t).String(t, "conversionAccount.alloyGroups.0.id")
	// The ERP may send anything.
	booked(t, k.SQL(t), columnOf(t, k.SQL(t), `SELECT id FROM alloy_groups WHERE code = 'CU-SN12'`)[0], "2026-11-20", 1_2345)
	const file = `download(format: $format) { url }`
	return []download{
		{"orders", `{ file: orders(first: 1) { ` + file + ` } }`, martha.Client},
		{"contracts", `{ file: contracts(first: 1) { ` + file + ` } }`, martha.Client},
		{"agreements", `{ file: contracts(first: 1) { ` + file + ` } }`, malte},
		{"bookings", `{ node(id: "` + group + `") { ... on AlloyGroup { file: bookings(first: 1) { ` + file + ` } } } }`, malte},
		{"audit", `{ file: auditLog(first: 1) { ` + file + ` } }`, martha.Client},
		{"cart", `{ file: cart { ` + file + ` } }`, martha.Client},
		{confirmation, `{ orderReceipt(number: "` + order + `") { documents { download { url } } } }`, martha.Client},
	}
}

var urls = regexp.MustCompile(`"url":\s*"([^"]+)"`)

// get is the file in a language and format.
func (d download) get(t *testing.T, language, format string) string {
	t.Helper()
	d.viewer.Header["Accept-Language"] = language
	query, vars := d.query, servertest.Vars{}
	if strings.Contains(query, "$format") {
		query, vars["format"] = `query($format: ExportFormat!) `+query, format
	}
	answer := d.viewer.Do(t, query, vars).OK(t)
	found := urls.FindSubmatch(answer.Body)
	if found == nil {
		t.Fatalf("%s: there is no link in %s", d.name, answer.Body)
	}
	status, content, _ := get(t, d.viewer, string(found[1]))
	if status != http.StatusOK {
		t.Fatalf("%s as %s: %d %s", d.name, format, status, content)
	}
	return content
}

// Columns that are no texts; all others are, whatever is in them.
var (
	numberColumns = []string{"position", "quantity", "unit_price", "line_total", "tax_rate", "net", "tax", "gross", "agreed_quantity", "called_off_quantity", "open_quantity", "balance"}
	dateColumns   = []string{"at", "placed_at", "valid_from", "valid_to", "booked_on", "wished_date"}
)

// LibreOffice opens every list without a warning, and finds in the workbook what the CSV file says:
// numbers that it counts with, dates and texts, none of them a formula.
//
// Requirement: CO-02
// Case: IO-01
func TestOfficeOpensFiles(t *testing.T) {
	k, folder := startForPrograms(t)
	own := map[string]string{} // the CSV files of Kontor by the name that LibreOffice's have
	var books, sheets []string
	for _, d := range downloads(t, k) {
		if d.name == confirmation {
			continue
		}
		for _, language := range []string{"de", "en"} {
			name := d.name + "-" + language
			own[name] = d.get(t, language, "CSV")
			book := d.get(t, language, "XLSX")
			books = append(books, keep(t, folder, name+".xlsx", book))
			if formulas(t, book) {
				t.Errorf("%s has a formula", name)
			}
			if language == "de" {
				sheets = append(sheets, keep(t, folder, name+".csv", own[name]))
			}
		}
	}
	// Semicolons, UTF-8, from the first line, every text in quotes; the last word is whether formulas are shown.
	office(t, folder, "books", "", "csv:Text - txt - csv (StarCalc):59,34,76,1,,0,true,true,false", books)
	office(t, folder, "sheets", "Text - txt - csv (StarCalc):59,34,76,1,,1031,false,true", "csv:Text - txt - csv (StarCalc):59,34,76,1,,0,true,true,true", sheets)
	for name, content := range own {
		language := name[len(name)-2:]
		want, got := cellsOf(strings.TrimPrefix(content, "\ufeff"), map[string]byte{"de": ';', "en": ','}[language]), cellsOf(read(t, filepath.Join(folder, "books", name+".csv")), ';')
		compareCells(t, name, language, want, got)
		if language != "de" {
			continue
		}
		for i, row := range cellsOf(read(t, filepath.Join(folder, "sheets", name+".csv")), ';') {
			for j, cell := range row {
				if is := want[i][j].text; strings.HasPrefix(is, "'") && cell.text != is || strings.HasPrefix(cell.text, "=") {
					t.Errorf("%s, row %d: %q was opened as %q", name, i+1, is, cell.text)
				}
			}
		}
	}
}

func compareCells(t *testing.T, name, language string, want, got [][]sheetCell) {
	t.Helper()
	if len(got) != len(want) || len(want) < 2 {
		t.Errorf("%s: %d rows in the workbook, %d in the CSV file", name, len(got), len(want))
		return
	}
	titles := func(columns []string) []string {
		var all []string
		for _, column := range columns {
			all = append(all, lang.Text(language, "COLUMN_"+column, nil))
		}
		return all
	}
	numbers, dates := titles(numberColumns), titles(dateColumns)
	for i := range want {
		if len(got[i]) != len(want[i]) {
			t.Errorf("%s, row %d: %d cells, not %d", name, i+1, len(got[i]), len(want[i]))
			continue
		}
		for j, is := range got[i] {
			text, title := want[i][j].text, want[0][j].text
			number, date := slices.Contains(numbers, title), slices.Contains(dates, title)
			said := is.text
			switch {
			case i > 0 && number:
				said, text = plainNumber(said), plainNumber(text)
			case i > 0 && date:
				said, text = plainDate(t, said), plainDate(t, text)
			default:
				text = strings.TrimPrefix(text, "'")
			}
			if said != text {
				t.Errorf("%s, %s, row %d: the workbook has %q, the CSV file %q", name, title, i+1, said, text)
			}
			if is.text != "" && is.quoted == (i > 0 && (number || date)) {
				t.Errorf("%s, %s, row %d: %q is a text: %v", name, title, i+1, is.text, is.quoted)
			}
		}
	}
}

// plainNumber is a number without zeros at its end, with a point: what it is, not how it is written.
func plainNumber(text string) string {
	text = strings.ReplaceAll(text, ",", ".")
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// plainDate is a date or a moment, in the way of Kontor or of LibreOffice, in one way.
func plainDate(t *testing.T, text string) string {
	t.Helper()
	if text == "" {
		return ""
	}
	for _, layout := range []string{"2006-01-02", "02.01.2006", "01/02/2006"} {
		for _, clock := range []string{"", " 15:04", " 15:04:05"} {
			if at, err := time.Parse(layout+clock, text); err == nil {
				return at.Format(time.DateTime)
			}
		}
	}
	t.Errorf("%q is no date", text)
	return text
}

// Poppler finds nothing wrong with any PDF, and draws it.
//
// Requirement: CO-02
func TestPopplerDrawsFiles(t *testing.T) {
	k, folder := startForPrograms(t)
	for _, d := range downloads(t, k) {
		path := keep(t, folder, d.name+".pdf", d.get(t, "de", "PDF"))
		if said := ran(t, "pdfinfo", path); !regexp.MustCompile(`(?m)^Pages:\s+[1-9]`).MatchString(said) {
			t.Errorf("%s has no pages: %s", d.name, said)
		}
		ran(t, "pdftoppm", "-r", "80", "-png", "-f", "1", "-l", "1", path, strings.TrimSuffix(path, ".pdf"))
	}
}

// startForPrograms starts Kontor where the programs are wanted, and gives a folder for their files, which
// is kept where KONTOR_TEST_FILES says so.
func startForPrograms(t *testing.T) (*servertest.Kontor, string) {
	t.Helper()
	if os.Getenv("KONTOR_OFFICE") == "" {
		t.Skip("opens files with LibreOffice and Poppler: run make check-exports")
	}
	folder := os.Getenv("KONTOR_TEST_FILES")
	if folder == "" {
		folder = t.TempDir()
	}
	return servertest.Start(t, servertest.Backends[0]), folder
}

func keep(t *testing.T, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// office converts files, with a profile of its own, so that it meets no other LibreOffice.
func office(t *testing.T, folder, out, from, to string, files []string) {
	t.Helper()
	args := []string{"--headless", "--norestore", "-env:UserInstallation=file://" + filepath.Join(t.TempDir(), "profile")}
	if from != "" {
		args = append(args, "--infilter="+from)
	}
	ran(t, "soffice", append(append(args, "--convert-to", to, "--outdir", filepath.Join(folder, out)), files...)...)
}

// ran runs a program that has nothing to complain about, and gives what it says.
func ran(t *testing.T, program string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, args...)
	var said, complained bytes.Buffer
	command.Stdout, command.Stderr = &said, &complained
	err := command.Run()
	// LibreOffice looks for a Java that it does not need here.
	if warned := regexp.MustCompile(`(?m)^.*javaldx.*\n?`).ReplaceAllString(complained.String(), ""); err != nil || strings.TrimSpace(warned) != "" {
		t.Errorf("%s: %v %s", program, err, warned)
	}
	return said.String()
}

// formulas tells whether a workbook has any.
func formulas(t *testing.T, book string) bool {
	t.Helper()
	archive, err := zip.NewReader(strings.NewReader(book), int64(len(book)))
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := archive.Open("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer sheet.Close()
	content, err := io.ReadAll(sheet)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(content, []byte("<f>")) || bytes.Contains(content, []byte("<f "))
}

// sheetCell is a cell of a CSV file, and whether it stands in quotes, which a reader does not tell.
type sheetCell struct {
	text   string
	quoted bool
}

func cellsOf(content string, separator byte) [][]sheetCell {
	var all [][]sheetCell
	var row []sheetCell
	for content != "" {
		var cell sheetCell
		if content[0] == '"' {
			cell.quoted = true
			for content = content[1:]; ; content = content[1:] {
				if strings.HasPrefix(content, `""`) {
					content = content[1:]
				} else if content[0] == '"' {
					content = content[1:]
					break
				}
				cell.text += content[:1]
			}
		} else {
			end := strings.IndexAny(content, fmt.Sprintf("%c\r\n", separator))
			if end < 0 {
				end = len(content)
			}
			cell.text, content = content[:end], content[end:]
		}
		row = append(row, cell)
		if content != "" && content[0] == separator {
			content = content[1:]
			continue
		}
		content = strings.TrimPrefix(strings.TrimPrefix(content, "\r"), "\n")
		all, row = append(all, row), nil
	}
	return all
}
