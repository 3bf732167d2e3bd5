package erp

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Codes of what can be wrong with a row, as the API reports them.
const (
	CodeRowMalformed      = "ROW_MALFORMED"
	CodeRowTooLong        = "ROW_TOO_LONG"
	CodeColumnCount       = "COLUMN_COUNT"
	CodeFieldUnknown      = "FIELD_UNKNOWN"
	CodeFieldRepeated     = "FIELD_REPEATED"
	CodeFieldNested       = "FIELD_NESTED"
	CodeEncodingInvalid   = "ENCODING_INVALID"
	CodeValueRequired     = "VALUE_REQUIRED"
	CodeValueTooShort     = "VALUE_TOO_SHORT"
	CodeValueTooLong      = "VALUE_TOO_LONG"
	CodeCharacterInvalid  = "CHARACTER_INVALID"
	CodeDecimalInvalid    = "DECIMAL_INVALID"
	CodeDecimalAmbiguous  = "DECIMAL_AMBIGUOUS"
	CodeNumberOutOfRange  = "NUMBER_OUT_OF_RANGE"
	CodeDateInvalid       = "DATE_INVALID"
	CodeMomentInvalid     = "MOMENT_INVALID"
	CodeBooleanInvalid    = "BOOLEAN_INVALID"
	CodeChoiceInvalid     = "CHOICE_INVALID"
	CodeEmailInvalid      = "EMAIL_INVALID"
	CodeDomainInvalid     = "DOMAIN_INVALID"
	CodeCurrencyInvalid   = "CURRENCY_INVALID"
	CodePathInvalid       = "PATH_INVALID"
	CodeAttributesInvalid = "ATTRIBUTES_INVALID"
	CodeParentUnfit       = "PARENT_UNFIT"
	CodeColumnsTogether   = "COLUMNS_TOGETHER"
	CodeDatesReversed     = "DATES_REVERSED"
	CodeCalledOffTooMuch  = "CALLED_OFF_TOO_MUCH"
	CodeReversalUnclear   = "REVERSAL_UNCLEAR"
	CodePhoneInvalid      = "PHONE_INVALID"
	CodeIccidInvalid      = "ICCID_INVALID"

	// Codes of BMEcat (CO-06).
	CodeProductTooLarge = "PRODUCT_TOO_LARGE"
	CodeModeUnknown     = "MODE_UNKNOWN"
	CodeBuyerMissing    = "BUYER_MISSING"
	CodeGroupMissing    = "GROUP_MISSING"
	CodeGroupUnknown    = "GROUP_UNKNOWN"
	CodeUnitUnknown     = "UNIT_UNKNOWN"
	CodeTaxTwofold      = "TAX_TWOFOLD"
	CodeNumberInvalid   = "NUMBER_INVALID"
	CodeTooManyPlaces   = "TOO_MANY_PLACES"
	CodePriceNotNet     = "PRICE_NOT_NET"
	CodePriceNotToday   = "PRICE_NOT_TODAY"
	CodePriceElsewhere  = "PRICE_ELSEWHERE"
	CodePriceFormula    = "PRICE_FORMULA"
	CodePriceBase       = "PRICE_BASE"
	CodePriceRepeated   = "PRICE_REPEATED"
)

// RowError is one thing wrong with one row. The other rows are not concerned.
type RowError struct {
	// Line is where the row begins in the file; the first line is 1.
	Line int
	// Column is empty where the row as a whole is wrong.
	Column string
	Code   string

	args []any
}

