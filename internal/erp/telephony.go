package erp

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/enduser"
	"kontor/ent/phonenumber"
	"kontor/ent/portfolio"
	"kontor/ent/portfolioproduct"
	"kontor/ent/simcard"
	"kontor/internal/phone"
)

// What the wizard for telephony users takes from the operator's systems: what fits what
// (WZ-02), and the stock of SIM cards and numbers (WZ-05, WZ-06).
var (
	portfolios = &table{
		filled: []string{"portfolios"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant that is offered the portfolio", Example: "HANSA"},
			{Name: "portfolio", Required: true, Type: short, Meaning: "name of the portfolio", Example: "Fernruf Mobil Business"},
			{Name: "terms", Required: true, Type: months, Meaning: "contract terms in months that the tenant can choose", Example: "1|12|24"},
			{Name: "offered", Type: boolean, Default: "true", Meaning: "whether it is still offered", Example: "true"},
		},
	}
	portfolioProducts = &table{
		filled: []string{"portfolio_products"},
		columns: []Column{
			{Name: "portfolio", Required: true, Type: short, Meaning: "name of the portfolio", Example: "Fernruf Mobil Business"},
			{Name: "sku", Required: true, Type: key, Meaning: "product of the portfolio", Example: "TEL-DA-2103"},
			{Name: "kind", Required: true, Type: oneOf("VOICE", "DATA", "SMS", "ADD_ON", "SIM"), Meaning: "what the product is there", Example: "DATA"},
			{Name: "voice_skus", Type: keys, Meaning: "voice products that it goes with; empty: all", Example: "TEL-VP-1101|TEL-VP-1102"},
			{Name: "terms", Type: months, Meaning: "contract terms in months that it goes with; empty: all", Example: "12|24"},
			{Name: "offered", Type: boolean, Default: "true", Meaning: "whether it is still offered", Example: "true"},
		},
	}
	endUsers = &table{
		filled: []string{"end_users"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant of the end user", Example: "HANSA"},
			{Name: "username", Required: true, Type: key, Meaning: "user name in the telephone system, unique in the tenant", Example: "j.petersen"},
			{Name: "first_name", Required: true, Type: short, Meaning: "first name", Example: "Jan"},
			{Name: "prefix", Type: short, Meaning: "prefix of the last name", Example: "von der"},
			{Name: "last_name", Required: true, Type: short, Meaning: "last name", Example: "Petersen"},
			{Name: "email", Required: true, Type: email, Meaning: "e-mail address", Example: "jan.petersen@hansa.example"},
			{Name: "language", Type: oneOf("de", "en"), Default: "de", Meaning: "language of announcements and voicemail", Example: "de"},
		},
	}
	simCards = &table{
		filled: []string{"sim_cards"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant that has the card in stock", Example: "HANSA"},
			{Name: "iccid", Required: true, Type: iccid, Meaning: "number of the card", Example: "8949020000010014518"},
			{Name: "sku", Required: true, Type: key, Meaning: "SIM product that the card is", Example: "TEL-SI-3101"},
		},
	}
	phoneNumbers = &table{
		filled: []string{"phone_numbers"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant that has the number in stock", Example: "HANSA"},
			{Name: "number", Required: true, Type: phoneNumber, Meaning: "phone number with its country", Example: "+49 40 66969 301"},
		},
	}
	telephonyUsers = &table{
		filled: []string{"telephony_users", "extensions", "phone_numbers"},
		columns: []Column{
			{Name: "organization_id", Required: true, Type: key, Meaning: "tenant of the telephony user", Example: "HANSA"},
			{Name: "extension", Required: true, Type: digits, Meaning: "extension, unique in the tenant; it names the telephony user", Example: "301"},
			{Name: "username", Required: true, Type: key, Meaning: "user name of the end user", Example: "j.petersen"},
			{Name: "name", Required: true, Type: short, Meaning: "name that is shown", Example: "Jan Petersen"},
			{Name: "number", Required: true, Type: phoneNumber, Meaning: "phone number with its country, free in the stock of the tenant", Example: "+49 40 66969 301"},
			{Name: "iccid", Type: iccid, Meaning: "number of the linked card, free in the stock of the tenant; empty: none is linked yet", Example: "8949020000010014518"},
			{Name: "area_code", Type: textOf(2, 6), Meaning: "default area code", Example: "040"},
		},
	}
)

