package erp

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"kontor/internal/day"
)

// Option tells a Reader what a file cannot say.
type Option func(*options)

type options struct {
	buyer string
	today day.Day
}

// WithBuyer is the organization_id of who pays the prices of a BMEcat file (CO-06). It counts before
// the buyer that the file names, which often is a number of another system; empty: that of the file.
func WithBuyer(organization string) Option { return func(o *options) { o.buyer = trim(organization) } }

// On is the day on which prices of a BMEcat file must be valid to be taken; without it: today.
func On(d day.Day) Option { return func(o *options) { o.today = d } }

// WithBuyer says who pays the prices of BMEcat files, as the option does (CO-06).
func (i *Importer) WithBuyer(organization string) *Importer {
	i.buyer = organization
	return i
}

// The transactions of BMEcat, after the element that has the products.
const (
	newCatalogue   = "T_NEW_CATALOG"
	updateProducts = "T_UPDATE_PRODUCTS"
	updatePrices   = "T_UPDATE_PRICES"
)

// bmecatSource reads a catalogue as BMEcat 2005 or 1.2 has it (CO-06), whose products become rows of
// products and of prices. It reads the file twice: where a product belongs in the tree of groups
// stands behind it, and a file that ends in the middle is refused before the first row.
type bmecatSource struct {
	markup  *markup
	kind    Kind
	header  header
	groups  *groups
	prices  bool
	options options
	// waiting are rows of the element that was read last.
	waiting []record
	// notice is told before the first row.
	notice RowErrors
	ended  bool
}

func newBMEcat(from io.Reader, kind Kind, chosen ...Option) (*bmecatSource, error) {
	if kind != Products && kind != Prices {
		return nil, fmt.Errorf("BMEcat has products and prices: rows of %s come as %s or %s", kind, CSV, NDJSON)
	}
	s := &bmecatSource{kind: kind, options: options{today: day.Of(time.Now())}}
	for _, choose := range chosen {
		choose(&s.options)
	}
	file, twice := from.(io.ReadSeeker)
	if !twice {
		return nil, errors.New("BMEcat is read twice, which this input cannot be: give a file")
	}
	start, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, fmt.Errorf("BMEcat is read twice, which a pipe or standard input cannot be: save it as a file first (%w)", err)
	}
	if err := s.survey(file); err != nil {
		return nil, err
	}
	if err := s.fits(); err != nil {
		return nil, err
	}
	if _, err := file.Seek(start, io.SeekStart); err != nil {
		return nil, fmt.Errorf("going back to the beginning of the file: %w", err)
	}
	return s, s.begin(file)
}

// fits holds what the file has against what is asked of it.
func (s *bmecatSource) fits() error {
	if s.kind == Products && s.header.transaction == updatePrices {
		return fmt.Errorf("%s has prices only: import it as %s", updatePrices, Prices)
	}
	if s.options.buyer != "" {
		s.header.buyer = s.options.buyer
	}
	if s.header.buyer != "" || !s.prices {
		return nil
	}
	missing := RowErrors{{Column: "organization_id", Code: CodeBuyerMissing}}.at(s.header.line)
	if s.kind == Prices {
		return missing
	}
	s.notice = missing
	return nil
}

// survey reads everything but the products.
func (s *bmecatSource) survey(file io.Reader) error {
	watch := &spelling{from: file}
	m, oneByte, err := newMarkup(watch)
	if err != nil {
		return err
	}
	if err := s.surveyRoot(m); err != nil {
		return err
	}
	if oneByte && watch.isUTF8() {
		return errors.New("the file says that it is ISO-8859-1 or Windows-1252, and is UTF-8: correct the encoding in its first line")
	}
	return s.groups.complete()
}

func (s *bmecatSource) surveyRoot(m *markup) error {
	if err := openRoot(m); err != nil {
		return err
	}
	s.header.line, s.groups = m.line, newGroups()
	for {
		start, err := m.child()
		switch {
		case err != nil:
			return atEnd(err)
		case start == nil && s.header.transaction == "":
			return fmt.Errorf("the file has no products: there is no %s, %s or %s", newCatalogue, updateProducts, updatePrices)
		case start == nil:
			return m.rest()
		case start.Name.Local == "HEADER":
			if s.header.there || s.header.transaction != "" {
				return fmt.Errorf("line %d: HEADER comes once, and before the products", m.line)
			}
			e, err := m.read(*start)
			if err != nil {
				return err
			}
			s.header.read(e)
		case strings.HasPrefix(start.Name.Local, "T_"):
			if err := s.surveyTransaction(m, start.Name.Local); err != nil {
				return err
			}
		default:
			if err := m.skip(); err != nil {
				return err
			}
		}
	}
}

