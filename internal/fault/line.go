package fault

import (
	"strings"
	"unicode"
)

// Line is a text of one line that somebody typed: trimmed, bounded, without control
// characters, which would travel on into mails and files. What is wrong with it is
// added to faults.
func Line(text *string, maximum int, field []string, faults *List) string {
	if text == nil {
		return ""
	}
	trimmed := strings.TrimSpace(*text)
	if len([]rune(trimmed)) > maximum {
		faults.Add(New("VALUE_TOO_LONG", field...).With("max", maximum))
		return ""
	}
	if strings.ContainsFunc(trimmed, unicode.IsControl) {
		faults.Add(New("VALUE_INVALID", field...))
		return ""
	}
	return trimmed
}

// maxSought is how much of what is sought counts, in characters: no column is as long, and SQLite takes
// no pattern of more than 50,000 bytes.
const maxSought = 2000

// Sought is what somebody looks for in a list; empty where that is nothing. A NUL, which
// PostgreSQL refuses in a text, is in no row.
func Sought(text *string) string {
	if text == nil {
		return ""
	}
	sought := []rune(strings.TrimSpace(strings.ReplaceAll(*text, "\x00", "")))
	return string(sought[:min(len(sought), maxSought)])
}

// Needed is Line for a text that must not be empty.
func Needed(text string, maximum int, field string, faults *List) string {
	return NeededAt(text, maximum, []string{field}, faults)
}

// NeededAt is Needed for a text deeper in the input.
func NeededAt(text string, maximum int, field []string, faults *List) string {
	before := len(*faults)
	line := Line(&text, maximum, field, faults)
	if line == "" && len(*faults) == before {
		faults.Add(New("VALUE_REQUIRED", field...))
	}
	return line
}

// NeededText is Text for what must not be empty.
func NeededText(text string, maximum int, field string, faults *List) string {
	before := len(*faults)
	written := Text(&text, maximum, []string{field}, faults)
	if written == "" && len(*faults) == before {
		faults.Add(New("VALUE_REQUIRED", field))
	}
	return written
}

// Text is Line for what may have several lines, such as a message.
func Text(text *string, maximum int, field []string, faults *List) string {
	if text == nil {
		return ""
	}
	trimmed := strings.TrimSpace(strings.ReplaceAll(*text, "\r\n", "\n"))
	if len([]rune(trimmed)) > maximum {
		faults.Add(New("VALUE_TOO_LONG", field...).With("max", maximum))
		return ""
	}
	if strings.ContainsFunc(trimmed, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
		faults.Add(New("VALUE_INVALID", field...))
		return ""
	}
	return trimmed
}
