package access

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/grant"
	"kontor/ent/transfer"
	"kontor/ent/user"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/mail"
	"kontor/internal/once"
)

const (
	// maxTransfers bounds the check marks of one request.
	maxTransfers = 1000
	// maxNamed is how many contracts a mail names.
	maxNamed = 20
	// chunk is how many rows are written in one statement.
	chunk = 1000
)

var transferableRights = slices.DeleteFunc(slices.Clone(authz.Rights), func(r authz.Right) bool { return r == authz.CommercialContact })

// TransferableRights are all rights but the one that is never transferred (AC-08).
func TransferableRights() []authz.Right { return slices.Clone(transferableRights) }

// SaveTransfersInput are check marks that were set and unset.
type SaveTransfersInput struct {
	TargetID       gid.ID
	Grant          []gid.ID
	Revoke         []gid.ID
	IdempotencyKey string
}

// TransferContract is the contract of a transfer, as both sides may name it.
type TransferContract struct {
	ID     gid.ID
	Number string
}

// SavedTransfers are what a request transferred and took back.
type SavedTransfers struct{ Granted, Revoked []TransferContract }

// SaveTransfers gives and takes back the rights on contracts, all or nothing (AC-08). The
// giver has connected their customer numbers itself, so that what was received is not
// passed on; whoever is given something is an active master admin with a customer number
// (AC-09). Taken back it is from anybody.
func (s *Service) SaveTransfers(ctx context.Context, in SaveTransfersInput) (*SavedTransfers, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	target, err := s.targetOf(v, in.TargetID)
	if err != nil {
		return nil, err
	}
	request := in.request(target)
	if err := request.Check(); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	system := authz.System(ctx)
	return db.InTx(system, s.db, func(tx *ent.Tx) (*SavedTransfers, error) {
		giver, receiver, err := s.parties(system, tx, v, target, len(in.Grant) > 0)
		if err != nil {
			return nil, err
		}
		id, again, err := request.Result(ctx, tx)
		if err != nil {
			return nil, err
		}
		if again {
			return s.savedBy(system, tx, id)
		}
		own, err := s.ownContracts(system, tx, v, in)
		if err != nil {
			return nil, err
		}
		id = uuid.Must(uuid.NewV7())
		if err := s.transfer(system, tx, v, receiver, own, in.Grant, id); err != nil {
			return nil, err
		}
		if err := s.takeBack(system, tx, v, receiver, own, in.Revoke, id); err != nil {
			return nil, err
		}
		saved, err := s.savedBy(system, tx, id)
		if err != nil {
			return nil, err
		}
		if err := s.tell(system, tx, giver, receiver, saved); err != nil {
			return nil, err
		}
		if err := s.recordTransfers(system, tx, giver, receiver, saved); err != nil {
			return nil, err
		}
		return saved, request.Remember(ctx, tx, v, id, s.moment())
	})
}

// request is what tells one input from another. The target is named anew each time that it
// is found: what counts is who it is.
func (in SaveTransfersInput) request(target uuid.UUID) once.Request {
	return once.Request{Operation: "saveTransfers", Key: in.IdempotencyKey, Input: fmt.Sprintf("%s %q %q", target, in.Grant, in.Revoke)}
}

func (in SaveTransfersInput) check() error {
	var faults fault.List
	for _, list := range []struct {
		field string
		ids   []gid.ID
	}{{"grant", in.Grant}, {"revoke", in.Revoke}} {
		if len(list.ids) > maxTransfers {
			faults.Add(fault.New("TOO_MANY_ITEMS", list.field).With("max", maxTransfers))
		}
	}
	for i, id := range in.Revoke {
		if slices.Contains(in.Grant, id) {
			faults.Add(fault.New("TRANSFER_CONTRADICTION", "revoke", strconv.Itoa(i)))
		}
	}
	return faults.Err()
}

// parties are giver and receiver; the giver must be able to act, and the receiver where
// something is given.
func (s *Service) parties(ctx context.Context, tx *ent.Tx, v *authz.Viewer, target uuid.UUID, gives bool) (giver, receiver *ent.User, err error) {
	both, err := s.lock(ctx, tx, v.User, target)
	if err != nil {
		return nil, nil, err
	}
	giver, receiver = both[v.User], both[target]
	able, err := tx.User.Query().Where(user.IDIn(v.User, target), activeMaster(),
		user.Or(user.ID(v.User), hasConnected(dialectOf(s.db), nil))).IDs(ctx)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("reading who can transfer to whom: %w", err)
	case giver == nil || !slices.Contains(able, v.User):
		return nil, nil, fault.ErrForbidden
	case receiver == nil || gives && !slices.Contains(able, target):
		return nil, nil, fault.New("TRANSFER_TARGET_UNKNOWN", "targetId")
	}
	return giver, receiver, nil
}

