package access

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/connection"
	"kontor/ent/contract"
	"kontor/ent/customernumber"
	"kontor/ent/predicate"
	"kontor/ent/transfer"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/identity"
	"kontor/internal/throttle"
)

// targetLifetime is how long a target that was found can be named.
const targetLifetime = time.Hour

// searches bound how often one user looks for master admins that are not there (AUTHZ-09).
var searches = throttle.Allowance{Burst: 20, Refill: 5 * time.Minute}

// TransferTargetInput is what a master admin of any company is found by: both must fit.
type TransferTargetInput struct {
	Email          string
	CustomerNumber string
	Line           customernumber.Line
}

// TransferTarget is another master admin, as the one who found it may name it.
type TransferTarget struct {
	ID          gid.ID // sealed, for the finder and for an hour
	DisplayName string
	TenantName  string
	User        uuid.UUID
}

// Target finds another master admin by its e-mail address together with one of its
// customer numbers (AC-08). A wrong pair and nobody give the same answer in the same time.
// Whoever holds a transfer of the viewer's is found even if it can no longer act: what it
// holds can be taken back.
func (s *Service) Target(ctx context.Context, in TransferTargetInput) (*TransferTarget, error) {
	defer throttle.Evenly()()
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	slot, err := s.throttle.Take(ctx, "transfer target", v.User.String(), searches)
	if err != nil {
		return nil, unavailable(err)
	}
	if !slot.Allowed {
		return nil, &fault.RateLimited{RetryAfter: slot.RetryAfter}
	}
	system, b := authz.System(ctx), dialectOf(s.db)
	u, err := s.db.Client.User.Query().Where(user.EmailKey(identity.Key(in.Email)), user.IDNEQ(v.User), hasConnected(b, &in),
		user.Or(activeMaster(), hasReceived(b, v.User))).WithTenant().Only(system)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding a master admin to transfer to: %w", err)
	}
	id, err := s.nameTarget(v, u.ID)
	if err != nil {
		return nil, err
	}
	return &TransferTarget{ID: id, DisplayName: u.DisplayName(), TenantName: u.TenantName(), User: u.ID}, unavailable(s.throttle.Return(ctx, slot))
}

// activeMaster holds for master admins that can act (AC-09).
func activeMaster() predicate.User {
	return user.And(user.StatusEQ(user.StatusACTIVE), user.HasRolesWith(userrole.RoleEQ(userrole.RoleMASTER_ADMIN)))
}

// hasConnected holds for users that have connected a customer number: that of the
// input, or any.
func hasConnected(b *sql.DialectBuilder, in *TransferTargetInput) predicate.User {
	return func(sel *sql.Selector) {
		c, n := b.Table(connection.Table), b.Table(customernumber.Table)
		live := b.Select(c.C(connection.FieldUserID)).From(c).Join(n).On(n.C(customernumber.FieldID), c.C(connection.FieldCustomerNumberID)).
			Where(sql.IsNull(c.C(connection.FieldRevokedAt)))
		if in != nil {
			live.Where(sql.And(sql.EQ(n.C(customernumber.FieldNumber), strings.TrimSpace(in.CustomerNumber)), sql.EQ(n.C(customernumber.FieldLine), in.Line)))
		}
		sel.Where(sql.In(sel.C(user.FieldID), live))
	}
}

// hasReceived holds for users to whom contracts are transferred that hang under customer
// numbers that the giver has connected.
func hasReceived(b *sql.DialectBuilder, giver uuid.UUID) predicate.User {
	return func(sel *sql.Selector) {
		t, c, n := b.Table(transfer.Table), b.Table(contract.Table), b.Table(connection.Table)
		sel.Where(sql.Exists(b.Select(t.C(transfer.FieldID)).From(t).
			Join(c).On(c.C(contract.FieldID), t.C(transfer.FieldContractID)).
			Join(n).On(n.C(connection.FieldCustomerNumberID), c.C(contract.FieldCustomerNumberID)).
			Where(sql.And(sql.ColumnsEQ(t.C(transfer.FieldReceiverID), sel.C(user.FieldID)), sql.IsNull(t.C(transfer.FieldRevokedAt)),
				sql.EQ(n.C(connection.FieldUserID), giver), sql.IsNull(n.C(connection.FieldRevokedAt))))))
	}
}

// namedTarget is what is sealed into the name of a target.
type namedTarget struct {
	User  uuid.UUID
	Until time.Time
}

func targetPurpose(v *authz.Viewer) string { return "transfer target of " + v.User.String() }

func (s *Service) nameTarget(v *authz.Viewer, target uuid.UUID) (gid.ID, error) {
	plain, err := json.Marshal(namedTarget{target, s.now().Add(targetLifetime)})
	if err != nil {
		return "", fmt.Errorf("naming a transfer target: %w", err)
	}
	sealed, err := s.sealer.Seal(targetPurpose(v), plain)
	if err != nil {
		return "", fmt.Errorf("sealing a transfer target: %w", err)
	}
	return gid.ID(sealed), nil
}

// targetOf is the user behind the name of a target, which only whoever found it can use.
func (s *Service) targetOf(v *authz.Viewer, id gid.ID) (uuid.UUID, error) {
	unknown := fault.New("TRANSFER_TARGET_UNKNOWN", "targetId")
	plain, err := s.sealer.Open(targetPurpose(v), string(id))
	if err != nil {
		return uuid.Nil, unknown
	}
	var named namedTarget
	if err := json.Unmarshal(plain, &named); err != nil || !s.now().Before(named.Until) {
		return uuid.Nil, unknown
	}
	return named.User, nil
}

// Transferable is the query for the contracts that the viewer can transfer: those under
// customer numbers that it has connected itself (AC-09).
func (s *Service) Transferable(ctx context.Context) (*ent.ContractQuery, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	return s.db.Client.Contract.Query().Where(connectedBy(s.db.Dialect, v.User)), nil
}

// connectedBy holds for contracts under customer numbers that a user has connected.
func connectedBy(dialect string, userID uuid.UUID) predicate.Contract {
	return func(sel *sql.Selector) {
		c := sql.Dialect(dialect).Table(connection.Table)
		sel.Where(sql.In(sel.C(contract.FieldCustomerNumberID), sql.Dialect(dialect).Select(c.C(connection.FieldCustomerNumberID)).From(c).
			Where(sql.And(sql.EQ(c.C(connection.FieldUserID), userID), sql.IsNull(c.C(connection.FieldRevokedAt))))))
	}
}

// Transferred are those of the contracts that are transferred to a target.
func (s *Service) Transferred(ctx context.Context, target *TransferTarget, contracts []*ent.Contract) (map[uuid.UUID]bool, error) {
	ids := make([]uuid.UUID, len(contracts))
	for i, c := range contracts {
		ids[i] = c.ID
	}
	live, err := s.db.Client.Transfer.Query().Where(transfer.ReceiverID(target.User), transfer.ContractIDIn(ids...), transfer.RevokedAtIsNil()).
		Select(transfer.FieldContractID).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading what is transferred: %w", err)
	}
	transferred := make(map[uuid.UUID]bool, len(live))
	for _, t := range live {
		transferred[t.ContractID] = true
	}
	return transferred, nil
}
