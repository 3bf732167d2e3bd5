package telephony

import (
	"slices"

	"kontor/internal/day"
	"kontor/internal/fault"
)

// Step is a step of the wizard.
type Step string

// The steps, in their order.
const (
	Customer   Step = "CUSTOMER"
	Connection Step = "CONNECTION"
	AddOns     Step = "ADD_ONS"
	User       Step = "USER"
	SIM        Step = "SIM"
	Number     Step = "NUMBER"
	FMC        Step = "FMC"
	Confirm    Step = "CONFIRM"
)

// Steps are all steps, in their order.
var Steps = []Step{Customer, Connection, AddOns, User, SIM, Number, FMC, Confirm}

// StepState is how far a step is (WZ-09).
type StepState struct {
	Step     Step
	Complete bool
	Problems []*fault.Fault
}

// maxStartDays is how far ahead the start can lie, in days.
const maxStartDays = 730

// check is the state of every step of a wizard. One that was ordered is complete: what came
// of it later is the order's.
func (f *facts) check(w *wizard) []*StepState {
	states := make([]*StepState, len(Steps))
	for i, step := range Steps {
		states[i] = &StepState{Step: step, Complete: true, Problems: []*fault.Fault{}}
	}
	if w.OrderID != nil {
		return states
	}
	ready := true
	for i, of := range []func(*wizard, *fault.List){f.checkCustomer, f.checkConnection, f.checkAddOns, f.checkUser, f.checkSIM, f.checkNumber, f.checkFMC} {
		var problems fault.List
		of(w, &problems)
		states[i].Complete = len(problems) == 0 && (Steps[i] != AddOns || w.AddOnIds != nil)
		ready = ready && len(problems) == 0
		states[i].Problems = append(states[i].Problems, problems...)
	}
	// What was taken out is told with its step, and stands in the way of nothing by itself.
	for _, d := range w.Dropped {
		for _, state := range states {
			if string(state.Step) == d.Step {
				state.Problems = append(state.Problems, fault.New("NO_LONGER_FITS", d.Field...).With("sku", d.SKU).With("name", d.Name))
			}
		}
	}
	states[len(states)-1].Complete = ready
	return states
}

// problems are all that stands in the way of ordering.
func (f *facts) problems(w *wizard) error {
	var all fault.List
	for _, state := range f.check(w) {
		for _, p := range state.Problems {
			if p.Code != "NO_LONGER_FITS" {
				all.Add(p)
			}
		}
	}
	return all.Err()
}

// current is the first step that is not complete.
func current(states []*StepState) Step {
	for _, state := range states {
		if !state.Complete {
			return state.Step
		}
	}
	return Confirm
}

func (f *facts) checkCustomer(w *wizard, faults *fault.List) {
	offer := f.offers[w.Portfolio]
	switch {
	case w.Portfolio == "":
		faults.Add(fault.New("VALUE_REQUIRED", "customer", "portfolio"))
	case offer == nil:
		faults.Add(fault.New("PORTFOLIO_UNKNOWN", "customer", "portfolio"))
	}
	switch {
	case w.StartDate == nil:
		faults.Add(fault.New("VALUE_REQUIRED", "customer", "startDate"))
	case *w.StartDate < day.Of(f.now):
		faults.Add(fault.New("DATE_IN_PAST", "customer", "startDate"))
	case *w.StartDate > day.Of(f.now.UTC().AddDate(0, 0, maxStartDays)):
		faults.Add(fault.New("DATE_TOO_FAR", "customer", "startDate").With("max", maxStartDays))
	}
	switch {
	case w.TermMonths == nil:
		faults.Add(fault.New("VALUE_REQUIRED", "customer", "termMonths"))
	case offer != nil && !slices.Contains(offer.Terms, *w.TermMonths):
		faults.Add(fault.New("TERM_NOT_OFFERED", "customer", "termMonths"))
	}
}

func (f *facts) checkConnection(w *wizard, faults *fault.List) {
	if w.VoiceID == nil {
		faults.Add(fault.New("VALUE_REQUIRED", "connection", "voiceSku"))
	}
	for _, c := range choicesOf(w) {
		if c.step == Connection {
			f.checkChoice(w, c, faults)
		}
	}
}

func (f *facts) checkAddOns(w *wizard, faults *fault.List) {
	for _, c := range choicesOf(w) {
		if c.step == AddOns {
			f.checkChoice(w, c, faults)
		}
	}
}

func (f *facts) checkUser(w *wizard, faults *fault.List) {
	switch {
	case w.EndUserID == nil && w.NewUser == nil:
		faults.Add(fault.New("VALUE_REQUIRED", "endUser"))
	case w.EndUserID != nil && f.people[*w.EndUserID] == nil:
		faults.Add(fault.New("END_USER_UNKNOWN", "endUser", "id"))
	case w.NewUser != nil && f.usernames[key(w.NewUser.Username)]:
		faults.Add(fault.New("USERNAME_TAKEN", "endUser", "new", "username"))
	}
}

func (f *facts) checkSIM(w *wizard, faults *fault.List) {
	if w.SimProductID == nil || w.SimMode == nil {
		if w.SimProductID == nil {
			faults.Add(fault.New("VALUE_REQUIRED", "sim", "productSku"))
		}
		if w.SimMode == nil {
			faults.Add(fault.New("VALUE_REQUIRED", "sim", "mode"))
		}
		return
	}
	for _, c := range choicesOf(w) {
		if c.step == SIM {
			f.checkChoice(w, c, faults)
		}
	}
	if activates(w) && !f.held[w.ID].sim {
		faults.Add(fault.New("RESERVATION_EXPIRED", "sim", "lastFour"))
	}
}

func (f *facts) checkNumber(w *wizard, faults *fault.List) {
	switch {
	case w.NumberKind == nil:
		faults.Add(fault.New("VALUE_REQUIRED", "number", "kind"))
	case !f.held[w.ID].number && ports(w):
		faults.Add(fault.New("RESERVATION_EXPIRED", "number", "number"))
	case !f.held[w.ID].number:
		faults.Add(fault.New("RESERVATION_EXPIRED", "number", "numberId"))
	}
}

func (f *facts) checkFMC(w *wizard, faults *fault.List) {
	switch {
	case w.Extension == "":
		for _, field := range []string{"extension", "name", "pin"} {
			faults.Add(fault.New("VALUE_REQUIRED", "fmc", field))
		}
	case !f.held[w.ID].extension:
		faults.Add(fault.New("RESERVATION_EXPIRED", "fmc", "extension"))
	}
}

// checkChoice tells what stands in the way of a product that was chosen.
func (f *facts) checkChoice(w *wizard, c choice, faults *fault.List) {
	rule := f.rule(w.Portfolio, *c.product)
	switch {
	case rule == nil || f.offers[w.Portfolio] == nil || !fits(rule, c.kind, w.VoiceID, w.TermMonths):
		faults.Add(fault.New("PRODUCT_DOES_NOT_FIT", c.field...).With("sku", f.sku(rule)))
	case !f.orderable(rule):
		faults.Add(fault.New("PRODUCT_NOT_ORDERABLE", c.field...).With("sku", f.sku(rule)))
	}
}
