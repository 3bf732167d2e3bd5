package cart

import (
	"encoding/csv"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"kontor/internal/fault"
	"kontor/internal/lang"
	"kontor/internal/money"
	"kontor/internal/sheet"
)

// Bounds of a text with positions: as many lines as a cart holds, and room for them.
const (
	maxCSVLines = maxPositions
	maxCSV      = 64 << 10
	maxSKU      = 64
)

// csvLine is a good line of a text with positions.
type csvLine struct {
	number   int // from 1, as a text editor counts
	sku      string
	quantity money.Decimal
}

// csvColumns are where a line has its product number and its quantity.
type csvColumns struct {
	sku, quantity int
	// width is how many values a line has at most: without a header, or where a comma
	// separates, one more is probably a part of a decimal.
	width int
}

// Words that name the two columns, without all that is no letter.
var (
	skuWords      = []string{"sku", "artikel", "artikelnummer", "artikelnr", "artnr", "produkt", "produktnummer", "produktnr", "item", "itemnumber", "itemno", "article", "articlenumber", "articleno", "product", "productnumber", "productno", "partnumber"}
	quantityWords = []string{"quantity", "qty", "menge", "anzahl", "stück", "stückzahl", "bestellmenge", "amount", "count", "pieces"}
)

// parseCSV reads the lines of a text with positions: product number and quantity, with
// a semicolon, a comma or a tab between them, with or without a header (CA-10). What is
// wrong with a line is told with its number; then the others are still good. Neither
// value ever spans lines, so a quote that is not closed spoils its own line only.
func parseCSV(text string) ([]csvLine, fault.List) {
	if utf8.RuneCountInString(text) > maxCSV {
		return nil, fault.List{fault.New("VALUE_TOO_LONG", "csv").With("max", maxCSV)}
	}
	text = strings.TrimPrefix(strings.ToValidUTF8(text, "\uFFFD"), "\uFEFF")
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	var (
		separator rune
		columns   *csvColumns
		good      []csvLine
		faults    fault.List
		seen      int
	)
	for i, line := range lines {
		number := i + 1
		if strings.Trim(line, " \t;,\"") == "" || separator == 0 && strings.HasPrefix(strings.ToLower(line), "sep=") {
			continue // empty, or how a spreadsheet names its separator
		}
		if separator == 0 {
			separator = sheet.Separator([]byte(line), ';', '\t', ',')
		}
		values, err := csvValues(line, separator)
		if columns == nil {
			header, isHeader, ok := csvHeader(values, separator)
			if isHeader && !ok {
				return nil, fault.List{inLine(number, fault.New("CSV_HEADER_INVALID"))}
			}
			columns = header
			if isHeader {
				continue
			}
		}
		if seen++; seen > maxCSVLines {
			return nil, fault.List{fault.New("TOO_MANY_ITEMS", "csv").With("max", maxCSVLines)}
		}
		read, bad := columns.read(number, values, err)
		if bad != nil {
			faults.Add(bad)
			continue
		}
		good = append(good, read)
	}
	if seen == 0 {
		return nil, fault.List{fault.New("VALUE_REQUIRED", "csv")}
	}
	return good, faults
}

// csvValues are the values of one line.
func csvValues(line string, separator rune) ([]string, error) {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma = separator
	values, err := r.Read()
	for i, value := range values {
		values[i] = strings.TrimSpace(value)
	}
	return values, err
}

// csvHeader tells whether the first line names columns, and whether it names the two
// that are needed, each once. A line with a number in it is none.
func csvHeader(values []string, separator rune) (columns *csvColumns, isHeader, ok bool) {
	columns = &csvColumns{sku: -1, quantity: -1, width: len(values)}
	for i, value := range values {
		word := strings.ToLower(strings.Map(func(r rune) rune {
			if !unicode.IsLetter(r) {
				return -1
			}
			return r
		}, value))
		for _, each := range []struct {
			words []string
			at    *int
		}{{skuWords, &columns.sku}, {quantityWords, &columns.quantity}} {
			if !slices.Contains(each.words, word) {
				continue
			}
			if *each.at >= 0 {
				return nil, true, false
			}
			*each.at, isHeader = i, true
		}
		if _, err := sheet.Decimal(value); !errors.Is(err, sheet.ErrNoDecimal) {
			isHeader = false
			break
		}
	}
	if !isHeader {
		return &csvColumns{sku: 0, quantity: 1, width: 2}, false, true
	}
	if separator != ',' {
		columns.width = math.MaxInt
	}
	return columns, true, columns.sku >= 0 && columns.quantity >= 0
}

// read is a line with its two values, or what is wrong with it.
func (c csvColumns) read(number int, values []string, err error) (csvLine, *fault.Fault) {
	line := csvLine{number: number}
	value := func(at int) string {
		if at < len(values) {
			return values[at]
		}
		return ""
	}
	if err != nil || slices.ContainsFunc(values[min(c.width, len(values)):], func(v string) bool { return v != "" }) {
		return line, inLine(number, fault.New("CSV_LINE_INVALID"))
	}
	var faults fault.List
	line.sku = fault.NeededAt(value(c.sku), maxSKU, []string{"sku"}, &faults)
	switch text := value(c.quantity); {
	case len(faults) > 0:
	case strings.ContainsRune(line.sku, utf8.RuneError):
		faults.Add(fault.New("CSV_ENCODING", "sku"))
	case text == "":
		faults.Add(fault.New("VALUE_REQUIRED", "quantity"))
	default:
		line.quantity, faults = csvQuantity(text)
	}
	if len(faults) > 0 {
		return line, inLine(number, faults[0])
	}
	return line, nil
}

func csvQuantity(text string) (money.Decimal, fault.List) {
	quantity, err := sheet.Decimal(text)
	var twofold *sheet.Ambiguous
	switch {
	case errors.As(err, &twofold):
		f := fault.New("QUANTITY_AMBIGUOUS", "quantity").With("text", twofold.Text)
		return quantity, fault.List{f.With("whole", twofold.Whole).With("places", twofold.Places)}
	case err != nil:
		return quantity, fault.List{fault.New("QUANTITY_INVALID", "quantity")}
	}
	return quantity, nil
}

// inLine tells a fault with the line that it is in: in its field and in its message.
func inLine(number int, f *fault.Fault) *fault.Fault {
	code, args := f.Code, f.Args
	f.Field = append([]string{"csv", strconv.Itoa(number)}, f.Field...)
	f.Text = func(language string) string {
		return lang.Text(language, "CSV_LINE", map[string]any{"line": number, "reason": lang.Text(language, code, args)})
	}
	return f
}