func (s *bmecatSource) surveyTransaction(m *markup, name string) error {
	if !slices.Contains([]string{newCatalogue, updateProducts, updatePrices}, name) {
		return fmt.Errorf("line %d: %s is not taken: only %s, %s and %s are", m.line, quote(name), newCatalogue, updateProducts, updatePrices)
	}
	if s.header.transaction != "" {
		return fmt.Errorf("line %d: the file has a second transaction, %s: give each a file of its own", m.line, name)
	}
	s.header.transaction = name
	for {
		start, err := m.child()
		if err != nil || start == nil {
			return atEnd(err)
		}
		switch nameOf(*start) {
		case "CATALOG_GROUP_SYSTEM":
			err = s.groups.readTree(m, s.header.language)
		case "PRODUCT_TO_CATALOGGROUP_MAP":
			err = s.groups.place(m, *start)
		case "PRODUCT":
			err = s.surveyProduct(m)
		default:
			err = m.skip()
		}
		if err != nil {
			return err
		}
	}
}

// surveyProduct only looks whether there are prices.
func (s *bmecatSource) surveyProduct(m *markup) error {
	for {
		start, err := m.child()
		if err != nil || start == nil {
			return atEnd(err)
		}
		s.prices = s.prices || nameOf(*start) == "PRODUCT_PRICE_DETAILS"
		if err := m.skip(); err != nil {
			return err
		}
	}
}

// openRoot enters the root, and holds it to the versions that are known.
func openRoot(m *markup) error {
	root, err := m.child()
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("there is no element in the file")
	case err != nil:
		return err
	case root.Name.Local != "BMECAT":
		return fmt.Errorf("line %d: this is %s, not BMECAT", m.line, quote(root.Name.Local))
	}
	version := (&element{attrs: root.Attr}).attr("version")
	if version != "" && version != "1.2" && !strings.HasPrefix(version, "2005") {
		return fmt.Errorf("line %d: version %s of BMEcat is not taken: 1.2 and 2005 are", m.line, quote(version))
	}
	return nil
}

// atEnd keeps an end that comes too early from looking like a proper one.
func atEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// begin goes to the first element of the transaction.
func (s *bmecatSource) begin(file io.Reader) error {
	var err error
	if s.markup, _, err = newMarkup(file); err != nil {
		return err
	}
	if err := openRoot(s.markup); err != nil {
		return err
	}
	for {
		start, err := s.markup.child()
		switch {
		case err != nil || start == nil:
			return errors.Join(errors.New("the file changed while it was read"), err)
		case start.Name.Local == s.header.transaction:
			return nil
		}
		if err := s.markup.skip(); err != nil {
			return err
		}
	}
}

func (s *bmecatSource) next() (record, error) {
	if s.notice != nil {
		notice := s.notice
		s.notice = nil
		return record{}, notice
	}
	for len(s.waiting) == 0 {
		if s.ended {
			return record{}, io.EOF
		}
		start, err := s.markup.child()
		switch {
		case err != nil:
			return record{}, atEnd(err)
		case start == nil:
			s.ended = true
		case nameOf(*start) == "PRODUCT":
			if s.waiting, err = s.product(*start); err != nil {
				return record{}, err
			}
		default:
			if err := s.markup.skip(); err != nil {
				return record{}, atEnd(err)
			}
		}
	}
	first := s.waiting[0]
	s.waiting = s.waiting[1:]
	return first, nil
}

// product makes rows of a product: its own, and those of its prices.
func (s *bmecatSource) product(start xml.StartElement) ([]record, error) {
	e, err := s.markup.read(start)
	if err != nil {
		return nil, atEnd(err)
	}
	mode := e.attr("mode")
	known := []string{"", "new", "update", "delete"}
	if s.header.transaction == updatePrices {
		known = []string{"", "new", "update"}
	}
	if !slices.Contains(known, mode) {
		return nil, RowErrors{flaw(CodeModeUnknown, quote(mode), strings.Join(known[1:], ", "))}.at(e.line)
	}
	if mode == "delete" {
		if s.kind == Prices {
			return nil, nil
		}
		return []record{{line: e.line, kind: Products, partial: true, cells: map[string]cell{
			"sku": {text: e.say("SUPPLIER_PID")}, "orderable": {text: "false"},
		}}}, nil
	}
	offer := s.offerOf(e)
	var rows []record
	if s.kind == Products {
		rows = append(rows, s.productRow(e, offer))
	}
	if s.header.buyer != "" {
		rows = append(rows, s.priceRows(e, offer)...)
	}
	return rows, nil
}
