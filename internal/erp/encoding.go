package erp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/transform"
)

const byteOrderMark = "\ufeff"

// decoder makes UTF-8 of UTF-8 or Windows-1252, which spreadsheets on Windows still
// write. The first character beyond ASCII decides: until then the two are the same,
// so nothing has to be read twice.
type decoder struct{ chosen transform.Transformer }

func (d *decoder) Reset() { d.chosen = nil }

func (d *decoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	if d.chosen == nil {
		ascii := bytes.IndexFunc(src, func(r rune) bool { return r >= utf8.RuneSelf })
		if ascii < 0 {
			ascii = len(src)
		}
		n := copy(dst, src[:ascii])
		if n < ascii {
			return n, n, transform.ErrShortDst
		}
		if n == len(src) {
			return n, n, nil
		}
		if !atEOF && !utf8.FullRune(src[n:]) {
			return n, n, transform.ErrShortSrc
		}
		d.chosen = transform.Nop
		if r, size := utf8.DecodeRune(src[n:]); r == utf8.RuneError && size == 1 {
			d.chosen = charmap.Windows1252.NewDecoder()
		}
		nDst, nSrc = n, n
	}
	written, read, err := d.chosen.Transform(dst[nDst:], src[nSrc:], atEOF)
	return nDst + written, nSrc + read, err
}

// foreign are first bytes of files that people take for CSV.
var foreign = []struct{ start, advice string }{
	{"PK\x03\x04", "this is a spreadsheet or an archive, not a CSV file: save the sheet as \"CSV UTF-8\""},
	{"\xff\xfe", "this file is UTF-16: save it as \"CSV UTF-8\""},
	{"\xfe\xff", "this file is UTF-16: save it as \"CSV UTF-8\""},
}

// decoded is the text of a file as UTF-8, without a byte order mark.
func decoded(from io.Reader) (*bufio.Reader, error) {
	raw := bufio.NewReader(from)
	for _, f := range foreign {
		if start, _ := raw.Peek(len(f.start)); string(start) == f.start {
			return nil, errors.New(f.advice)
		}
	}
	text := bufio.NewReaderSize(transform.NewReader(raw, &decoder{}), maxHeader)
	if start, _ := text.Peek(len(byteOrderMark)); string(start) == byteOrderMark {
		_, _ = text.Discard(len(byteOrderMark)) // it is in the buffer
	}
	return text, nil
}
