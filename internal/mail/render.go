package mail

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strings"
	"sync"
	texttemplate "text/template"
	"time"
	"unicode/utf8"

	"kontor/internal/day"
	"kontor/internal/lang"
	"kontor/internal/money"
)

// A mail is written in NAME.LANGUAGE.txt, whose first line is the subject, and in
// NAME.LANGUAGE.html. These hold only what it says: greeting, footer and looks are
// in the frames, and in them also the phrases that mails share.
//
//go:embed templates
var files embed.FS

// rendered is a mail as it goes out.
type rendered struct{ to, subject, text, html string }

// form is a mail in one language: its text, with "frame" around it, and its HTML.
type form struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

// forms are all mails by NAME.LANGUAGE.
var forms = sync.OnceValues(func() (map[string]form, error) {
	all := map[string]form{}
	for _, l := range lang.Languages {
		for _, which := range templates {
			name := string(which) + "." + l
			f, err := parse(name, l)
			if err != nil {
				return nil, fmt.Errorf("reading the mail %s: %w", name, err)
			}
			all[name] = f
		}
	}
	return all, nil
})

func parse(name, language string) (form, error) {
	text, err := texttemplate.ParseFS(files, "templates/frame."+language+".txt", "templates/"+name+".txt")
	if err != nil {
		return form{}, err
	}
	html, err := htmltemplate.ParseFS(files, "templates/frame.html", "templates/frame."+language+".html", "templates/"+name+".html")
	if err != nil {
		return form{}, err
	}
	// A mail that was not given what it says must not go out with a gap.
	return form{text: text.Option("missingkey=error"), html: html.Option("missingkey=error")}, nil
}

// maxSubject keeps a long company name from filling the reader's list of mails.
const maxSubject = 150

// render writes a mail.
func render(which Template, c Content) (rendered, error) {
	all, err := forms()
	if err != nil {
		return rendered{}, err
	}
	language := c.language()
	name := string(which) + "." + language
	f, known := all[name]
	if !known {
		return rendered{}, errors.New("there is no such mail")
	}
	values := c.values(language)
	m := rendered{to: values["To"]}
	if m.to == "" {
		return rendered{}, errors.New("it has no recipient")
	}
	var written, text, html strings.Builder
	if err := f.text.ExecuteTemplate(&written, name+".txt", values); err != nil {
		return rendered{}, err
	}
	subject, body, _ := strings.Cut(written.String(), "\n")
	m.subject = shorten(subject, maxSubject)
	values["Subject"], values["Body"] = m.subject, strings.TrimSpace(body)
	if err := errors.Join(f.text.Execute(&text, values), f.html.Execute(&html, values)); err != nil {
		return rendered{}, err
	}
	m.text, m.html = wrap(strings.TrimSpace(text.String())), html.String()
	return m, nil
}

func (c Content) language() string {
	language := c.Language
	if language == "" && c.User != nil {
		language = string(c.User.Language)
	}
	if language == "" {
		language = c.Tenant.Language
	}
	if !slices.Contains(lang.Languages, language) {
		language = lang.Languages[0]
	}
	return language
}

// moments are how readers of a language write a time. Tenants have no time zone.
var moments = map[string]string{"de": "02.01.2006 um 15:04 Uhr (UTC)", "en": "2 January 2006 at 15:04 (UTC)"}

// dates are how readers of a language write a date.
var dates = map[string]string{"de": "02.01.2006", "en": "2 January 2006"}

// date is a date as readers of a language write it; empty for none.
func date(language string, d day.Day) string {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return ""
	}
	return t.Format(dates[language])
}

// values are what templates can say: those without which a mail still makes sense,
// and of the others those that were given.
func (c Content) values(language string) map[string]string {
	moment := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(moments[language])
	}
	roles := make([]string, len(c.Roles))
	for i, role := range c.Roles {
		roles[i] = lang.Text(language, "ROLE_"+role, nil)
	}
	values := map[string]string{
		"Language": language, "Company": c.Tenant.Name, "Name": c.Name, "By": c.By, "AgreedBy": c.AgreedBy, "Text": c.Text, "Roles": strings.Join(roles, ", "),
		"ContactName": c.Tenant.ContactName, "ContactPhone": c.Tenant.ContactPhone, "ContactEmail": c.Tenant.ContactEmail,
	}
	needed := map[string]string{
		"To": c.To, "Link": c.Link, "Code": c.Code, "At": moment(c.At), "Until": moment(c.Until),
		"Contracts": strings.Join(c.Contracts, ", "),
		"Order":     c.Order, "Amount": amount(language, c.Amount), "PlacedAt": moment(c.PlacedAt),
		"Net": amount(language, c.Net), "Tax": amount(language, c.Tax),
		"Quote": c.Quote, "ValidUntil": date(language, c.ValidUntil),
		"NewEmail": c.NewEmail, "NewUsername": c.NewUsername, "IPAddress": c.IPAddress,
	}
	if c.User != nil {
		needed["Username"] = c.User.Username
		if c.To == "" {
			needed["To"] = c.User.Email
		}
		if c.Name == "" {
			values["Name"] = c.User.DisplayName()
		}
	}
	for name, value := range needed {
		if value != "" {
			values[name] = value
		}
	}
	for name, value := range values {
		// A line break in a name must become neither a header nor a paragraph.
		values[name] = strings.Join(strings.Fields(value), " ")
	}
	if len(c.Items) > 0 {
		values["Items"] = strings.Join(items(language, c.Items), "\n")
	}
	return values
}

// shownItems is how many positions a mail tells; a longer order is in the portal.
const shownItems = 50

// items are the positions of an order, a line for each.
func items(language string, all []Item) []string {
	lines := make([]string, 0, min(len(all), shownItems)+1)
	for i, item := range all {
		if i == shownItems {
			return append(lines, lang.Text(language, "MORE_POSITIONS", map[string]any{"count": len(all) - i}))
		}
		quantity := strings.Replace(item.Quantity.String(), ".", points[language][1], 1)
		line := fmt.Sprintf("%s %s %s (%s): %s", quantity, unit(language, item.Unit), item.Name, item.SKU, amount(language, item.LineTotal))
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

// unit is a unit as readers of a language call it, or as it is.
func unit(language, name string) string {
	code := "UNIT_" + name
	if text := lang.Text(language, code, nil); text != code {
		return text
	}
	return name
}

// points are how readers of a language write numbers: between thousands, and before the
// cents.
var points = map[string][2]string{"de": {".", ","}, "en": {",", "."}}

// amount is an amount of money as readers of a language write it; empty for none.
func amount(language string, m money.Money) string {
	if m.Currency == "" {
		return ""
	}
	whole, cents, _ := strings.Cut(m.Amount.String(), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + points[language][0] + whole[i:]
	}
	return whole + points[language][1] + cents + " " + m.Currency
}

func shorten(s string, longest int) string {
	if utf8.RuneCountInString(s) <= longest {
		return s
	}
	return string([]rune(s)[:longest-1]) + "…"
}

// width is how long the lines of a text are, at most; more is hard to read.
const width = 78

// wrap breaks lines between words. A URL is one word and stays whole.
func wrap(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		used := 0
		for _, word := range strings.Fields(line) {
			length := utf8.RuneCountInString(word)
			switch {
			case used == 0:
			case used+1+length > width:
				b.WriteByte('\n')
				used = 0
			default:
				b.WriteByte(' ')
				used++
			}
			b.WriteString(word)
			used += length
		}
		b.WriteByte('\n')
	}
	return b.String()
}
