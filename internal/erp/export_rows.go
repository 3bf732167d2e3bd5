package erp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/alloygroup"
	"kontor/ent/booking"
	"kontor/ent/contract"
	"kontor/ent/contractposition"
	"kontor/ent/price"
	"kontor/ent/product"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/internal/catalog"
	"kontor/internal/db"
)

// pages reads what is exported, a page at a time, always going on after the last row: no page costs more
// for those before it.
type pages struct {
	ctx context.Context
	db  *db.DB
}

// each hands over all of something: next gives the page after an element, or the first one.
func each[T any](next func(last *T) ([]*T, error), do func(*T) error) error {
	var last *T
	for {
		page, err := next(last)
		if err != nil {
			return err
		}
		for _, one := range page {
			if err := do(one); err != nil {
				return err
			}
			last = one
		}
		if len(page) < batchRows {
			return nil
		}
	}
}

// tenants are all tenants, parents before children.
func (p *pages) tenants(do func(*ent.Tenant) error) error {
	depth := func(s *sql.Selector) string { return "length(" + s.C(tenant.FieldPath) + ")" }
	return each(func(last *ent.Tenant) ([]*ent.Tenant, error) {
		q := p.db.Client.Tenant.Query().WithParent()
		if last != nil {
			q.Where(func(s *sql.Selector) {
				s.Where(sql.P(func(b *sql.Builder) {
					b.WriteString("("+depth(s)+", ").Ident(s.C(tenant.FieldOrganizationID)).WriteString(") > (").Args(len(last.Path), last.OrganizationID).WriteString(")")
				}))
			})
		}
		page, err := q.Order(func(s *sql.Selector) { s.OrderExpr(sql.Raw(depth(s))) }, tenant.ByOrganizationID()).Limit(batchRows).All(p.ctx)
		return page, wrap(err, "reading tenants")
	}, do)
}

func (p *pages) tenantRows(put func(values) error) error {
	return p.tenants(func(t *ent.Tenant) error {
		parent := ""
		if t.Edges.Parent != nil {
			parent = t.Edges.Parent.OrganizationID
		}
		return put(values{
			"organization_id": t.OrganizationID, "name": t.Name, "kind": string(t.Kind), "parent": parent, "email_domain": t.EmailDomain,
			"password_policy": string(t.PasswordPolicy), "login_needs_organization": t.LoginNeedsOrganization, "language": t.Language, "currency": t.Currency,
			"contact_name": t.ContactName, "contact_phone": t.ContactPhone, "contact_email": t.ContactEmail, "email": t.Email,
		})
	})
}

