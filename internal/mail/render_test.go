package mail

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/user"
	"kontor/internal/lang"
	"kontor/internal/money"
)

var update = flag.Bool("update", false, "write the golden files anew")

// full is a Content that brings everything.
func full(language string) Content {
	at := time.Date(2026, 11, 23, 9, 4, 5, 0, time.UTC)
	return Content{
		User: &ent.User{Username: "mia.gross", Email: "mia@brandt.example", FirstName: "Mia", LastName: "Groß", Language: user.Language(language)},
		Tenant: &ent.Tenant{
			Name: "Gießerei Brandt GmbH", ContactName: "Sabine Kurz", ContactPhone: "+49 30 23125 100", ContactEmail: "sabine.kurz@service.example",
		},
		At: at, Until: at.Add(24 * time.Hour), By: "Malte Brandt", Code: "4711-0815",
		Link:     "https://portal.example.com/continue?token=Zm9yIHRoZSBnb2xkZW4gZmlsZXMsIGFuZCBmb3Igbm90aGluZyBlbHNlLCAyMDI2&tenant=1",
		NewEmail: "mia.neu@brandt.example", NewUsername: "mia.neu", IPAddress: "2001:db8::1",
		Roles: []string{string(authz.MasterAdmin), string(authz.Approver)}, Contracts: []string{"SV-100001", "SV-100002"},
		Order: "BRANDT-000031", Amount: money.Of(money.MustParse("12345.6"), "EUR"), PlacedAt: at.Add(-48 * time.Hour),
		Net: money.Of(money.MustParse("10374.45"), "EUR"), Tax: money.Of(money.MustParse("1971.15"), "EUR"), AgreedBy: "Mia Groß",
		Items: []Item{{Quantity: money.MustParse("12.5"), Unit: "kg", SKU: "MET-AL-0101", Name: "Aluminium EN AC-42100", LineTotal: money.Of(money.MustParse("10374.45"), "EUR")}},
		Quote: "BRANDT-Q000007", ValidUntil: "2026-12-31", Text: "Bitte eine Woche später liefern.",
	}
}

func write(t *testing.T, which Template, c Content) rendered {
	t.Helper()
	m, err := render(which, c)
	if err != nil {
		t.Fatalf("%s: %v", which, err)
	}
	return m
}

// Whoever changes the words of a mail sees here what they become.
//
// Requirement: ID-20
func TestMailsReadAsInTheGoldenFiles(t *testing.T) {
	for _, l := range lang.Languages {
		for _, which := range templates {
			m := write(t, which, full(l))
			got := "To: " + m.to + "\nSubject: " + m.subject + "\n\n" + m.text
			file := filepath.Join("testdata", string(which)+"."+l+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; if it is meant to, run the test with -update:\n%s", file, got)
			}
		}
	}
}

// saysLink and saysCode are the mails with a secret in them.
var (
	saysLink = []Template{CompanyInvited, UserInvited, ActivationCode, AlreadyRegistered, PasswordReset, EmailChangeConfirm, QuoteOffered}
	saysCode = []Template{ActivationCode}
)

// Requirement: ID-20
func TestEveryMailIsWhole(t *testing.T) {
	for _, l := range lang.Languages {
		c := full(l)
		link := strings.ReplaceAll(c.Link, "&", "&amp;")
		for _, which := range templates {
			m, name := write(t, which, c), string(which)+"."+l
			if n := utf8.RuneCountInString(m.subject); n == 0 || n > maxSubject || strings.ContainsAny(m.subject, "\r\n") {
				t.Errorf("%s: the subject %q", name, m.subject)
			}
			for _, say := range []string{c.Tenant.Name, c.Tenant.ContactName, c.Tenant.ContactPhone, c.Tenant.ContactEmail, "Mia Groß"} {
				// HTML writes a plus as a reference.
				if !strings.Contains(m.text, say) || !strings.Contains(strings.ReplaceAll(m.html, "&#43;", "+"), say) {
					t.Errorf("%s does not say %q", name, say)
				}
			}
			if has := slices.Contains(saysLink, which); strings.Contains(m.text, c.Link+"\n") != has || strings.Contains(m.html, `href="`+link+`"`) != has || strings.Contains(m.html, ">"+link+"<") != has {
				t.Errorf("%s: with a link is %v", name, !has)
			}
			if has := slices.Contains(saysCode, which); strings.Contains(m.text, "\n"+c.Code+"\n") != has || strings.Contains(m.html, c.Code) != has {
				t.Errorf("%s: with a code is %v", name, !has)
			}
			if strings.Contains(m.subject, c.Link) || strings.Contains(m.subject, c.Code) {
				t.Errorf("%s tells a secret in its subject", name)
			}
			for line := range strings.Lines(m.text) {
				if utf8.RuneCountInString(line) > width+1 && !strings.HasPrefix(line, "https://") {
					t.Errorf("%s: a long line: %s", name, line)
				}
			}
			if all := m.subject + m.text + m.html; strings.Contains(all, "<no value>") || strings.Contains(all, "{{") || strings.Contains(all, "ZgotmplZ") {
				t.Errorf("%s has gaps:\n%s", name, all)
			}
			if !strings.Contains(m.html, `<html lang="`+l+`">`) || strings.Count(m.html, "<p") != strings.Count(m.html, "</p>") {
				t.Errorf("%s is no good HTML:\n%s", name, m.html)
			}
		}
	}
}