// reasons are the texts for the codes, German and English; both say what to do.
var reasons = map[string]struct{ german, english string }{
	CodeRowMalformed: {
		"Die Zeile ist nicht richtig aufgebaut: %s. Anführungszeichen und Trennzeichen prüfen.",
		"The row is not well formed: %s. Check its quotes and separators.",
	},
	CodeRowTooLong: {
		"Die Zeile ist länger als %d Byte. Teilen Sie sie auf, oder schließen Sie ein offenes Anführungszeichen.",
		"The row is longer than %d bytes. Split it, or close a quote that was left open.",
	},
	CodeColumnCount: {
		"Die Zeile hat %d Werte, die Kopfzeile %d Spalten; das Trennzeichen ist %q. Werte, die es enthalten, gehören in Anführungszeichen.",
		"The row has %d values, the header %d columns; the separator is %q. Quote the values that contain it.",
	},
	CodeFieldUnknown:      {"Unbekannte Felder: %s. Möglich sind: %s.", "Unknown fields: %s. Possible are: %s."},
	CodeFieldRepeated:     {"Diese Felder kommen mehrmals vor: %s. Jedes darf nur einmal vorkommen.", "These fields occur several times: %s. Give each only once."},
	CodeFieldNested:       {"Hier steht eine Liste oder ein Objekt. Erlaubt sind Text, Zahl, true, false und null.", "This is a list or an object. Give a string, a number, true, false or null."},
	CodeEncodingInvalid:   {"Der Wert enthält Zeichen, die sich nicht lesen lassen. Speichern Sie die Datei als UTF-8.", "The value contains characters that cannot be read. Save the file as UTF-8."},
	CodeValueRequired:     {"Hier fehlt ein Wert.", "A value is missing here."},
	CodeValueTooShort:     {"Mindestens %d Zeichen sind nötig.", "At least %d characters are needed."},
	CodeValueTooLong:      {"Höchstens %d Zeichen sind möglich.", "At most %d characters are possible."},
	CodeCharacterInvalid:  {"Der Wert enthält einen Zeilenumbruch oder ein Steuerzeichen (%U). Entfernen Sie es.", "The value contains a line break or a control character (%U). Remove it."},
	CodeDecimalInvalid:    {"%s ist keine Dezimalzahl. Schreiben Sie 1234.50, 1234,50 oder 1.234,50, mit höchstens 14 Stellen vor und 4 nach dem Komma.", "%s is not a decimal number. Write 1234.50, 1234,50 or 1.234,50, with at most 14 digits before and 4 after the decimal point."},
	CodeDecimalAmbiguous:  {"%s ist nicht eindeutig: Tausendertrennung oder Nachkommastellen? Schreiben Sie %s oder %s.", "%s is ambiguous: thousands or decimal places? Write %s or %s."},
	CodeNumberOutOfRange:  {"Die Zahl muss %s sein.", "The number must be %s."},
	CodeDateInvalid:       {"%s ist kein Datum. Schreiben Sie es wie 2026-11-23.", "%s is not a date. Write it like 2026-11-23."},
	CodeMomentInvalid:     {"%s ist kein Zeitpunkt seit 1970. Schreiben Sie ihn wie 2026-11-23 oder 2026-11-23T09:30:00+01:00.", "%s is not a moment since 1970. Write it like 2026-11-23 or 2026-11-23T09:30:00+01:00."},
	CodeBooleanInvalid:    {"%s ist weder ja noch nein. Schreiben Sie true oder false.", "%s is neither yes nor no. Write true or false."},
	CodeChoiceInvalid:     {"%s gibt es hier nicht. Möglich sind: %s.", "%s is not possible here. Choose from: %s."},
	CodeEmailInvalid:      {"%s ist keine E-Mail-Adresse. Schreiben Sie sie wie name@firma.example.", "%s is not an e-mail address. Write it like name@company.example."},
	CodeDomainInvalid:     {"%s ist keine Domain. Schreiben Sie sie wie firma.example, ohne @.", "%s is not a domain. Write it like company.example, without @."},
	CodeCurrencyInvalid:   {"%s ist keine Währung. Schreiben Sie drei Großbuchstaben wie EUR.", "%s is not a currency. Write three capital letters like EUR."},
	CodePathInvalid:       {"%s ist kein Kategoriepfad. Schreiben Sie höchstens 6 Namen, getrennt durch >, wie Telefonie > Endgeräte.", "%s is not a category path. Write at most 6 names, separated by >, like Telefonie > Endgeräte."},
	CodeAttributesInvalid: {"%s ist keine Eigenschaft. Schreiben Sie Name=Wert Einheit, jeden Namen einmal, getrennt durch |.", "%s is not an attribute. Write name=value unit, each name once, separated by |."},
	CodeParentUnfit:       {"Nur der Betreiber (OPERATOR) hat keinen übergeordneten Mandanten; alle anderen brauchen einen, und nicht sich selbst.", "Only the operator (OPERATOR) has no parent; every other tenant needs one that is not itself."},
	CodeColumnsTogether:   {"Diese Spalten gehören zusammen: %s. Füllen Sie alle aus oder keine.", "These columns belong together: %s. Fill in all of them or none."},
	CodeDatesReversed:     {"Das Ende liegt vor dem Beginn (%s). Vertauschen oder korrigieren Sie die Daten.", "The end lies before the beginning (%s). Swap or correct the dates."},
	CodeCalledOffTooMuch:  {"Abgerufen ist mehr als vereinbart (%s). Korrigieren Sie eine der beiden Mengen.", "More is called off than agreed (%s). Correct one of the two quantities."},
	CodeProductTooLarge:   {"%s ist zu groß: möglich sind %d Byte und %d Elemente, Anfänge, Enden und Texte zusammen. Lassen Sie Unnötiges weg.", "%s is too large: possible are %d bytes and %d elements, counting starts, ends and texts. Leave out what is not needed."},
	CodeModeUnknown:       {"mode=%s gibt es hier nicht. Möglich sind: %s.", "mode=%s is not possible here. Choose from: %s."},
	CodeBuyerMissing:      {"Die Datei nennt keinen Käufer (BUYER), darum bleiben ihre Preise weg. Geben Sie den Mandanten an, der sie zahlt.", "The file names no BUYER, so its prices are left out. Name the tenant that pays them."},
	CodeGroupMissing:      {"Das Produkt ist in keiner Gruppe. Ordnen Sie es in PRODUCT_TO_CATALOGGROUP_MAP (1.2: ARTICLE_TO_CATALOGGROUP_MAP) zu.", "The product is in no group. Put it into one by PRODUCT_TO_CATALOGGROUP_MAP (1.2: ARTICLE_TO_CATALOGGROUP_MAP)."},
	CodeGroupUnknown:      {"Die Gruppe %s des Produkts steht nicht in CATALOG_GROUP_SYSTEM. Ergänzen Sie dort eine CATALOG_STRUCTURE.", "The group %s of the product is not in CATALOG_GROUP_SYSTEM. Add a CATALOG_STRUCTURE there."},
	CodeUnitUnknown:       {"Die Einheit %s ist nicht bekannt. Möglich sind: %s.", "The unit %s is not known. Possible are: %s."},
	CodeTaxTwofold:        {"Die Preise des Produkts haben zwei Steuersätze, %s und %s. Nennen Sie einen.", "The prices of the product have two tax rates, %s and %s. Give one."},
	CodeNumberInvalid:     {"%s ist keine Zahl, wie BMEcat sie schreibt. Schreiben Sie 1234.50.", "%s is not a number as BMEcat writes it. Write 1234.50."},
	CodeTooManyPlaces:     {"%s lässt sich nicht mit %d Nachkommastellen schreiben. Runden Sie den Wert in der Datei.", "%s cannot be written with %d decimal places. Round it in the file."},
	CodePriceNotNet:       {"Das Produkt hat nur Preise der Arten %s. Genommen werden Nettopreise: %s.", "The product has only prices of the types %s. Net prices are taken: %s."},
	CodePriceNotToday:     {"Der Preis gilt am %s nicht (%s). Importieren Sie die Datei, wenn er gilt.", "The price is not valid on %s (%s). Import the file when it is."},
	CodePriceElsewhere:    {"Der Preis gilt nur in Gebieten, für die der Katalog nicht gilt (%s).", "The price is only for territories that the catalogue is not for (%s)."},
	CodePriceFormula:      {"Der Preis wird aus einer Formel oder dem Tageskurs berechnet. Nennen Sie einen Betrag (PRICE_AMOUNT).", "The price comes from a formula or changes daily. Give an amount (PRICE_AMOUNT)."},
	CodePriceBase:         {"Der Preis gilt für die Einheit %s, bestellt wird in %s. Nennen Sie den Preis der Bestelleinheit.", "The price is for the unit %s, orders are in %s. Give the price of the unit of orders."},
	CodePriceRepeated:     {"Ab der Menge %s gibt es mehrere verschiedene Preise. Nennen Sie einen.", "There are several different prices from the quantity %s. Give one."},
	CodeReversalUnclear:   {"Eine Stornobuchung (REVERSAL) nennt die Buchung, die sie zurücknimmt, und keine andere Buchung tut das.", "A REVERSAL names the booking that it takes back, and no other kind of booking does."},
	CodePhoneInvalid:      {"%s ist keine Rufnummer. Schreiben Sie sie mit Land, wie +49 40 66969 301.", "%s is not a phone number. Write it with its country, like +49 40 66969 301."},
	CodeIccidInvalid:      {"%s ist keine Kartennummer (ICCID). Schreiben Sie 18 bis 22 Ziffern.", "%s is not the number of a card (ICCID). Write 18 to 22 digits."},
}

