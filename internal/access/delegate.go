package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/grant"
	"kontor/ent/predicate"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// SetContractRightsInput is the full set of a sub admin's rights on a contract.
type SetContractRightsInput struct {
	UserID     gid.ID
	ContractID gid.ID
	Rights     []authz.Right
}

// UserContractRights are the rights that a user was given on a contract.
type UserContractRights struct {
	Contract *ent.Contract
	Rights   []authz.Right
}

// SetRights gives a sub admin of the viewer's company exactly these rights on a
// contract (AC-06). Nobody gives what it does not hold; what was passed on of a right
// that goes is gone with it, to any depth, in the same transaction (AC-10). From whoever
// is no active sub admin any more rights can only be taken.
func (s *Service) SetRights(ctx context.Context, in SetContractRightsInput) (*ent.User, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	system := authz.System(ctx)
	return db.InTx(system, s.db, func(tx *ent.Tx) (*ent.User, error) {
		holder, fits, err := s.colleague(system, tx, v, in.UserID)
		if err != nil {
			return nil, err
		}
		c, held, err := s.heldOn(ctx, tx, in.ContractID)
		if err != nil {
			return nil, err
		}
		current, err := tx.Grant.Query().Where(grant.HolderID(holder.ID), grant.ContractID(c.ID), grant.KindEQ(grant.KindDELEGATION),
			grant.RevokedAtIsNil()).All(system)
		if err != nil {
			return nil, fmt.Errorf("reading what the sub admin holds: %w", err)
		}
		var gone []uuid.UUID
		has := map[authz.Right]bool{}
		for _, g := range current {
			if right := authz.Right(g.Right); slices.Contains(in.Rights, right) {
				has[right] = true
			} else {
				gone = append(gone, g.ID)
			}
		}
		var faults fault.List
		for i, right := range in.Rights {
			if !has[right] && !fits {
				return nil, fault.New("NOT_A_SUB_ADMIN", "userId")
			}
			if !has[right] && !slices.Contains(held.all, right) {
				faults.Add(fault.New("RIGHT_NOT_HELD", "rights", strconv.Itoa(i)).With("right", string(right)))
			}
		}
		if len(faults) > 0 {
			return nil, faults
		}
		if len(gone) > 0 {
			if err := s.revoke(system, tx, []uuid.UUID{c.ID}, grant.IDIn(gone...), v.User); err != nil {
				return nil, err
			}
		}
		for _, right := range in.Rights {
			if has[right] {
				continue
			}
			has[right] = true
			if err := s.delegate(system, tx, v, holder, c, right, held); err != nil {
				return nil, err
			}
		}
		return holder, s.recordRights(system, tx, v, holder, c, current, in.Rights)
	})
}

// recordRights writes what a sub admin held and holds on a contract into the log of its
// company.
func (s *Service) recordRights(ctx context.Context, tx *ent.Tx, v *authz.Viewer, holder *ent.User, c *ent.Contract, former []*ent.Grant, now []authz.Right) error {
	before, after := []authz.Right{}, []authz.Right{}
	for _, right := range authz.Rights {
		if slices.ContainsFunc(former, func(g *ent.Grant) bool { return authz.Right(g.Right) == right }) {
			before = append(before, right)
		}
		if slices.Contains(now, right) {
			after = append(after, right)
		}
	}
	return s.audit.Record(ctx, tx, audit.Change{
		Tenant: v.Tenant, Action: "right.delegate", Kind: "Contract", Subject: c.ID, Label: c.Number,
		Before: map[string]any{"username": holder.Username, "rights": before}, After: map[string]any{"username": holder.Username, "rights": after},
	})
}