func TestEveryFileBelongsToAMail(t *testing.T) {
	all, err := fs.Glob(files, "templates/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		if name != "frame" && !slices.Contains(templates, Template(name)) {
			t.Errorf("nobody sends %s", file)
		}
	}
}

// A mail may go to somebody without an account, and to another address than the
// user's; its language is the reader's as far as it is known.
//
// Requirement: ID-20
func TestMailsFindTheirReader(t *testing.T) {
	stranger := full("")
	stranger.User, stranger.To, stranger.Tenant.Language = nil, "new@brandt.example", "en"
	elsewhere := full("de")
	elsewhere.To, elsewhere.Name, elsewhere.Language = "old@brandt.example", "M. Groß", "en"
	unknown := full("de")
	unknown.Language = "fr"
	for _, c := range []struct {
		which    Template
		content  Content
		to, says string
	}{
		{ActivationCode, stranger, "new@brandt.example", "Hello,\n"},
		{EmailChanged, elsewhere, "old@brandt.example", "Hello M. Groß,\n"},
		{PasswordChanged, full("en"), "mia@brandt.example", "Hello Mia Groß,\n"},
		{PasswordChanged, unknown, "mia@brandt.example", "Guten Tag Mia Groß,\n"},
	} {
		if m := write(t, c.which, c.content); m.to != c.to || !strings.HasPrefix(m.text, c.says) {
			t.Errorf("%s to %s:\n%s", c.which, m.to, m.text)
		}
	}
}

func TestMailsWithGapsAreNotWritten(t *testing.T) {
	for name, c := range map[string]struct {
		which Template
		leave func(*Content)
	}{
		"no recipient": {ActivationCode, func(c *Content) { c.User = nil }},
		"no link":      {PasswordReset, func(c *Content) { c.Link = "" }},
		"no expiry":    {PasswordReset, func(c *Content) { c.Until = time.Time{} }},
		"no user":      {PasswordReset, func(c *Content) { c.User, c.To = nil, "a@brandt.example" }},
		"no such mail": {"nothing", func(*Content) {}},
	} {
		content := full("de")
		c.leave(&content)
		if m, err := render(c.which, content); err == nil {
			t.Errorf("%s:\n%s", name, m.text)
		}
	}
}

// What is missing leaves no trace: who did it, roles, a tenant's contact person.
func TestMailsDoWithoutWhatIsNotKnown(t *testing.T) {
	for l, want := range map[string]string{
		"de": "wurden am 23.11.2026 um 09:04 Uhr (UTC) geändert. Sie haben nun keine Rolle mehr.", "en": "were changed on 23 November 2026 at 09:04 (UTC). You no longer have any role.",
	} {
		c := full(l)
		c.By, c.Roles = "", nil
		c.Tenant.ContactName, c.Tenant.ContactPhone, c.Tenant.ContactEmail = "", "", ""
		m := write(t, RolesChanged, c)
		if !strings.Contains(strings.ReplaceAll(m.text, "\n", " "), want) || !strings.Contains(m.html, want) || !strings.HasSuffix(m.text, "\nGießerei Brandt GmbH\n") {
			t.Errorf("%s:\n%s\n%s", l, m.text, m.html)
		}
	}
}

// Case: IO-04
// Case: IO-05
func TestWhatPeopleWriteStaysWords(t *testing.T) {
	hostile := "x\r\nBcc: evil@example.com\r\n\r\n<script>alert(1)</script><a href=\"javascript:alert(1)\">"
	for _, l := range lang.Languages {
		c := full(l)
		c.Name, c.By, c.NewUsername, c.NewEmail, c.IPAddress, c.Code = hostile, hostile, hostile, hostile, hostile, hostile
		c.Link, c.Roles = "javascript:alert(1)", []string{hostile}
		c.User.Username = hostile
		c.Tenant.Name, c.Tenant.ContactName = strings.Repeat(hostile, 9), hostile
		c.Tenant.ContactPhone, c.Tenant.ContactEmail = hostile, hostile
		for _, which := range templates {
			m := write(t, which, c)
			if strings.ContainsAny(m.subject, "\r\n") || utf8.RuneCountInString(m.subject) > maxSubject {
				t.Errorf("%s: the subject %q", which, m.subject)
			}
			for _, bad := range []string{"<script", "<a href=\"javascript", "href=\"javascript"} {
				if strings.Contains(m.html, bad) {
					t.Errorf("%s: a value wrote markup:\n%s", which, m.html)
				}
			}
			if strings.Contains(m.text, "\r") {
				t.Errorf("%s: a value wrote a line:\n%s", which, m.text)
			}
		}
	}
}