// digits is how extensions are written.
var digits = Type{Description: "2 to 6 digits", parse: func(c cell) (any, *RowError) {
	if len(c.text) < 2 || len(c.text) > 6 || strings.ContainsFunc(c.text, func(r rune) bool { return !isDigit(r) }) {
		return "", flaw(CodeNumberOutOfRange, "2-6 digits")
	}
	return c.text, nil
}}

// parts are the values of a list, separated by |, each once.
func parts(text string) []string {
	var all []string
	for part := range strings.SplitSeq(text, "|") {
		if part = trim(part); part != "" && !slices.Contains(all, part) {
			all = append(all, part)
		}
	}
	return all
}

var keys = Type{Description: "one or more product numbers, separated by |", parse: func(c cell) (any, *RowError) { return parts(c.text), nil }}

var months = Type{Description: "one or more whole numbers, 1-120, separated by |", parse: func(c cell) (any, *RowError) {
	for _, part := range parts(c.text) {
		if n, err := strconv.Atoi(part); err != nil || n < 1 || n > 120 {
			return nil, flaw(CodeNumberOutOfRange, "1-120")
		}
	}
	return parts(c.text), nil
}}

var iccids = regexp.MustCompile(`^\d{18,22}$`)

var iccid = Type{Description: "18 to 22 digits", parse: func(c cell) (any, *RowError) {
	if !iccids.MatchString(c.text) {
		return "", flaw(CodeIccidInvalid, quote(c.text))
	}
	return c.text, nil
}}

var phoneNumber = Type{Description: "phone number with its country, such as +49 40 66969 301", parse: func(c cell) (any, *RowError) {
	number, ok := phone.Parse(c.text)
	if !ok {
		return "", flaw(CodePhoneInvalid, quote(c.text))
	}
	return number, nil
}}

// termsOf are the contract terms of a row, the shortest first.
func termsOf(row *Row) []int {
	terms := []int{}
	for _, part := range row.List("terms") {
		n, _ := strconv.Atoi(part) // the type has checked it
		terms = append(terms, n)
	}
	slices.Sort(terms)
	return terms
}

func (w *writer) writePortfolio(row *Row) (outcome, error) {
	t, err := w.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	existing, err := w.tx.Portfolio.Query().Where(portfolio.TenantID(t.ID), portfolio.Name(row.Text("portfolio"))).Only(w.ctx)
	if ent.IsNotFound(err) {
		err := w.tx.Portfolio.Create().SetTenantID(t.ID).SetName(row.Text("portfolio")).SetTerms(termsOf(row)).SetActive(row.Bool("offered")).Exec(w.ctx)
		return created, wrap(err, "writing the portfolio")
	}
	if err != nil {
		return 0, fmt.Errorf("finding the portfolio: %w", err)
	}
	if slices.Equal(existing.Terms, termsOf(row)) && existing.Active == row.Bool("offered") {
		return unchanged, nil
	}
	return updated, wrap(existing.Update().SetTerms(termsOf(row)).SetActive(row.Bool("offered")).Exec(w.ctx), "changing the portfolio")
}