// userRows leaves out passwords, which nobody knows, and whoever was deactivated: an import would let it in again.
func (p *pages) userRows(put func(values) error) error {
	for _, under := range []bool{false, true} { // superiors before those under them
		err := each(func(last *ent.User) ([]*ent.User, error) {
			q := p.db.Client.User.Query().Where(user.StatusNEQ(user.StatusDEACTIVATED)).WithTenant().WithSuperior().WithRoles()
			if under {
				q.Where(user.SuperiorIDNotNil())
			} else {
				q.Where(user.SuperiorIDIsNil())
			}
			if last != nil {
				q.Where(user.UsernameKeyGT(last.UsernameKey))
			}
			page, err := q.Order(user.ByUsernameKey()).Limit(batchRows).All(p.ctx)
			return page, wrap(err, "reading users")
		}, func(u *ent.User) error {
			superior, roles := "", make([]string, len(u.Edges.Roles))
			if u.Edges.Superior != nil {
				superior = u.Edges.Superior.Username
			}
			for i, role := range u.Edges.Roles {
				roles[i] = string(role.Role)
			}
			slices.Sort(roles)
			return put(values{
				"organization_id": u.Edges.Tenant.OrganizationID, "username": u.Username, "email": u.Email, "title": u.Title, "first_name": u.FirstName,
				"last_name": u.LastName, "phone": u.Phone, "mobile": u.Mobile, "language": string(u.Language), "roles": roles, "superior": superior,
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// products are all products of the operator, by number; with says what to read with them.
func (p *pages) products(with func(*ent.ProductQuery), do func([]*ent.Product) error) error {
	operator, err := p.db.Client.Tenant.Query().Where(tenant.KindEQ(tenant.KindOPERATOR)).OnlyID(p.ctx)
	if ent.IsNotFound(err) {
		return nil
	}
	if ent.IsNotSingular(err) {
		return errors.New("there are several operators; products can be exported of one only")
	}
	if err != nil {
		return fmt.Errorf("finding the operator: %w", err)
	}
	for last := ""; ; {
		q := p.db.Client.Product.Query().Where(product.TenantID(operator), product.SkuGT(last)).Order(product.BySku()).Limit(batchRows)
		with(q)
		page, err := q.All(p.ctx)
		if err != nil {
			return fmt.Errorf("reading products: %w", err)
		}
		if err := do(page); err != nil || len(page) < batchRows {
			return err
		}
		last = page[len(page)-1].Sku
	}
}

func (p *pages) productRows(put func(values) error) error {
	return p.products(func(q *ent.ProductQuery) { q.WithCategory() }, func(page []*ent.Product) error {
		for _, of := range page {
			err := put(values{
				"sku": of.Sku, "name": of.Name, "description": of.Description, "category": path(strings.Split(of.Edges.Category.Path, catalog.PathSeparator)), "unit": of.Unit, "tax_rate": of.TaxRate,
				"orderable": of.Active, "automatic": of.Automatic, "minimum_quantity": of.MinimumQuantity, "quantity_step": of.QuantityStep,
				"price_quantity": of.PriceQuantity, "attributes": of.Attributes,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// priceRows goes through the products for each tenant that has prices: an index serves every page.
func (p *pages) priceRows(put func(values) error) error {
	return p.tenants(func(t *ent.Tenant) error {
		some, err := p.db.Client.Price.Query().Where(price.TenantID(t.ID)).Exist(p.ctx)
		if err != nil || !some {
			return wrap(err, "looking for prices")
		}
		return p.products(func(q *ent.ProductQuery) { q.Select(product.FieldID, product.FieldSku) }, func(page []*ent.Product) error {
			ids := make([]uuid.UUID, len(page))
			for i, of := range page {
				ids[i] = of.ID
			}
			found, err := p.db.Client.Price.Query().Where(price.TenantID(t.ID), price.ProductIDIn(ids...)).Order(price.ByFromQuantity()).All(p.ctx)
			if err != nil {
				return fmt.Errorf("reading prices: %w", err)
			}
			byProduct := map[uuid.UUID][]*ent.Price{}
			for _, each := range found {
				byProduct[each.ProductID] = append(byProduct[each.ProductID], each)
			}
			for _, of := range page {
				for _, each := range byProduct[of.ID] {
					if err := put(values{"organization_id": t.OrganizationID, "sku": of.Sku, "from_quantity": each.FromQuantity, "amount": each.Amount, "currency": each.Currency}); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
}

// contractRows has a row for each position, and one for a contract without any.
func (p *pages) contractRows(put func(values) error) error {
	return p.tenants(func(t *ent.Tenant) error {
		return each(func(last *ent.Contract) ([]*ent.Contract, error) {
			q := p.db.Client.Contract.Query().Where(contract.TenantID(t.ID)).WithCustomerNumber().WithProduct().
				WithPositions(func(q *ent.ContractPositionQuery) { q.Order(contractposition.ByPosition()).WithProduct() })
			if last != nil {
				q.Where(contract.NumberGT(last.Number))
			}
			page, err := q.Order(contract.ByNumber()).Limit(batchRows).All(p.ctx)
			return page, wrap(err, "reading contracts")
		}, func(c *ent.Contract) error {
			if len(c.Edges.Positions) == 0 {
				return put(contractValues(t, c))
			}
			for _, position := range c.Edges.Positions {
				v := contractValues(t, c)
				v["position"], v["position_product"], v["unit"], v["unit_price"] = position.Position, position.Edges.Product.Sku, position.Unit, position.PriceAmount
				v["agreed_quantity"], v["called_off_quantity"] = position.AgreedQuantity, position.CalledOffQuantity
				if err := put(v); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func contractValues(t *ent.Tenant, c *ent.Contract) values {
	v := values{
		"organization_id": t.OrganizationID, "number": c.Number, "type": string(c.Type), "state": string(c.State), "access_number": c.AccessNumber, "valid_from": c.ValidFrom,
	}
	if c.ValidTo != nil {
		v["valid_to"] = *c.ValidTo
	}
	if n := c.Edges.CustomerNumber; n != nil {
		v["customer_number"], v["line"] = n.Number, string(n.Line)
	}
	if of := c.Edges.Product; of != nil {
		v["product"] = of.Sku
	}
	return v
}

func (p *pages) alloyGroupRows(put func(values) error) error {
	return p.tenants(func(t *ent.Tenant) error {
		return each(func(last *ent.AlloyGroup) ([]*ent.AlloyGroup, error) {
			q := p.db.Client.AlloyGroup.Query().Where(alloygroup.TenantID(t.ID))
			if last != nil {
				q.Where(alloygroup.CodeGT(last.Code))
			}
			page, err := q.Order(alloygroup.ByCode()).Limit(batchRows).All(p.ctx)
			return page, wrap(err, "reading alloy groups")
		}, func(g *ent.AlloyGroup) error {
			return put(values{"organization_id": t.OrganizationID, "code": g.Code, "name": g.Name, "unit": g.Unit})
		})
	})
}

// bookingRows gives what is taken back before what takes it back.
func (p *pages) bookingRows(put func(values) error) error {
	return p.tenants(func(t *ent.Tenant) error {
		for _, reversals := range []bool{false, true} {
			kind := booking.KindNEQ(booking.KindREVERSAL)
			if reversals {
				kind = booking.KindEQ(booking.KindREVERSAL)
			}
			reversed := map[uuid.UUID]string{}
			err := each(func(last *ent.Booking) ([]*ent.Booking, error) {
				q := p.db.Client.Booking.Query().Where(booking.TenantID(t.ID), kind).WithAlloyGroup()
				if last != nil {
					q.Where(booking.ReferenceGT(last.Reference))
				}
				page, err := q.Order(booking.ByReference()).Limit(batchRows).All(p.ctx)
				if err == nil {
					reversed, err = p.reversedBy(page)
				}
				return page, wrap(err, "reading bookings")
			}, func(b *ent.Booking) error {
				g := b.Edges.AlloyGroup
				v := values{
					"organization_id": t.OrganizationID, "reference": b.Reference, "alloy_group": g.Code, "alloy_group_name": g.Name, "unit": g.Unit,
					"booked_on": b.BookedOn, "kind": string(b.Kind), "quantity": b.Quantity, "note": b.Note,
				}
				if b.ReversesID != nil {
					v["reverses"] = reversed[*b.ReversesID]
				}
				return put(v)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// reversedBy are the references of the bookings that some take back.
func (p *pages) reversedBy(page []*ent.Booking) (map[uuid.UUID]string, error) {
	var ids []uuid.UUID
	for _, b := range page {
		if b.ReversesID != nil {
			ids = append(ids, *b.ReversesID)
		}
	}
	references := make(map[uuid.UUID]string, len(ids))
	if len(ids) == 0 {
		return references, nil
	}
	found, err := p.db.Client.Booking.Query().Where(booking.IDIn(ids...)).Select(booking.FieldID, booking.FieldReference).All(p.ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range found {
		references[b.ID] = b.Reference
	}
	return references, nil
}