// colleague is a user of the viewer's company, and whether it is an active sub admin, to
// whom the viewer can give rights; nobody else changes them until the transaction ends.
func (s *Service) colleague(ctx context.Context, tx *ent.Tx, v *authz.Viewer, id gid.ID) (*ent.User, bool, error) {
	key := id.Of(ent.KindUser)
	both, err := s.lock(ctx, tx, v.User, key)
	if err != nil {
		return nil, false, err
	}
	u := both[key]
	if u == nil || u.TenantID != v.Tenant {
		return nil, false, fault.ErrNotFound
	}
	subAdmin, err := tx.UserRole.Query().Where(userrole.UserID(key), userrole.RoleEQ(userrole.RoleSUB_ADMIN)).Exist(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("reading the roles of a sub admin: %w", err)
	}
	return u, subAdmin && u.Status != user.StatusDEACTIVATED && key != v.User, nil
}

// holding are the rights that somebody holds on a contract: all of them, and those by a
// role or a connection of its own, which nobody can take back.
type holding struct{ all, own []authz.Right }

// heldOn is a contract that the viewer sees, and what it holds on it now, inside the
// transaction.
func (s *Service) heldOn(ctx context.Context, tx *ent.Tx, id gid.ID) (*ent.Contract, holding, error) {
	c, err := tx.Contract.Query().Where(contract.ID(id.Of(ent.KindContract))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, holding{}, fault.New("CONTRACT_UNKNOWN", "contractId")
	}
	if err != nil {
		return nil, holding{}, fmt.Errorf("reading a contract to delegate on: %w", err)
	}
	v, thing, err := s.thing(ctx, tx.Client(), c)
	if err != nil {
		return nil, holding{}, err
	}
	var held holding
	if held.all, err = authz.HeldRights(v, thing); err != nil || c.TenantID != v.Tenant {
		return c, held, err
	}
	thing.Granted = nil
	held.own, err = authz.HeldRights(v, thing)
	return c, held, err
}

// delegate gives a right. What was given is passed on as a part of it: the row that it
// hangs on must be live, and is held until the end.
func (s *Service) delegate(ctx context.Context, tx *ent.Tx, v *authz.Viewer, holder *ent.User, c *ent.Contract, right authz.Right, held holding) error {
	create := tx.Grant.Create().SetTenantID(c.TenantID).SetContractID(c.ID).SetHolderID(holder.ID).SetRight(grant.Right(right)).
		SetKind(grant.KindDELEGATION).SetGrantedByID(v.User).SetCreatedAt(s.moment())
	if !slices.Contains(held.own, right) {
		q := tx.Grant.Query().Where(grant.HolderID(v.User), grant.ContractID(c.ID), grant.RightEQ(grant.Right(right)), grant.RevokedAtIsNil()).Order(grant.ByID())
		if s.db.Dialect == dialect.Postgres {
			q.ForShare()
		}
		parent, err := q.First(ctx)
		if ent.IsNotFound(err) {
			return fault.New("RIGHT_NOT_HELD", "rights").With("right", string(right))
		}
		if err != nil {
			return fmt.Errorf("reading the right to pass on: %w", err)
		}
		create.SetParentID(parent.ID)
	}
	if err := create.Exec(ctx); err != nil {
		return fmt.Errorf("giving the right %s: %w", right, err)
	}
	return nil
}

// revoke takes grants on these contracts back, and all that was passed on of them (AC-10):
// a statement for each step down, however many rows there are.
func (s *Service) revoke(ctx context.Context, tx *ent.Tx, contracts []uuid.UUID, which predicate.Grant, by uuid.UUID) error {
	for gone := -1; gone != 0; which = hangsOnNothing(dialectOf(s.db)) {
		var err error
		gone, err = tx.Grant.Update().Where(grant.ContractIDIn(contracts...), grant.RevokedAtIsNil(), which).
			SetRevokedAt(s.moment()).SetRevokedByID(by).Save(ctx)
		if err != nil {
			return fmt.Errorf("taking rights back: %w", err)
		}
	}
	return nil
}

// hangsOnNothing holds for grants that pass on what was taken back.
func hangsOnNothing(b *sql.DialectBuilder) predicate.Grant {
	return func(sel *sql.Selector) {
		p := b.Table(grant.Table).As("parents")
		sel.Where(sql.Exists(b.Select(p.C(grant.FieldID)).From(p).
			Where(sql.And(sql.ColumnsEQ(p.C(grant.FieldID), sel.C(grant.FieldParentID)), sql.NotNull(p.C(grant.FieldRevokedAt))))))
	}
}