func (w *writer) writePortfolioProduct(row *Row) (outcome, error) {
	operator, err := w.catalogue()
	if err != nil {
		return 0, err
	}
	of, err := w.product("sku", row.Text("sku"))
	if err != nil {
		return 0, err
	}
	voices := []uuid.UUID{}
	for _, sku := range row.List("voice_skus") {
		voice, err := w.product("voice_skus", sku)
		if err != nil {
			return 0, err
		}
		voices = append(voices, voice)
	}
	kind := portfolioproduct.Kind(row.Text("kind"))
	if kind == portfolioproduct.KindVOICE && len(voices) > 0 {
		return 0, refusal("voice_skus", "a voice product goes with no other one")
	}
	existing, err := w.tx.PortfolioProduct.Query().Where(portfolioproduct.TenantID(operator.ID), portfolioproduct.Portfolio(row.Text("portfolio")),
		portfolioproduct.ProductID(of)).Only(w.ctx)
	if ent.IsNotFound(err) {
		err := w.tx.PortfolioProduct.Create().SetTenantID(operator.ID).SetPortfolio(row.Text("portfolio")).SetProductID(of).SetKind(kind).
			SetVoices(voices).SetTerms(termsOf(row)).SetActive(row.Bool("offered")).Exec(w.ctx)
		return created, wrap(err, "writing a product of a portfolio")
	}
	if err != nil {
		return 0, fmt.Errorf("finding a product of a portfolio: %w", err)
	}
	if existing.Kind == kind && slices.Equal(existing.Voices, voices) && slices.Equal(existing.Terms, termsOf(row)) && existing.Active == row.Bool("offered") {
		return unchanged, nil
	}
	err = existing.Update().SetKind(kind).SetVoices(voices).SetTerms(termsOf(row)).SetActive(row.Bool("offered")).Exec(w.ctx)
	return updated, wrap(err, "changing a product of a portfolio")
}

func (w *writer) writeEndUser(row *Row) (outcome, error) {
	t, err := w.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	username := row.Text("username")
	existing, err := w.tx.EndUser.Query().Where(enduser.TenantID(t.ID), enduser.UsernameKey(strings.ToLower(username))).Only(w.ctx)
	if ent.IsNotFound(err) {
		err := w.tx.EndUser.Create().SetTenantID(t.ID).SetUsername(username).SetUsernameKey(strings.ToLower(username)).SetFirstName(row.Text("first_name")).
			SetPrefix(row.Text("prefix")).SetLastName(row.Text("last_name")).SetEmail(row.Text("email")).SetLanguage(enduser.Language(row.Text("language"))).
			SetCreatedAt(w.now().UTC()).Exec(w.ctx)
		return created, wrap(err, "writing the end user")
	}
	if err != nil {
		return 0, fmt.Errorf("finding the end user: %w", err)
	}
	update := existing.Update().SetFirstName(row.Text("first_name")).SetPrefix(row.Text("prefix")).SetLastName(row.Text("last_name")).
		SetEmail(row.Text("email")).SetLanguage(enduser.Language(row.Text("language")))
	if !changes(update.Mutation(), existing) {
		return unchanged, nil
	}
	return updated, wrap(update.Exec(w.ctx), "changing the end user")
}

// writeSimCard writes a card of the stock. It stays with its company, and who has it is
// nothing that a file says.
func (w *writer) writeSimCard(row *Row) (outcome, error) {
	t, err := w.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	of, err := w.product("sku", row.Text("sku"))
	if err != nil {
		return 0, err
	}
	number := row.Text("iccid")
	existing, err := w.tx.SimCard.Query().Where(simcard.Iccid(number)).Only(w.ctx)
	if ent.IsNotFound(err) {
		err := w.tx.SimCard.Create().SetTenantID(t.ID).SetIccid(number).SetLastFour(number[len(number)-4:]).SetProductID(of).SetCreatedAt(w.now().UTC()).Exec(w.ctx)
		return created, wrap(err, "writing the SIM card")
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("finding the SIM card: %w", err)
	case existing.TenantID != t.ID:
		return 0, refusal("iccid", "another company has the card")
	case existing.ProductID == of:
		return unchanged, nil
	}
	return updated, wrap(existing.Update().SetProductID(of).Exec(w.ctx), "changing the SIM card")
}

func (w *writer) writePhoneNumber(row *Row) (outcome, error) {
	t, err := w.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	existing, err := w.tx.PhoneNumber.Query().Where(phonenumber.Number(row.Text("number")), phonenumber.OriginEQ(phonenumber.OriginSTOCK)).Only(w.ctx)
	if ent.IsNotFound(err) {
		err := w.tx.PhoneNumber.Create().SetTenantID(t.ID).SetNumber(row.Text("number")).SetOrigin(phonenumber.OriginSTOCK).SetCreatedAt(w.now().UTC()).Exec(w.ctx)
		return created, wrap(err, "writing the phone number")
	}
	if err == nil && existing.TenantID != t.ID {
		return 0, refusal("number", "another company has the number")
	}
	return unchanged, wrap(err, "finding the phone number")
}
