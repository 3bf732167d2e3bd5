package company

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"

	"kontor/authz"
	"kontor/authz/rows"
	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/contractposition"
	"kontor/ent/customernumber"
	"kontor/ent/predicate"
	"kontor/ent/product"
	"kontor/internal/day"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// ContractFilter says which contracts to list. Everything given must hold.
type ContractFilter struct {
	Types             []contract.Type
	States            []contract.State
	Search            *string
	ProductSku        *string
	ValidOn           *day.Day
	OpenOnly          *bool
	CustomerNumber    *string
	Right             *authz.Right
	ExpiresWithinDays *int
	TenantID          *gid.ID
}

// columns are where the contracts table keeps what rights on contracts ask.
var columns = rows.Columns{Tenant: contract.FieldTenantID, Contract: contract.FieldID, CustomerNumber: contract.FieldCustomerNumberID}

// Contracts is the query for the contracts that the viewer may see, under a
// filter (CO-01, AC-15).
func (s *Service) Contracts(ctx context.Context, where *ContractFilter) (*ent.ContractQuery, error) {
	q := s.db.Client.Contract.Query()
	if where == nil {
		return q, nil
	}
	if len(where.Types) > 0 {
		q.Where(contract.TypeIn(where.Types...))
	}
	if len(where.States) > 0 {
		q.Where(contract.StateIn(where.States...))
	}
	if text := fault.Sought(where.Search); text != "" {
		q.Where(contract.Or(contract.NumberContainsFold(text), contract.AccessNumberContainsFold(text)))
	}
	if where.ProductSku != nil {
		q.Where(about(*where.ProductSku))
	}
	if where.ValidOn != nil {
		q.Where(contract.ValidFromLTE(*where.ValidOn), contract.Or(contract.ValidToIsNil(), contract.ValidToGTE(*where.ValidOn)))
	}
	if where.OpenOnly != nil && *where.OpenOnly {
		q.Where(contract.HasPositionsWith(func(sel *sql.Selector) {
			sel.Where(sql.ColumnsGT(sel.C(contractposition.FieldAgreedQuantity), sel.C(contractposition.FieldCalledOffQuantity)))
		}))
	}
	if where.CustomerNumber != nil {
		under, err := underNumber(ctx, *where.CustomerNumber)
		if err != nil {
			return nil, err
		}
		q.Where(under...)
	}
	if where.ExpiresWithinDays != nil {
		if n := *where.ExpiresWithinDays; n < 0 || n > 3650 {
			return nil, fault.Invalid("expiresWithinDays is 0 to 3650")
		}
		today := s.now().UTC()
		q.Where(contract.ValidToGTE(day.Of(today)), contract.ValidToLTE(day.Of(today.AddDate(0, 0, *where.ExpiresWithinDays))))
	}
	if where.TenantID != nil {
		q.Where(contract.TenantID(where.TenantID.Of(ent.KindTenant)))
	}
	if where.Right != nil {
		return withRight(ctx, q, *where.Right)
	}
	return q, nil
}

// underNumber holds for contracts under a customer number that the viewer may see: whoever a
// contract is shared with is not told its number, and cannot guess it by a filter.
func underNumber(ctx context.Context, number string) ([]predicate.Contract, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	// The number is of the contract's tenant.
	seen, err := rows.Visible(v, "customer_number.view", rows.Columns{Tenant: contract.FieldTenantID})
	if err != nil {
		return nil, err
	}
	return []predicate.Contract{contract.HasCustomerNumberWith(customernumber.Number(number)), seen}, nil
}

// withRight keeps the contracts on which the viewer has a right.
func withRight(ctx context.Context, q *ent.ContractQuery, right authz.Right) (*ent.ContractQuery, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	held, err := rows.Visible(v, right.Action(), columns)
	if err != nil {
		return nil, err
	}
	return q.Where(predicate.Contract(held)), nil
}

// about is the predicate for contracts about a product, itself or in a position.
func about(sku string) predicate.Contract {
	return contract.Or(
		contract.HasProductWith(product.Sku(sku)),
		contract.HasPositionsWith(contractposition.HasProductWith(product.Sku(sku))),
	)
}

// Contract is the contract with this number that the viewer may see, or nil, read
// by a query that says what to load with it. Where numbers of several companies coincide, it is the viewer's own.
func (s *Service) Contract(ctx context.Context, q *ent.ContractQuery, number string) (*ent.Contract, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	found, err := q.AlsoSelect(contract.FieldTenantID).Where(contract.Number(number)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the contract: %w", err)
	}
	for _, c := range found {
		if c.TenantID == v.Tenant {
			return c, nil
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}