// ContractRights are the contracts that a user was given rights on, at most first of
// them, the oldest first: the same statements for all users that were loaded together.
// Whoever administers the user sees them, and the user itself; of contracts only those
// that the viewer sees.
func (s *Service) ContractRights(ctx context.Context, u *ent.User, first int) ([]*UserContractRights, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	if u.ID != v.User {
		if allowed, err := authz.Can(v, "user.administer", authz.Thing{Tenant: u.TenantID}); err != nil || !allowed {
			return []*UserContractRights{}, err
		}
	}
	all, err := ent.Load(ctx, u.Siblings(), fmt.Sprint("contractRights", first), func(ctx context.Context, users []*ent.User) (map[uuid.UUID][]*UserContractRights, error) {
		return s.given(ctx, users, first)
	})
	if all[u.ID] == nil {
		return []*UserContractRights{}, err
	}
	return all[u.ID], err
}

// given reads the first contracts of each user that it holds grants on.
func (s *Service) given(ctx context.Context, users []*ent.User, first int) (map[uuid.UUID][]*UserContractRights, error) {
	holders := make([]any, len(users))
	for i, u := range users {
		holders[i] = u.ID
	}
	b := sql.Dialect(s.db.Dialect)
	g := b.Table(grant.Table)
	numbered := b.Select(g.C(grant.FieldHolderID), g.C(grant.FieldContractID), g.C(grant.FieldRight)).
		AppendSelectExprAs(sql.Raw("DENSE_RANK() OVER (PARTITION BY "+g.C(grant.FieldHolderID)+" ORDER BY "+g.C(grant.FieldContractID)+")"), "place").
		From(g).Where(sql.And(sql.In(g.C(grant.FieldHolderID), holders...), sql.IsNull(g.C(grant.FieldRevokedAt)))).As("numbered")
	query, args := b.Select(numbered.C(grant.FieldHolderID), numbered.C(grant.FieldContractID), numbered.C(grant.FieldRight)).
		From(numbered).Where(sql.LTE(numbered.C("place"), first)).
		OrderBy(numbered.C(grant.FieldHolderID), numbered.C(grant.FieldContractID), numbered.C(grant.FieldRight)).Query()
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading given rights: %w", err)
	}
	defer rows.Close()
	type row struct {
		holder, contract uuid.UUID
		right            authz.Right
	}
	var found []row
	ids := map[uuid.UUID]bool{}
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.holder, &r.contract, (*string)(&r.right)); err != nil {
			return nil, fmt.Errorf("reading given rights: %w", err)
		}
		found, ids[r.contract] = append(found, r), true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading given rights: %w", err)
	}
	visible, err := s.visible(ctx, ids)
	if err != nil {
		return nil, err
	}
	given := map[uuid.UUID][]*UserContractRights{}
	for _, r := range found {
		c := visible[r.contract]
		if c == nil {
			continue
		}
		of := given[r.holder]
		if n := len(of); n == 0 || of[n-1].Contract.ID != c.ID {
			of = append(of, &UserContractRights{Contract: c})
		}
		last := of[len(of)-1]
		if !slices.Contains(last.Rights, r.right) {
			last.Rights = append(last.Rights, r.right)
		}
		given[r.holder] = of
	}
	return given, nil
}

// visible are those of the contracts that the viewer sees.
func (s *Service) visible(ctx context.Context, ids map[uuid.UUID]bool) (map[uuid.UUID]*ent.Contract, error) {
	keys := slices.Collect(maps.Keys(ids))
	contracts, err := s.db.Client.Contract.Query().Where(contract.IDIn(keys...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading contracts with given rights: %w", err)
	}
	visible := make(map[uuid.UUID]*ent.Contract, len(contracts))
	for _, c := range contracts {
		visible[c.ID] = c
	}
	return visible, nil
}
