package authz

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Role is one of the roles of AC-03. A user may have several.
type Role string

// Member is the role of everybody who is logged in, and Acting that of an agent while it
// acts for a customer (AC-02); the others are given by a master admin or the operator.
const (
	Member       Role = "MEMBER"
	Acting       Role = "ACTING"
	MasterAdmin  Role = "MASTER_ADMIN"
	SubAdmin     Role = "SUB_ADMIN"
	GeneralUser  Role = "GENERAL_USER"
	Approver     Role = "APPROVER"
	PartnerAgent Role = "PARTNER_AGENT"
	ServiceAgent Role = "SERVICE_AGENT"
)

// Roles are the roles that a user can be given, in the order of AC-03.
var Roles = []Role{MasterAdmin, SubAdmin, GeneralUser, Approver, PartnerAgent, ServiceAgent}

// Right is a right on a single contract (AC-04).
type Right string

// The contract rights. CommercialContact is never transferred.
const (
	View              Right = "VIEW"
	OrderOn           Right = "ORDER"
	Configure         Right = "CONFIGURE"
	Billing           Right = "BILLING"
	Administer        Right = "ADMINISTER"
	CommercialContact Right = "COMMERCIAL_CONTACT"
)

// Rights are all contract rights, in the order of AC-04.
var Rights = []Right{View, OrderOn, Configure, Billing, Administer, CommercialContact}

// Action is the policy's action for holding this right on a contract.
func (r Right) Action() string { return "contract." + string(r) }

// Step is something that a user must do before anything else.
type Step string

// The steps: an initial password is changed (ID-07), contact data completed (ID-08),
// one-time codes set up (ID-11), acting ended for a customer that the agent may no longer
// act for (AC-02).
const (
	ChangePassword      Step = "CHANGE_PASSWORD"
	CompleteContactData Step = "COMPLETE_CONTACT_DATA"
	EnrolOTP            Step = "ENROL_OTP"
	StopActing          Step = "STOP_ACTING"
)

// Viewer is who asks: read from the database for each request, so that a change
// of roles, rights or status counts from the next request on, on every replica.
type Viewer struct {
	User       uuid.UUID
	Username   string    // for the audit log
	Tenant     uuid.UUID // that it works for: its own, or the customer that it acts for
	TenantPath string    // the path of the tenant in the tree, for the relation subtree
	Operator   uuid.UUID // the root of the tenant's tree: whose catalogue it sees
	// Roles are the user's. While it acts for a customer, they are those by which it may;
	// what they allow otherwise does not count then.
	Roles   []Role
	Session string // public ID of the session
	// Pending is what must be done before anything else, in this order.
	Pending []Step
	// HoldsGrants and HoldsConnections tell whether there is any live row at all;
	// a viewer without one needs no predicate for them.
	HoldsGrants      bool
	HoldsConnections bool

	system bool
	// home is the agent itself, while it acts for a customer.
	home *Viewer
	// behind is the person that the server works for, where it does.
	behind *Viewer
}

// Has tells whether the viewer has the role now. Everybody is a Member, and an agent that
// acts for a customer nothing but Acting.
func (v *Viewer) Has(role Role) bool {
	for each := range v.everyRole {
		if each == role {
			return true
		}
	}
	return false
}

// ActFor is the viewer at work for a customer, or ok is false: it may not. What it holds
// itself stays behind (AC-02).
func (v *Viewer) ActFor(tenant uuid.UUID, path string) (acting *Viewer, ok bool, err error) {
	home := v.AtHome()
	ways, err := Ways(home, "tenant.act", Thing{Tenant: tenant, TenantPath: path})
	if err != nil || len(ways) == 0 || tenant == home.Tenant {
		return nil, false, err
	}
	acting = &Viewer{
		User: home.User, Username: home.Username, Session: home.Session,
		Tenant: tenant, TenantPath: path, Operator: home.Operator, home: home,
	}
	for _, way := range ways {
		if !slices.Contains(acting.Roles, way.Role) {
			acting.Roles = append(acting.Roles, way.Role)
		}
	}
	return acting, true, nil
}

// ActsFor tells whether the viewer acts for a customer at the moment.
func (v *Viewer) ActsFor() bool { return v.home != nil }

// AtHome is the viewer in its own company, whomever it acts for.
func (v *Viewer) AtHome() *Viewer {
	if v.home != nil {
		return v.home
	}
	return v
}

// IsSystem tells whether this is the server itself at work and not a person.
func (v *Viewer) IsSystem() bool { return v.system }

// everyRole calls yield for each role that counts: Member and the viewer's own, or Acting.
func (v *Viewer) everyRole(yield func(Role) bool) {
	if v.ActsFor() {
		yield(Acting)
		return
	}
	if !yield(Member) {
		return
	}
	for _, role := range v.Roles {
		if !yield(role) {
			return
		}
	}
}

// below tells whether a tenant with this path is the viewer's or under it.
func (v *Viewer) below(path string) bool {
	return v.TenantPath != "" && strings.HasPrefix(path, v.TenantPath)
}

type viewerKey struct{}

// ErrNoViewer says that a query was made on nobody's behalf; it is refused.
var ErrNoViewer = errors.New("no viewer in the context: nothing may be read or changed")

// NewContext gives the context its viewer.
func NewContext(ctx context.Context, v *Viewer) context.Context {
	return context.WithValue(ctx, viewerKey{}, v)
}

// FromContext is the viewer of the context, or ErrNoViewer.
func FromContext(ctx context.Context) (*Viewer, error) {
	v, _ := ctx.Value(viewerKey{}).(*Viewer)
	if v == nil {
		return nil, ErrNoViewer
	}
	return v, nil
}

// System is a context in which the server works for itself and sees every row:
// to find out who logs in, to import, to load demo data. A test lists the files
// that may call it.
func System(ctx context.Context) context.Context {
	return NewContext(ctx, &Viewer{system: true, behind: Actor(ctx)})
}

// Actor is the person of the context: the viewer, or whoever the server works for by
// System; nil where nobody is logged in.
func Actor(ctx context.Context) *Viewer {
	v, err := FromContext(ctx)
	switch {
	case err != nil:
		return nil
	case v.system:
		return v.behind
	default:
		return v
	}
}
