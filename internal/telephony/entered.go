package telephony

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/enduser"
	"kontor/ent/portfolioproduct"
	"kontor/internal/account"
	"kontor/internal/email"
	"kontor/internal/fault"
)

const (
	maxReference = 60
	maxName      = 100
	maxUsername  = 64
	maxAddOns    = 50
)

// customer sets portfolio, reference, start and term.
func (c *change) customer(in *CustomerInput) error {
	w := c.w
	if in.Reference != nil {
		w.Reference = fault.Line(in.Reference, maxReference, []string{"customer", "reference"}, &c.faults)
	}
	if in.Portfolio != nil {
		w.Portfolio = fault.Line(in.Portfolio, maxName, []string{"customer", "portfolio"}, &c.faults)
	}
	if in.StartDate != nil {
		w.StartDate = in.StartDate
	}
	if in.TermMonths != nil {
		w.TermMonths = in.TermMonths
	}
	if err := c.look(); err != nil || len(c.faults) > 0 {
		return err
	}
	// What is missing is told with the step; what is wrong does not get in.
	var found fault.List
	c.facts.checkCustomer(w, &found)
	for _, f := range found {
		if f.Code != "VALUE_REQUIRED" {
			c.faults.Add(f)
		}
	}
	return nil
}

// connection sets the voice, data and SMS products.
func (c *change) connection(in *ConnectionInput) error {
	if err := c.look(); err != nil {
		return err
	}
	w := c.w
	if in.VoiceSku != nil {
		w.VoiceID = c.product(*in.VoiceSku, portfolioproduct.KindVOICE, nil, "connection", "voiceSku")
	} else if w.VoiceID == nil {
		c.faults.Add(fault.New("VALUE_REQUIRED", "connection", "voiceSku"))
	}
	for _, each := range []struct {
		kind  portfolioproduct.Kind
		given func() (*string, bool)
		put   **uuid.UUID
		field string
	}{
		{portfolioproduct.KindDATA, in.DataSku.ValueOK, &w.DataID, "dataSku"}, {portfolioproduct.KindSMS, in.SmsSku.ValueOK, &w.SmsID, "smsSku"},
	} {
		sku, given := each.given()
		switch {
		case given && sku == nil:
			*each.put = nil
		case given:
			*each.put = c.product(*sku, each.kind, w.VoiceID, "connection", each.field)
		}
	}
	return nil
}

// addOns sets the add-ons: none is an answer, too.
func (c *change) addOns(in *AddOnsInput) error {
	if len(in.Skus) > maxAddOns {
		c.faults.Add(fault.New("TOO_MANY_ITEMS", "addOns", "skus").With("max", maxAddOns))
		return nil
	}
	if err := c.look(); err != nil {
		return err
	}
	chosen := []uuid.UUID{}
	for i, sku := range in.Skus {
		id := c.product(sku, portfolioproduct.KindADD_ON, c.w.VoiceID, "addOns", "skus", strconv.Itoa(i))
		if id != nil && !slices.Contains(chosen, *id) {
			chosen = append(chosen, *id)
		}
	}
	c.w.AddOnIds = chosen
	return nil
}

// product is a product of the portfolio that was chosen as something, or a fault: what the
// company does not see is told as what does not fit.
func (c *change) product(sku string, kind portfolioproduct.Kind, voice *uuid.UUID, field ...string) *uuid.UUID {
	rule := c.facts.named(c.w.Portfolio, strings.TrimSpace(sku))
	switch {
	case c.w.Portfolio == "":
		c.faults.Add(fault.New("PORTFOLIO_REQUIRED", field...))
	case rule == nil || c.facts.offers[c.w.Portfolio] == nil || !fits(rule, kind, voice, c.w.TermMonths):
		c.faults.Add(fault.New("PRODUCT_DOES_NOT_FIT", field...).With("sku", shortened(sku)))
	case !c.facts.orderable(rule):
		c.faults.Add(fault.New("PRODUCT_NOT_ORDERABLE", field...).With("sku", rule.Edges.Product.Sku))
	default:
		return &rule.ProductID
	}
	return nil
}

// shortened is a text as it can be repeated in a message.
func shortened(text string) string {
	runes := []rune(strings.TrimSpace(text))
	return string(runes[:min(len(runes), 40)])
}

