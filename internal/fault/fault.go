// Package fault holds the errors that a person can put right: a broken rule, a
// wrong state. They travel in the payload of a mutation (UserError), in the
// language of whoever asked. Everything else is an ordinary error.
package fault

import (
	"errors"
	"strings"
	"time"
)

// Fault is one thing that a person can put right. The text for its Code is in
// the language catalogue, filled in with Args.
type Fault struct {
	// Code is stable and listed in the schema, such as PASSWORD_TOO_SHORT.
	Code string
	// Field is the path in the input, such as ["items", "3", "quantity"];
	// empty where no single field is to blame.
	Field []string
	// Text gives the message in a language where a rule brings its own; nil where
	// the catalogue has it.
	Text func(language string) string
	// Args fill the placeholders of the message.
	Args map[string]any
	// AskContact is true where a person has to be asked; the payload then names
	// Person, or the contact person of the viewer's tenant.
	AskContact bool
	Person     *Contact
}

// Contact is the person that a tenant turns to.
type Contact struct{ Name, Phone, Email string }

// New is a fault with this code at this place of the input.
func New(code string, field ...string) *Fault { return &Fault{Code: code, Field: field} }

// With adds a value for the message, and returns the fault.
func (f *Fault) With(name string, value any) *Fault {
	if f.Args == nil {
		f.Args = map[string]any{}
	}
	f.Args[name] = value
	return f
}

// Contact marks a fault that only a person at the operator can resolve.
func (f *Fault) Contact() *Fault {
	f.AskContact = true
	return f
}

// Ask marks a fault that only this person can resolve: for whoever is not logged
// in, and so has no tenant.
func (f *Fault) Ask(person *Contact) *Fault {
	f.AskContact, f.Person = true, person
	return f
}

// Error names the code and the field, for logs; people read the catalogue's text.
func (f *Fault) Error() string {
	if len(f.Field) == 0 {
		return f.Code
	}
	return f.Code + " at " + strings.Join(f.Field, ".")
}

// List collects faults, so that everything wrong is told at once.
type List []*Fault

// Add appends a fault.
func (l *List) Add(f *Fault) { *l = append(*l, f) }

// Err is nil for an empty list, and the list as an error otherwise.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

func (l List) Error() string {
	texts := make([]string, len(l))
	for i, f := range l {
		texts[i] = f.Error()
	}
	return strings.Join(texts, "; ")
}

// Split parts an error into the faults that go into a payload and the rest,
// which becomes a GraphQL error.
func Split(err error) (List, error) {
	var (
		one  *Fault
		many List
	)
	switch {
	case err == nil:
		return List{}, nil
	case errors.As(err, &many):
		return many, nil
	case errors.As(err, &one):
		return List{one}, nil
	default:
		return List{}, err
	}
}

// Refusals are what a client cannot put right within the same request. The
// presenter turns them into GraphQL errors with the code of the same name.
var (
	ErrUnauthenticated = errors.New("unauthenticated")
	ErrForbidden       = errors.New("forbidden")
	ErrNotFound        = errors.New("not found")
	ErrUnavailable     = errors.New("unavailable")
)

// Invalid is an argument that breaks the contract of the schema in a way that
// its types cannot say (BAD_USER_INPUT); the text is for the developer.
type Invalid string

func (i Invalid) Error() string { return string(i) }

// RateLimited says that something was tried too often (RATE_LIMITED).
type RateLimited struct{ RetryAfter time.Duration }

func (r *RateLimited) Error() string { return "tried too often, again in " + r.RetryAfter.String() }
