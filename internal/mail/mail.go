// Package mail is the room of mails: written in German and English, put into the
// outbox in the transaction of what they are about, and sent from there.
package mail

import (
	"time"

	"kontor/ent"
	"kontor/internal/day"
	"kontor/internal/money"
)

// Template is a mail that Kontor sends.
type Template string

// The mails, each with what its Content must bring besides Tenant. Whatever a mail
// says and was not given is an error; By may always be empty.
const (
	// CompanyInvited greets the first master admin of a new company: User, Link, Until.
	CompanyInvited Template = "company_invited"
	// UserInvited greets a new user, whose user name is its address: Link, Until.
	UserInvited Template = "user_invited"
	// ActivationCode lets somebody who registered prove the address: To, Code, Link,
	// Until.
	ActivationCode Template = "activation_code"
	// AlreadyRegistered answers a registration by somebody who has an account: User,
	// Link.
	AlreadyRegistered Template = "already_registered"
	// PasswordReset lets a user choose a new password: User, Link, Until.
	PasswordReset Template = "password_reset"
	// PasswordChanged tells a user that its password was changed, in case it was not
	// the user who did it: User, At. So do those that follow.
	PasswordChanged Template = "password_changed"
	// UsernameChanged tells a user how it logs in from now on: At, NewUsername.
	UsernameChanged Template = "username_changed"
	// EmailChangeConfirm goes to the new address, which counts once it is confirmed:
	// User, To, Link, Until.
	EmailChangeConfirm Template = "email_confirm"
	// EmailChangeRequested warns the old address: User, At, NewEmail.
	EmailChangeRequested Template = "email_change_requested"
	// EmailChanged is the last mail to the old address: User, To, At, NewEmail.
	EmailChanged Template = "email_changed"
	// LoginLocked tells a user why it has to wait: User, At, IPAddress.
	LoginLocked Template = "login_locked"
	// OTPEnabled tells a user that its login asks for a second factor: User, At.
	OTPEnabled Template = "otp_enabled"
	// OTPDisabled tells a user that its login no longer does: User, At.
	OTPDisabled Template = "otp_disabled"
	// RecoveryCodeUsed tells a user that one of its codes is spent: User, At.
	RecoveryCodeUsed Template = "recovery_code_used"
	// Deactivated tells a user that it can no longer log in: User, At.
	Deactivated Template = "deactivated"
	// Reactivated tells a user that it can log in again: User, At.
	Reactivated Template = "reactivated"
	// UserJoined tells a master admin who registered on its own for the company: User, At,
	// By.
	UserJoined Template = "user_joined"
	// RolesChanged tells a user what it is from now on: User, At, Roles.
	RolesChanged Template = "roles_changed"
	// RightsTransferred tells a master admin what another company shared with it: User,
	// At, By, Contracts.
	RightsTransferred Template = "rights_transferred"
	// RightsTakenBack tells it what was taken back: User, At, By, Contracts.
	RightsTakenBack Template = "rights_taken_back"
	// OrderWaiting asks an approver to decide: User, Order, Amount, PlacedAt, By. So do
	// those that follow, OrderReminder once more.
	OrderWaiting Template = "order_waiting"
	// OrderReminder asks again.
	OrderReminder Template = "order_reminder"
	// OrderMessage tells an approver what the orderer says: Text.
	OrderMessage Template = "order_message"
	// OrderApproved tells the orderer that its order goes on; Text may be empty.
	OrderApproved Template = "order_approved"
	// OrderRejected tells the orderer why its order does not: Text.
	OrderRejected Template = "order_rejected"
	// QuoteOffered brings a customer an offer: To, Quote, Amount, ValidUntil, Link; Text may be
	// empty. The company that it names is the seller.
	QuoteOffered Template = "quote_offered"
	// QuoteAccepted tells whoever made a quote that it is an order: User, Quote, Amount, Order, By.
	QuoteAccepted Template = "quote_accepted"
	// QuoteDeclined tells whoever made a quote that it is none: User, Quote, Amount; By and Text may
	// be empty.
	QuoteDeclined Template = "quote_declined"
)

// OrderReceipt tells all who have to do with an order that it was received: Order, Amount,
// Net, Tax, PlacedAt, Items, By, Text, which says what happens next; AgreedBy may be empty.
const OrderReceipt Template = "order_receipt"

var templates = []Template{
	CompanyInvited, UserInvited, ActivationCode, AlreadyRegistered, PasswordReset, PasswordChanged, UsernameChanged,
	EmailChangeConfirm, EmailChangeRequested, EmailChanged, LoginLocked, OTPEnabled, OTPDisabled, RecoveryCodeUsed,
	Deactivated, Reactivated, UserJoined, RolesChanged, RightsTransferred, RightsTakenBack,
	OrderWaiting, OrderReminder, OrderMessage, OrderApproved, OrderRejected, OrderReceipt,
	QuoteOffered, QuoteAccepted, QuoteDeclined,
}

// Content is what a mail says.
type Content struct {
	// User is whom the mail is about; nil for somebody without an account.
	User *ent.User
	// Tenant is the company of that user: its contact person signs the mail.
	Tenant *ent.Tenant
	// At is when it happened, and when the mail was put into the outbox.
	At time.Time

	// To is the address; empty for the user's own.
	To string
	// Name is whom the mail greets; empty for the user's own. Do not fill it for a
	// stranger: what somebody typed in is not for an address that may not be theirs.
	Name string
	// Language is empty for the user's own, or else the tenant's.
	Language string

	By          string    // who did it: a person, or a company
	Link        string    // an absolute URL
	Code        string    // what to type in
	Until       time.Time // when Link or Code expires
	NewEmail    string
	NewUsername string
	IPAddress   string
	Roles       []string // as in authz.Roles; none is said, too
	Contracts   []string // numbers
	Order       string   // number
	Amount      money.Money
	Net, Tax    money.Money
	Items       []Item
	AgreedBy    string // to a quote
	PlacedAt    time.Time
	Quote       string  // number
	ValidUntil  day.Day // of a quote
	Text        string  // what somebody said
}

// Item is a position of an order.
type Item struct {
	Quantity        money.Decimal
	Unit, SKU, Name string
	LineTotal       money.Money
}
