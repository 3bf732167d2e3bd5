// Package account holds the values that a cart, an order and their positions
// carry along as they stood: how the costs are assigned, and where it goes to.
package account

import (
	"github.com/google/uuid"

	"kontor/internal/day"
	"kontor/internal/money"
)

// Assignment says which accounts of the customer's books a position belongs to
// (Kontierungsdaten, CA-05). Every part may be empty.
type Assignment struct {
	CostCentre string `json:"costCentre,omitempty"`
	GLAccount  string `json:"glAccount,omitempty"`
	Project    string `json:"project,omitempty"`
	Plant      string `json:"plant,omitempty"`
}

// IsZero tells whether nothing is assigned.
func (a Assignment) IsZero() bool { return a == Assignment{} }

// Address is where a position was ordered to, as the address stood at that time.
type Address struct {
	Company    string `json:"company,omitempty"`
	Contact    string `json:"contact,omitempty"`
	Street     string `json:"street,omitempty"`
	PostalCode string `json:"postalCode,omitempty"`
	City       string `json:"city,omitempty"`
	Country    string `json:"country,omitempty"`
}

// SavedAddress is where a saved cart or a position of it goes to: an address of its owner,
// and a copy for others and for when that one is gone.
type SavedAddress struct {
	ID uuid.UUID `json:"id"`
	Address
}

// SavedPosition is a position of a saved cart (CA-06).
type SavedPosition struct {
	ProductID  uuid.UUID      `json:"productId"`
	Unit       string         `json:"unit"`
	Quantity   money.Decimal  `json:"quantity"`
	SeenPrice  *money.Decimal `json:"seenPrice,omitempty"` // the unit price that was seen last (CA-09)
	WishedDate *day.Day       `json:"wishedDate,omitempty"`
	Address    *SavedAddress  `json:"address,omitempty"`
	Assignment *Assignment    `json:"assignment,omitempty"`
}

// OrderDetails are what a business case needs besides positions and contract (OR-06). Each
// may be empty: then a service agent asks for it.
type OrderDetails struct {
	CustomerNumber string   `json:"customerNumber,omitempty"` // under which a new contract goes
	Provider       string   `json:"provider,omitempty"`       // that a site comes from
	PortNumbers    []string `json:"portNumbers,omitempty"`    // to take over from there, E.164
	NewNumbers     int      `json:"newNumbers,omitempty"`     // how many
	TermMonths     int      `json:"termMonths,omitempty"`     // of a contract, from its start or its former end
	// Telephony is what a telephony user gets, where one is ordered (WZ-08).
	Telephony *Telephony `json:"telephony,omitempty"`
}

// Telephony is what a telephony user gets.
type Telephony struct {
	Name      string `json:"name"`
	Number    string `json:"number"` // E.164
	Extension string `json:"extension"`
	AreaCode  string `json:"areaCode,omitempty"`
	ICCID     string `json:"iccid,omitempty"` // of the card that is activated now
}

// Numbers are the phone numbers; none of nil.
func (t *Telephony) Numbers() []string {
	if t == nil {
		return nil
	}
	return []string{t.Number}
}

// Provisioned is what came of an order outside of Kontor (OR-07). Each part may be empty.
type Provisioned struct {
	ContractNumber string   `json:"contractNumber,omitempty"` // of a new contract
	AccessNumber   string   `json:"accessNumber,omitempty"`
	CustomerNumber string   `json:"customerNumber,omitempty"` // under which the new contract goes
	Numbers        []string `json:"numbers,omitempty"`        // that the contract has from now on, besides those it has
	ValidFrom      *day.Day `json:"validFrom,omitempty"`
	ValidTo        *day.Day `json:"validTo,omitempty"`
	Note           string   `json:"note,omitempty"` // for the history of the order
}

// NewEndUser is a person who will telephone, and is not known yet (WZ-04).
type NewEndUser struct {
	Username  string `json:"username"`
	FirstName string `json:"firstName"`
	Prefix    string `json:"prefix,omitempty"`
	LastName  string `json:"lastName"`
	Email     string `json:"email"`
	Language  string `json:"language"` // of announcements and voicemail
}

// Dropped is a product that was taken out of a wizard, because it fits no more (WZ-09).
type Dropped struct {
	Step  string   `json:"step"`
	Field []string `json:"field"`
	SKU   string   `json:"sku"`
	Name  string   `json:"name"`
}

// OrderedProduct is the product as it was called when it was ordered (OR-01).
type OrderedProduct struct{ SKU, Name string }

// Attribute is a property of a product, such as {weight, 1.2, kg}.
type Attribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Unit  string `json:"unit,omitempty"`
}

// Agreement is who agreed to a quote (OR-04).
type Agreement struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// AgreementOf is who agreed; nil while nobody did.
func AgreementOf(name, email *string) *Agreement {
	if name == nil || email == nil {
		return nil
	}
	return &Agreement{*name, *email}
}
