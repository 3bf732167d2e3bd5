package graph

import (
	"context"
	"errors"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/address"
	"kontor/ent/alloygroup"
	"kontor/ent/auditentry"
	"kontor/ent/booking"
	"kontor/ent/category"
	"kontor/ent/contract"
	"kontor/ent/customernumber"
	"kontor/ent/document"
	"kontor/ent/importrun"
	"kontor/ent/order"
	"kontor/ent/product"
	"kontor/ent/quote"
	"kontor/ent/savedassignment"
	"kontor/ent/savedcart"
	"kontor/ent/telephonyuser"
	"kontor/ent/tenant"
	"kontor/ent/transfer"
	"kontor/ent/user"
	"kontor/ent/wizard"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// tables are the kinds that can be asked for by ID, and where they are. The walls
// of the tables decide what of them the viewer sees; of documents also package company.
var tables = map[string]string{
	ent.KindAddress:         address.Table,
	ent.KindAlloyGroup:      alloygroup.Table,
	ent.KindAuditEntry:      auditentry.Table,
	ent.KindBooking:         booking.Table,
	ent.KindCategory:        category.Table,
	ent.KindContract:        contract.Table,
	ent.KindCustomerNumber:  customernumber.Table,
	ent.KindDocument:        document.Table,
	ent.KindImportRun:       importrun.Table,
	ent.KindOrder:           order.Table,
	ent.KindProduct:         product.Table,
	ent.KindQuote:           quote.Table,
	ent.KindSavedAssignment: savedassignment.Table,
	ent.KindSavedCart:       savedcart.Table,
	ent.KindTelephonyUser:   telephonyuser.Table,
	ent.KindTenant:          tenant.Table,
	ent.KindTransfer:        transfer.Table,
	ent.KindUser:            user.Table,
	ent.KindWizard:          wizard.Table,
}

// node is the object with this ID. Malformed, unknown and foreign IDs all answer
// alike: not found (AC-01).
func (r *Resolver) node(ctx context.Context, id gid.ID) (ent.Noder, error) {
	found, err := r.nodes(ctx, []gid.ID{id})
	if err != nil {
		return nil, err
	}
	if found[0] == nil {
		return nil, fault.ErrNotFound
	}
	return found[0], nil
}

// nodes are the objects with these IDs, nil where there is none: one statement for
// each kind, however many they are.
func (r *Resolver) nodes(ctx context.Context, ids []gid.ID) ([]ent.Noder, error) {
	result := make([]ent.Noder, len(ids))
	kinds, keys, places := map[uuid.UUID]string{}, []uuid.UUID{}, []int{}
	for i, id := range ids {
		kind, key, ok := id.Split()
		switch {
		case ok && (kind == ent.KindCart || kind == ent.KindCartItem):
			n, err := r.nodeOfCart(ctx, kind, key)
			if err != nil {
				return nil, err
			}
			result[i] = n
		case ok && tables[kind] != "" && r.mayAskFor(ctx, kind, key):
			kinds[key] = tables[kind]
			keys, places = append(keys, key), append(places, i)
		}
	}
	// entgql reports each ID that it does not find as an error of its own; here
	// nil says it.
	quiet := graphql.WithResponseContext(expandNodes(ctx), graphql.DefaultErrorPresenter, graphql.DefaultRecover)
	found, err := r.client.Noders(quiet, keys, ent.WithNodeType(func(_ context.Context, key uuid.UUID) (string, error) {
		return kinds[key], nil
	}))
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	if err := r.closed(ctx, found); err != nil {
		return nil, err
	}
	for i, n := range found {
		result[places[i]] = n
		if w, ok := n.(*ent.Wizard); ok {
			open, err := r.telephony.Resumed(ctx, w)
			if err != nil {
				return nil, err
			}
			if !open {
				result[places[i]] = nil
			}
		}
	}
	for _, err := range graphql.GetErrors(quiet) {
		if !isNotFound(err) {
			return nil, err
		}
	}
	if slices.Contains(result, nil) {
		noteRefused(ctx, false)
	}
	return result, nil
}

// isNotFound tells entgql's and ent's ways of saying that a row is not there, or
// not there for this viewer.
func isNotFound(err error) bool {
	var g *gqlerror.Error
	return ent.IsNotFound(err) || errors.As(err, &g) && (ent.IsNotFound(g.Err) || g.Extensions["code"] == "NOT_FOUND")
}

// nodeOfCart is the viewer's cart or a position of it, which are priced as a
// whole; nil for any other ID.
func (r *Resolver) nodeOfCart(ctx context.Context, kind string, key uuid.UUID) (ent.Noder, error) {
	if kind != ent.KindCart && kind != ent.KindCartItem {
		return nil, nil
	}
	c, err := r.cart.Current(ctx)
	if err != nil {
		return nil, err
	}
	if kind == ent.KindCart && c.ID == key {
		return c, nil
	}
	for _, item := range c.Items {
		if kind == ent.KindCartItem && item.ID == key {
			return item, nil
		}
	}
	return nil, nil
}

// mayAskFor tells whether a kind can be asked for by ID. Of users, whose names are
// on orders, only administrators read the rest.
func (r *Resolver) mayAskFor(ctx context.Context, kind string, key uuid.UUID) bool {
	if kind != ent.KindUser {
		return true
	}
	v, err := authz.FromContext(ctx)
	if err != nil {
		return false
	}
	administers, err := authz.Allows(v, "user.administer")
	return key == v.User || err == nil && administers
}
