package graph

import (
	"context"

	"kontor/ent"
	"kontor/internal/access"
	"kontor/internal/audit"
	"kontor/internal/cart"
	"kontor/internal/catalog"
	"kontor/internal/company"
	"kontor/internal/erp"
	"kontor/internal/fault"
	"kontor/internal/identity"
	"kontor/internal/lang"
	"kontor/internal/ordering"
	"kontor/internal/telephony"

	"kontor/graph/model"
)

// Resolver holds the rooms that answer, one field each. The fields are unexported,
// because exported ones would clash with the schema's root fields.
type Resolver struct {
	client    *ent.Client
	identity  *identity.Service
	access    *access.Service
	audit     *audit.Log
	catalog   *catalog.Service
	cart      *cart.Service
	ordering  *ordering.Service
	company   *company.Service
	imports   *erp.Runs
	telephony *telephony.Service
	files     Files
}

// Rooms are what the API answers from.
type Rooms struct {
	Client    *ent.Client
	Identity  *identity.Service
	Access    *access.Service
	Audit     *audit.Log
	Catalog   *catalog.Service
	Cart      *cart.Service
	Ordering  *ordering.Service
	Company   *company.Service
	Imports   *erp.Runs
	Telephony *telephony.Service
	Files     Files
}

// Files makes links to files: the server knows their address and signs them.
type Files interface {
	// Link is a link to the whole list behind a connection, with the filter that
	// the connection was asked with, for the viewer of the context.
	Link(ctx context.Context, list string, format model.ExportFormat, where any) (*model.Download, error)
	// Document is a link to a document that is open to the viewer of the context.
	Document(ctx context.Context, d *ent.Document) (*model.Download, error)
	// Copy is a link to all that is kept about the viewer of the context, who has just shown who it is.
	Copy(ctx context.Context) (*model.Download, error)
}

// NewResolver is the API over its rooms.
func NewResolver(r Rooms) *Resolver {
	return &Resolver{
		client: r.Client, identity: r.Identity, access: r.Access, audit: r.Audit, catalog: r.Catalog,
		cart: r.Cart, ordering: r.Ordering, company: r.Company, imports: r.Imports, telephony: r.Telephony, files: r.Files,
	}
}

// userErrors parts what a person can put right from what it cannot: the first
// goes into the payload, in the user's language, the second becomes a GraphQL
// error.
func (r *Resolver) userErrors(ctx context.Context, err error) ([]*model.UserError, error) {
	faults, err := fault.Split(err)
	if err != nil {
		return nil, err
	}
	language := lang.FromContext(ctx)
	if len(faults) > 0 {
		noteRefused(ctx, false)
	}
	told := make([]*model.UserError, len(faults))
	for i, f := range faults {
		told[i] = &model.UserError{Code: f.Code, Field: f.Field, Message: message(language, f)}
		if told[i].Field == nil {
			told[i].Field = []string{}
		}
		if f.Person != nil {
			told[i].Contact = f.Person
		} else if f.AskContact {
			t, err := r.identity.Tenant(ctx)
			if err != nil {
				return nil, err
			}
			told[i].Contact = t.ContactPerson()
		}
	}
	return told, nil
}

func message(language string, f *fault.Fault) string {
	if f.Text != nil {
		return f.Text(language)
	}
	return lang.Text(language, f.Code, f.Args)
}
