package erp

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Requirement: CO-06
func TestBMEcatRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	head := "<BMECAT version=\"1.2\"><HEADER/><T_NEW_CATALOG>"
	tail := "</T_NEW_CATALOG></BMECAT>"
	group := func(id, parent string) string {
		return "<CATALOG_STRUCTURE><GROUP_ID>" + id + "</GROUP_ID><GROUP_NAME>x</GROUP_NAME><PARENT_ID>" + parent + "</PARENT_ID></CATALOG_STRUCTURE>"
	}
	deep := ""
	for n := range maxGroupDepth + 1 {
		deep += group(fmt.Sprint("g", n), fmt.Sprint("g", n+1))
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":                 {"", "empty"},
		"blank":                 {" \n ", "empty"},
		"CSV":                   {"sku;name\nA;B\n", "not XML"},
		"archive":               {"PK\x03\x04abc", "unpack"},
		"gzip":                  {"\x1f\x8babc", "unpack"},
		"UTF-16":                {"\xff\xfe<\x00", "UTF-8"},
		"other XML":             {"<Invoice/>", "not BMECAT"},
		"other version":         {`<BMECAT version="1.01"/>`, "1.2 and 2005"},
		"nothing in it":         {"<BMECAT/>", "no products"},
		"no root":               {"<!-- x -->", "no element"},
		"other transaction":     {"<BMECAT><T_NEW_PRODUCTDATA/></BMECAT>", "T_NEW_PRODUCTDATA"},
		"two transactions":      {"<BMECAT><T_NEW_CATALOG/><T_NEW_CATALOG/></BMECAT>", "file of its own"},
		"header behind":         {"<BMECAT><T_NEW_CATALOG/><HEADER/></BMECAT>", "HEADER"},
		"two headers":           {"<BMECAT><HEADER/><HEADER/></BMECAT>", "HEADER"},
		"two roots":             {"<BMECAT><T_NEW_CATALOG/></BMECAT><BMECAT/>", "follows"},
		"prices":                {"<BMECAT><T_UPDATE_PRICES/></BMECAT>", "import it as PRICES"},
		"truncated":             {head + "<PRODUCT><SUPPLIER_PID>A</SUPP", "ends in the middle"},
		"truncated in between":  {head + "<PRODUCT></PRODUCT>", "ends in the middle"},
		"crossed":               {head + "<A><B></A></B>" + tail, "line 1"},
		"control character":     {head + "<A>\x01</A>" + tail, "line 1"},
		"declared as EBCDIC":    {`<?xml version="1.0" encoding="IBM037"?>` + head + tail, "IBM037"},
		"not the UTF-8 it says": {`<?xml version="1.0" encoding="utf-8"?>` + head + "<A>Gr\xf6\xdfe</A>" + tail, "says that it is UTF-8"},
		"UTF-8 after all":       {`<?xml version="1.0" encoding="ISO-8859-1"?>` + head + "<A>Größe</A>" + tail, "is UTF-8"},
		"unknown entity":        {head + "<A>&nbsp;</A>" + tail, "&#228;"},
		"internal entity":       {`<!DOCTYPE BMECAT [<!ENTITY x "y">]>` + head + "<A>&x;</A>" + tail, "entities"},
		"external entity":       {`<!DOCTYPE BMECAT [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + head + "<A>&x;</A>" + tail, "entities"},
		"parameter entity":      {`<!DOCTYPE BMECAT SYSTEM "a.dtd" [<!ENTITY % x SYSTEM "http://localhost/">%x;]>` + head + tail, "entities"},
		"many laughs":           {`<!DOCTYPE BMECAT [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>` + head + "<A>&c;</A>" + tail, "entities"},
		"document type inside":  {head + "<!DOCTYPE BMECAT>" + tail, "entities"},
		"deep":                  {head + strings.Repeat("<A>", 10_000), "deeper"},
		"many attributes":       {head + "<A " + strings.Repeat(`a="" `, maxAttributes+1) + "/>" + tail, "attributes"},
		"endless attributes":    {head + "<A " + strings.Repeat(`a="" `, maxRow), "longer than"},
		"endless text":          {head + "<A>" + strings.Repeat("a", 2*maxRow), "longer than"},
		"endless name":          {head + "<" + strings.Repeat("a", 2*maxRow), "longer than"},
		"endless comment":       {head + "<!--" + strings.Repeat("a", 2*maxRow), "longer than"},
		"endless header":        {"<BMECAT><HEADER>" + strings.Repeat("<A/>", maxElements) + "</HEADER></BMECAT>", "too large"},
		"circle":                {head + "<CATALOG_GROUP_SYSTEM>" + group("a", "b") + group("b", "c") + group("c", "b") + "</CATALOG_GROUP_SYSTEM>" + tail, "PARENT_ID"},
		"its own parent":        {head + "<CATALOG_GROUP_SYSTEM>" + group("a", "a") + "</CATALOG_GROUP_SYSTEM>" + tail, "PARENT_ID"},
		"deep groups":           {head + "<CATALOG_GROUP_SYSTEM>" + deep + "</CATALOG_GROUP_SYSTEM>" + tail, "PARENT_ID"},
		"group twice":           {head + "<CATALOG_GROUP_SYSTEM>" + group("a", "") + group("a", "") + "</CATALOG_GROUP_SYSTEM>" + tail, "another"},
		"group without number":  {head + "<CATALOG_GROUP_SYSTEM>" + group("", "") + "</CATALOG_GROUP_SYSTEM>" + tail, "GROUP_ID"},
	} {
		all, err := readAll(c.text, Products, BMECAT)
		if err == nil || !strings.Contains(err.Error(), c.want) || !utf8.ValidString(err.Error()) || len(err.Error()) > 500 {
			t.Errorf("%s: got %d rows and %v, want %q", name, len(all), err, c.want)
		}
		if len(all) > 0 {
			t.Errorf("%s: %d rows came before it was refused", name, len(all))
		}
	}
	good := head + tail
	for name, c := range map[string]struct {
		from io.Reader
		kind Kind
		want string
	}{
		"users":          {strings.NewReader(good), Users, "NDJSON"},
		"a pipe":         {io.MultiReader(strings.NewReader(good)), Products, "give a file"},
		"standard input": {unseekable{strings.NewReader(good)}, Products, "save it as a file"},
	} {
		if _, err := NewReader(c.from, c.kind, BMECAT); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type unseekable struct{ io.Reader }

func (unseekable) Seek(int64, int) (int64, error) { return 0, errors.New("illegal seek") }

// Requirement: CO-06
func TestBMEcatEncodings(t *testing.T) {
	t.Parallel()
	text := func(encoding string) string {
		return strings.Replace(catalogue(newCatalogue, "", tree+strings.Replace(one("", ""), "Eins", "Größe € ß", 1)), `<?xml version="1.0"?>`,
			`<?xml version="1.0"`+encoding+`?><!DOCTYPE BMECAT SYSTEM "bmecat_2005.dtd">`, 1)
	}
	legacy := func(encoding string) string {
		in, err := charmap.Windows1252.NewEncoder().String(text(` encoding="` + encoding + `" standalone="yes"`))
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	for _, written := range []string{text(""), "\ufeff" + text(""), text(` encoding='utf-8'`), legacy("ISO-8859-1"), legacy("iso-8859-1"), legacy("Windows-1252")} {
		all := mustRead(t, written, Products, BMECAT)
		if len(all) != 1 || all[0].row == nil || all[0].row.Text("name") != "Größe € ß" {
			t.Errorf("%.60q: %v", written, summary(all))
		}
	}
}

// Requirement: CO-06
func TestBMEcatDescriptions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a < b und c > d & e":                        "a < b und c > d & e",
		"Ø <5 mm":                                    "Ø <5 mm",
		"<p>eins</p><p>zwei<br>drei</p>":             "eins\n\nzwei\ndrei",
		"<ul>\n<li>a</li>\n<li>b</li></ul>":          "- a\n\n- b",
		"Gr&ouml;&szlig;e&nbsp;&lt; 5 &amp; mehr":    "Größe < 5 & mehr",
		"<b>fett</b> und <weg damit>":                "fett und <weg damit>",
		"<script>alert(1)</script>x<style>y</style>": "x",
		"<!-- nichts -->da<img src=x onerror=y>":     "da",
		"eins\r\n\r\n\r\n\r\n  zwei\tdrei ":          "eins\n\nzwei drei",
		"<p":                                         "<p",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// products is a catalogue of so many products that nobody has in memory.
type products struct {
	head, each, tail string
	count            int
	at               int64
}

func (p *products) size() int64 {
	return int64(len(p.head) + p.count*len(p.each) + len(p.tail))
}

func (p *products) Read(into []byte) (int, error) {
	var from string
	switch end := int64(len(p.head) + p.count*len(p.each)); {
	case p.at < int64(len(p.head)):
		from = p.head[p.at:]
	case p.at < end:
		from = p.each[(p.at-int64(len(p.head)))%int64(len(p.each)):]
	case p.at < p.size():
		from = p.tail[p.at-end:]
	default:
		return 0, io.EOF
	}
	n := copy(into, from)
	p.at += int64(n)
	return n, nil
}

func (p *products) Seek(to int64, from int) (int64, error) {
	if from == io.SeekStart {
		p.at = to
	}
	return p.at, nil
}

// Memory stays flat: the next product needs none that the one before did not.
//
// Requirement: CO-06
func TestBMEcatStreams(t *testing.T) {
	file := &products{count: 20_000, each: one("", priced(priceOf("net_list", "<PRICE_AMOUNT>1</PRICE_AMOUNT>"))+"<MIME_INFO>"+strings.Repeat("<MIME/>", 100)+"</MIME_INFO>")}
	file.head, file.tail, _ = strings.Cut(catalogue(newCatalogue, buyer, tree+"CUT"), "CUT")
	reader, err := NewReader(file, Products, BMECAT)
	if err != nil {
		t.Fatal(err)
	}
	rows, most := 0, uint64(0)
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for {
		_, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if rows++; rows%10_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
		}
	}
	if rows != 40_000 || most > 4<<20 {
		t.Errorf("%d rows of %d MiB kept %d KiB", rows, file.size()>>20, most>>10)
	}
}
