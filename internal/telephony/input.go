package telephony

import (
	"github.com/99designs/gqlgen/graphql"

	"kontor/ent/user"
	entwizard "kontor/ent/wizard"
	"kontor/internal/day"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// StartTelephonyUserOrderInput is how a wizard begins; what is not said is entered later.
type StartTelephonyUserOrderInput struct {
	TenantID   *gid.ID
	Portfolio  *string
	Reference  *string
	StartDate  *day.Day
	TermMonths *int
}

// SetTelephonyUserOrderStepInput is one step of a wizard. Version is that of the wizard as the client
// saw it; without it, what the session was shown counts.
type SetTelephonyUserOrderStepInput struct {
	WizardID           gid.ID
	Version            *int
	Customer           *CustomerInput
	Connection         *ConnectionInput
	AddOns             *AddOnsInput
	EndUser            *EndUserInput
	Sim                *SIMInput
	Number             *NumberInput
	Fmc                *FMCInput
	CreateInvoiceItems *bool
}

// CustomerInput is the step CUSTOMER (WZ-01); what is not said stays.
type CustomerInput struct {
	Portfolio  *string
	Reference  *string
	StartDate  *day.Day
	TermMonths *int
}

// ConnectionInput is the step CONNECTION (WZ-02); what is not said stays as far as it fits.
type ConnectionInput struct {
	VoiceSku *string
	DataSku  graphql.Omittable[*string]
	SmsSku   graphql.Omittable[*string]
}

// AddOnsInput is the step ADD_ONS (WZ-03).
type AddOnsInput struct{ Skus []string }

// EndUserInput is the step USER (WZ-04): one who is there, or a new one.
type EndUserInput struct {
	ID  *gid.ID
	New *NewEndUserInput
}

// NewEndUserInput is a new end user.
type NewEndUserInput struct {
	Username  string
	FirstName string
	Prefix    *string
	LastName  string
	Email     string
	Language  *user.Language
}

// SIMInput is the step SIM (WZ-05).
type SIMInput struct {
	ProductSku *string
	Mode       *entwizard.SimMode
	LastFour   *string
	SimID      *gid.ID
}

// NumberInput is the step NUMBER (WZ-06).
type NumberInput struct {
	Kind     *entwizard.NumberKind
	NumberID *gid.ID
	Number   *string
	Provider *string
}

// FMCInput is the step FMC (WZ-07). A PIN that is not given stays.
type FMCInput struct {
	Extension string
	Name      string
	Pin       *string
	AreaCode  *string
}

// step is which step the input is about, and how to set it.
func (in SetTelephonyUserOrderStepInput) step() (Step, func(*change) error, error) {
	var steps []Step
	var set func(*change) error
	add := func(given bool, step Step, how func(*change) error) {
		if given {
			steps, set = append(steps, step), how
		}
	}
	add(in.Customer != nil, Customer, func(c *change) error { return c.customer(in.Customer) })
	add(in.Connection != nil, Connection, func(c *change) error { return c.connection(in.Connection) })
	add(in.AddOns != nil, AddOns, func(c *change) error { return c.addOns(in.AddOns) })
	add(in.EndUser != nil, User, func(c *change) error { return c.endUser(in.EndUser) })
	add(in.Sim != nil, SIM, func(c *change) error { return c.sim(in.Sim) })
	add(in.Number != nil, Number, func(c *change) error { return c.number(in.Number) })
	add(in.Fmc != nil, FMC, func(c *change) error { return c.fmc(in.Fmc) })
	add(in.CreateInvoiceItems != nil, Confirm, func(c *change) error {
		c.w.CreateInvoiceItems = *in.CreateInvoiceItems
		return nil
	})
	if len(steps) != 1 {
		return "", nil, fault.New("ONE_STEP_ONLY")
	}
	return steps[0], set, nil
}