// endUser picks an end user or describes a new one.
func (c *change) endUser(in *EndUserInput) error {
	switch {
	case in.ID == nil && in.New == nil:
		c.faults.Add(fault.New("VALUE_REQUIRED", "endUser"))
		return nil
	case in.ID != nil && in.New != nil:
		c.faults.Add(fault.New("VALUE_CONTRADICTS", "endUser", "new"))
		return nil
	case in.ID != nil:
		id, err := c.tx.EndUser.Query().Where(enduser.ID(in.ID.Of(ent.KindEndUser))).OnlyID(c.ctx)
		if ent.IsNotFound(err) {
			c.faults.Add(fault.New("END_USER_UNKNOWN", "endUser", "id"))
			return nil
		}
		if err != nil {
			return fmt.Errorf("finding the end user: %w", err)
		}
		c.w.EndUserID, c.w.NewUser = &id, nil
		return nil
	}
	made, err := c.newUser(in.New)
	if err == nil && made != nil {
		c.w.EndUserID, c.w.NewUser = nil, made
	}
	return err
}

// newUser is a new end user as it will be made with the order; nil where something is wrong.
func (c *change) newUser(in *NewEndUserInput) (*account.NewEndUser, error) {
	before := len(c.faults)
	at := func(name string) []string { return []string{"endUser", "new", name} }
	u := &account.NewEndUser{
		Username:  fault.NeededAt(in.Username, maxUsername, at("username"), &c.faults),
		FirstName: fault.NeededAt(in.FirstName, maxName, at("firstName"), &c.faults),
		Prefix:    fault.Line(in.Prefix, maxName, at("prefix"), &c.faults),
		LastName:  fault.NeededAt(in.LastName, maxName, at("lastName"), &c.faults),
	}
	if strings.ContainsFunc(u.Username, func(r rune) bool { return unicode.IsSpace(r) || r == '@' }) {
		c.faults.Add(fault.New("VALUE_INVALID", at("username")...))
	}
	address, ok := email.Parse(in.Email)
	if !ok {
		c.faults.Add(fault.New("EMAIL_INVALID", at("email")...))
	}
	u.Email = address
	if in.Language != nil {
		u.Language = string(*in.Language)
	} else {
		t, err := c.ofTenant(c.ctx, c.tx, c.w.TenantID)
		if err != nil {
			return nil, err
		}
		u.Language = t.Language
	}
	if len(c.faults) > before {
		return nil, nil
	}
	taken, err := c.tx.EndUser.Query().Where(enduser.UsernameKey(key(u.Username))).Exist(c.ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for a user name: %w", err)
	}
	if taken {
		c.faults.Add(fault.New("USERNAME_TAKEN", at("username")...))
		return nil, nil
	}
	return u, nil
}

// mustChangePIN is the PIN that has to be changed at the first login (WZ-07).
const mustChangePIN = "0000"

var (
	extensions = regexp.MustCompile(`^\d{2,6}$`)
	pins       = regexp.MustCompile(`^\d{4,8}$`)
	areaCodes  = regexp.MustCompile(`^0[1-9]\d{1,4}$`)
)

// fmc sets the extension, which is reserved, the name, the PIN and the area code.
func (c *change) fmc(in *FMCInput) error {
	w := c.w
	name := fault.NeededAt(in.Name, maxName, []string{"fmc", "name"}, &c.faults)
	area := ""
	if in.AreaCode != nil {
		area = strings.TrimSpace(*in.AreaCode)
	}
	if area != "" && !areaCodes.MatchString(area) {
		c.faults.Add(fault.New("AREA_CODE_INVALID", "fmc", "areaCode"))
	}
	switch {
	case in.Pin == nil && w.PinHash == "":
		c.faults.Add(fault.New("VALUE_REQUIRED", "fmc", "pin"))
	case in.Pin != nil && !pins.MatchString(*in.Pin):
		c.faults.Add(fault.New("PIN_INVALID", "fmc", "pin"))
	}
	extension := strings.TrimSpace(in.Extension)
	if !extensions.MatchString(extension) {
		c.faults.Add(fault.New("EXTENSION_INVALID", "fmc", "extension"))
	}
	if len(c.faults) > 0 {
		return nil
	}
	taken, err := c.takeExtension(extension)
	if err != nil {
		return err
	}
	if !taken {
		c.faults.Add(fault.New("EXTENSION_TAKEN", "fmc", "extension").With("extension", extension))
		return nil
	}
	w.Extension, w.DisplayName, w.AreaCode = extension, name, area
	if in.Pin != nil {
		w.PinHash, w.PinMustChange = c.pin, *in.Pin == mustChangePIN
	}
	return nil
}

// hashPIN is the hash of a PIN that is well formed; empty where none is given.
func (s *Service) hashPIN(ctx context.Context, in *FMCInput) (string, error) {
	if in == nil || in.Pin == nil || !pins.MatchString(*in.Pin) {
		return "", nil
	}
	hash, err := s.hasher.Hash(ctx, *in.Pin)
	if err != nil {
		return "", fmt.Errorf("hashing a PIN: %w", err)
	}
	return hash, nil
}