// lock keeps the rights of these users as they are until the transaction ends: whoever
// changes them locks both sides first, in the order of their keys, so that no two wait
// for each other.
func (s *Service) lock(ctx context.Context, tx *ent.Tx, ids ...uuid.UUID) (map[uuid.UUID]*ent.User, error) {
	found, err := db.ForUpdate(s.db, tx.User.Query().Where(user.IDIn(ids...)).WithTenant().Order(user.ByID())).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("locking whose rights change: %w", err)
	}
	users := make(map[uuid.UUID]*ent.User, len(found))
	for _, u := range found {
		users[u.ID] = u
	}
	return users, nil
}

// ownContracts are the contracts of the request by their keys, all of which the giver
// has connected itself.
func (s *Service) ownContracts(ctx context.Context, tx *ent.Tx, v *authz.Viewer, in SaveTransfersInput) (map[uuid.UUID]*ent.Contract, error) {
	keys := make([]uuid.UUID, 0, len(in.Grant)+len(in.Revoke))
	for _, id := range slices.Concat(in.Grant, in.Revoke) {
		keys = append(keys, id.Of(ent.KindContract))
	}
	found, err := tx.Contract.Query().Where(contract.IDIn(keys...), connectedBy(s.db.Dialect, v.User)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading contracts to transfer: %w", err)
	}
	own := make(map[uuid.UUID]*ent.Contract, len(found))
	for _, c := range found {
		own[c.ID] = c
	}
	var faults fault.List
	for _, list := range []struct {
		field string
		ids   []gid.ID
	}{{"grant", in.Grant}, {"revoke", in.Revoke}} {
		for i, id := range list.ids {
			if own[id.Of(ent.KindContract)] == nil {
				faults.Add(fault.New("TRANSFER_NOT_OWNER", list.field, strconv.Itoa(i)))
			}
		}
	}
	return own, faults.Err()
}