// Reason says what is wrong and what to do: in German for the language "de", in
// English for any other (ID-20).
func (e *RowError) Reason(language string) string {
	texts := reasons[e.Code]
	if language == "de" {
		return fmt.Sprintf(texts.german, e.args...)
	}
	return fmt.Sprintf(texts.english, e.args...)
}

// Error is the place and the reason in English, for logs and the command line.
func (e *RowError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason("en"))
	}
	return fmt.Sprintf("line %d, column %s: %s", e.Line, e.Column, e.Reason("en"))
}

// RowErrors are everything that is wrong with one row.
type RowErrors []*RowError

// Error is one line for each.
func (e RowErrors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "\n")
}

// at tells the errors the line of their row.
func (e RowErrors) at(line int) RowErrors {
	for _, one := range e {
		one.Line = line
	}
	return e
}

func flaw(code string, args ...any) *RowError { return &RowError{Code: code, args: args} }

// HeaderError is everything that is wrong with the header line of a CSV file.
type HeaderError struct {
	Kind                       Kind
	Unknown, Missing, Repeated []string
}

// Error names all columns concerned, and those that are possible.
func (e *HeaderError) Error() string {
	var parts []string
	for _, part := range []struct {
		what  string
		names []string
	}{{"unknown columns", e.Unknown}, {"missing columns", e.Missing}, {"repeated columns", e.Repeated}} {
		if len(part.names) > 0 {
			parts = append(parts, part.what+": "+list(part.names))
		}
	}
	return fmt.Sprintf("the header does not fit %s: %s; columns are: %s",
		e.Kind, strings.Join(parts, "; "), strings.Join(tables[e.Kind].names(), ", "))
}

// shown is how much of a wrong text, and how many of wrong names, a message quotes.
const (
	shownCharacters = 40
	shownNames      = 20
)

// quote shows a wrong value to whoever has to find it, and not more of it than that
// takes.
func quote(text string) string { return fmt.Sprintf("%q", clip(text)) }

func clip(text string) string {
	if utf8.RuneCountInString(text) <= shownCharacters {
		return text
	}
	return string([]rune(text)[:shownCharacters]) + "…"
}

func list(names []string) string {
	shown := make([]string, 0, min(len(names), shownNames))
	for _, name := range names[:cap(shown)] {
		shown = append(shown, quote(name))
	}
	if rest := len(names) - len(shown); rest > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(shown, ", "), rest)
	}
	return strings.Join(shown, ", ")
}
