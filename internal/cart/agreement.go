package cart

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/contractposition"
	"kontor/internal/day"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/money"
)

// agreement is the contract that a cart calls off from, as it is now (OR-12): its prices are
// the agreed ones, and it can be ordered as far as quantities are open. Methods of nil are
// those of no agreement.
type agreement struct {
	*ent.Contract // with its positions; nil where the viewer may not see it
	// obstacle is the code of why nothing can be called off from it; empty where something can.
	obstacle string
}

// agreements are contracts that carts name, by their keys: the same few statements however
// many they are. Those that are unknown to the viewer are among them, with an obstacle.
func (s *Service) agreements(ctx context.Context, client *ent.Client, ids []uuid.UUID) (map[uuid.UUID]*agreement, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	all := make(map[uuid.UUID]*agreement, len(ids))
	for _, id := range ids {
		all[id] = &agreement{obstacle: "CONTRACT_UNKNOWN"}
	}
	found, err := client.Contract.Query().Where(contract.IDIn(ids...)).
		WithPositions(func(q *ent.ContractPositionQuery) { q.Order(contractposition.ByPosition()) }).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the agreements of carts: %w", err)
	}
	for _, c := range found {
		may, err := s.access.Can(ctx, client, authz.OrderOn, c)
		if err != nil {
			return nil, err
		}
		all[c.ID].Contract = c
		if may {
			all[c.ID].obstacle = s.obstacle(c)
		}
	}
	return all, nil
}

// agreement is the one that a cart names, nil where it names none.
func (s *Service) agreement(ctx context.Context, client *ent.Client, row *ent.Cart) (*agreement, error) {
	if row.ContractID == nil {
		return nil, nil
	}
	all, err := s.agreements(ctx, client, []uuid.UUID{*row.ContractID})
	return all[*row.ContractID], err
}

// number is the contract's; empty where the viewer may not see it.
func (a *agreement) number() string {
	if a.Contract == nil {
		return ""
	}
	return a.Number
}

// obstacle is why nothing can be called off from a contract on which the viewer may order.
func (s *Service) obstacle(c *ent.Contract) string {
	switch {
	case !c.IsAgreement():
		return "CONTRACT_NO_AGREEMENT"
	case !c.ActiveOn(day.Of(s.now())):
		return "CONTRACT_NOT_ACTIVE"
	default:
		return ""
	}
}

// name has a cart call off from a contract, or from none.
func (s *Service) name(ctx context.Context, tx *ent.Tx, update *ent.CartUpdateOne, id *gid.ID, faults *fault.List) error {
	if id == nil {
		update.ClearContractID()
		return nil
	}
	key := id.Of(ent.KindContract)
	found, err := s.agreements(ctx, tx.Client(), []uuid.UUID{key})
	if err != nil {
		return err
	}
	if a := found[key]; a.obstacle != "" {
		faults.Add(fault.New(a.obstacle, "contractId").With("number", a.number()))
		return nil
	}
	update.SetContractID(key)
	return nil
}

// CallOff prices a cart by the contract that an order of it calls off from, and tells what
// stands in the way of that (OR-12). The contract comes with its positions; that the viewer may
// order on it, the caller knows.
func (s *Service) CallOff(ctx context.Context, client *ent.Client, c *Cart, from *ent.Contract) error {
	return s.priceBy(ctx, client, c, &agreement{Contract: from, obstacle: s.obstacle(from)}, c.Net.Currency)
}

// position is what a quantity of a product is called off from: the first position of that
// product in that unit which has so much open, or else the one that has most. It is nil
// where the agreement has none.
func (a *agreement) position(p *ent.Product, quantity money.Decimal) (*ent.ContractPosition, error) {
	if a == nil || a.Contract == nil {
		return nil, nil
	}
	var best *ent.ContractPosition
	var most money.Decimal
	for _, each := range a.Edges.Positions {
		if each.ProductID != p.ID || each.Unit != p.Unit {
			continue
		}
		open, err := each.OpenQuantity()
		if err != nil {
			return nil, fmt.Errorf("reading what is open in an agreement: %w", err)
		}
		if open.Cmp(quantity) >= 0 {
			return each, nil
		}
		if best == nil || open.Cmp(most) > 0 {
			best, most = each, open
		}
	}
	return best, nil
}

// unitPrice is what one unit costs when so many are bought, and the position of the agreement
// that says so: where there is none it is the price of the viewer's company, which may have
// none either.
func (s *Service) unitPrice(ctx context.Context, client *ent.Client, a *agreement, p *ent.Product, quantity money.Decimal) (*money.Money, *ent.ContractPosition, error) {
	position, err := a.position(p, quantity)
	if err != nil {
		return nil, nil, err
	}
	if position != nil {
		price := position.Price()
		return &price, position, nil
	}
	price, err := s.catalog.UnitPrice(ctx, client, p, quantity)
	return price, nil, err
}

// tell adds to priced positions what stands in the way of calling them off (CA-09). Of what
// several positions take from the same place, it is the sum that must be open.
func (a *agreement) tell(items []*Item) error {
	if a == nil {
		return nil
	}
	wanted := map[uuid.UUID]money.Decimal{}
	for _, item := range items {
		if item.Agreed == nil {
			continue
		}
		sum, err := wanted[item.Agreed.ID].Plus(item.Quantity)
		if err != nil {
			return fmt.Errorf("adding up what a cart calls off: %w", err)
		}
		wanted[item.Agreed.ID] = sum
	}
	for _, item := range items {
		p, err := a.problem(item, wanted)
		if err != nil {
			return err
		}
		if p != nil {
			item.Problems = append(item.Problems, *p)
		}
	}
	return nil
}

func (a *agreement) problem(item *Item, wanted map[uuid.UUID]money.Decimal) (*Problem, error) {
	switch {
	case a.obstacle != "":
		return &Problem{Code: a.obstacle, Args: map[string]any{"number": a.number()}}, nil
	case item.Product == nil:
		return nil, nil // which is told already
	case item.Agreed == nil:
		return &Problem{Code: "PRODUCT_NOT_IN_AGREEMENT", Args: map[string]any{"sku": item.Product.Sku, "number": a.Number}}, nil
	}
	open, err := item.Agreed.OpenQuantity()
	if err != nil {
		return nil, fmt.Errorf("reading what is open in an agreement: %w", err)
	}
	if wanted[item.Agreed.ID].Cmp(open) <= 0 {
		return nil, nil
	}
	return &Problem{Code: "QUANTITY_NOT_OPEN", Args: map[string]any{"open": open.String(), "unit": item.Agreed.Unit}}, nil
}