// transfer gives all transferable rights on contracts that are not transferred yet.
func (s *Service) transfer(ctx context.Context, tx *ent.Tx, v *authz.Viewer, receiver *ent.User, own map[uuid.UUID]*ent.Contract, ids []gid.ID, request uuid.UUID) error {
	keys := make([]uuid.UUID, 0, len(ids))
	for _, id := range ids {
		if key := id.Of(ent.KindContract); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	live, err := tx.Transfer.Query().Where(transfer.ReceiverID(receiver.ID), transfer.ContractIDIn(keys...), transfer.RevokedAtIsNil()).All(ctx)
	if err != nil {
		return fmt.Errorf("reading what is transferred already: %w", err)
	}
	already := make(map[uuid.UUID]bool, len(live))
	for _, t := range live {
		already[t.ContractID] = true
	}
	var transfers []*ent.TransferCreate
	var grants []*ent.GrantCreate
	now := s.moment()
	for _, key := range keys {
		if already[key] {
			continue
		}
		c, id := own[key], uuid.Must(uuid.NewV7())
		transfers = append(transfers, tx.Transfer.Create().SetID(id).SetTenantID(c.TenantID).SetContractID(c.ID).SetContractNumber(c.Number).
			SetGiverID(v.User).SetReceiverID(receiver.ID).SetRequestID(request).SetGivenAt(now))
		for _, right := range transferableRights {
			grants = append(grants, tx.Grant.Create().SetTenantID(c.TenantID).SetContractID(c.ID).SetHolderID(receiver.ID).SetRight(grant.Right(right)).
				SetKind(grant.KindTRANSFER).SetGrantedByID(v.User).SetTransferID(id).SetCreatedAt(now))
		}
	}
	for rows := range slices.Chunk(transfers, chunk) {
		if err := tx.Transfer.CreateBulk(rows...).Exec(ctx); err != nil {
			return fmt.Errorf("writing transfers: %w", err)
		}
	}
	for rows := range slices.Chunk(grants, chunk) {
		if err := tx.Grant.CreateBulk(rows...).Exec(ctx); err != nil {
			return fmt.Errorf("transferring rights: %w", err)
		}
	}
	return nil
}

// takeBack ends live transfers of the company's contracts to the receiver, whoever gave
// them, and all that was passed on of them (AC-10).
func (s *Service) takeBack(ctx context.Context, tx *ent.Tx, v *authz.Viewer, receiver *ent.User, own map[uuid.UUID]*ent.Contract, ids []gid.ID, request uuid.UUID) error {
	keys := make([]uuid.UUID, 0, len(ids))
	for _, id := range ids {
		keys = append(keys, own[id.Of(ent.KindContract)].ID)
	}
	live, err := tx.Transfer.Query().Where(transfer.ReceiverID(receiver.ID), transfer.ContractIDIn(keys...), transfer.RevokedAtIsNil()).IDs(ctx)
	if err != nil {
		return fmt.Errorf("reading what is to be taken back: %w", err)
	}
	if len(live) == 0 {
		return nil
	}
	err = tx.Transfer.Update().Where(transfer.IDIn(live...)).SetRevokedAt(s.moment()).SetRevokedByID(v.User).SetRevokeRequestID(request).Exec(ctx)
	if err != nil {
		return fmt.Errorf("ending transfers: %w", err)
	}
	return s.revoke(ctx, tx, keys, grant.TransferIDIn(live...), v.User)
}

// savedBy is what a request did, also for whoever sends it again.
func (s *Service) savedBy(ctx context.Context, tx *ent.Tx, request uuid.UUID) (*SavedTransfers, error) {
	changed, err := tx.Transfer.Query().Where(transfer.Or(transfer.RequestID(request), transfer.RevokeRequestID(request))).
		Order(transfer.ByContractNumber(), transfer.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading what was saved: %w", err)
	}
	saved := &SavedTransfers{}
	for _, t := range changed {
		if t.RequestID == request {
			saved.Granted = append(saved.Granted, ContractOf(t))
		} else {
			saved.Revoked = append(saved.Revoked, ContractOf(t))
		}
	}
	return saved, nil
}

// tell mails the receiver what it got and what was taken back (AC-11), unless it has left.
func (s *Service) tell(ctx context.Context, tx *ent.Tx, giver, receiver *ent.User, saved *SavedTransfers) error {
	if receiver.Status == user.StatusDEACTIVATED {
		return nil
	}
	for _, each := range []struct {
		which mail.Template
		what  []TransferContract
	}{{mail.RightsTransferred, saved.Granted}, {mail.RightsTakenBack, saved.Revoked}} {
		if len(each.what) == 0 {
			continue
		}
		var numbers []string
		for i, c := range each.what {
			if i == maxNamed {
				numbers = append(numbers, fmt.Sprintf("… (+ %d)", len(each.what)-i))
				break
			}
			numbers = append(numbers, c.Number)
		}
		err := s.outbox.Put(ctx, tx, each.which, mail.Content{
			User: receiver, Tenant: receiver.Edges.Tenant, At: s.moment(), Contracts: numbers,
			By: strings.TrimSpace(giver.DisplayName() + ", " + giver.TenantName()),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// recordTransfers writes what was transferred and taken back into the logs of both
// companies, which are held in the order of their keys.
func (s *Service) recordTransfers(ctx context.Context, tx *ent.Tx, giver, receiver *ent.User, saved *SavedTransfers) error {
	tenants := []uuid.UUID{giver.TenantID, receiver.TenantID}
	slices.SortFunc(tenants, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, of := range slices.Compact(tenants) {
		var changes []audit.Change
		for _, each := range []struct {
			action string
			what   []TransferContract
		}{{"right.transfer", saved.Granted}, {"right.take_back", saved.Revoked}} {
			for _, c := range each.what {
				changes = append(changes, audit.Change{
					Tenant: of, Action: each.action, Kind: "Contract", Subject: c.ID.Of(ent.KindContract), Label: c.Number,
					After: map[string]any{"receiver": receiver.Username, "company": receiver.TenantName(), "rights": transferableRights},
				})
			}
		}
		if err := s.audit.Record(ctx, tx, changes...); err != nil {
			return err
		}
	}
	return nil
}

// ContractOf is the contract of a transfer as it was called when it was given.
func ContractOf(t *ent.Transfer) TransferContract {
	return TransferContract{ID: gid.New(ent.KindContract, t.ContractID), Number: t.ContractNumber}
}
