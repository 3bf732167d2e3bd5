package server_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/auditentry"
	"kontor/ent/booking"
	"kontor/ent/contract"
	"kontor/ent/customernumber"
	"kontor/ent/document"
	"kontor/ent/grant"
	"kontor/ent/importrun"
	"kontor/ent/order"
	"kontor/ent/orderevent"
	"kontor/ent/phonenumber"
	"kontor/ent/portfolioproduct"
	"kontor/ent/telephonyuser"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/account"
	"kontor/internal/audit"
	"kontor/internal/catalog"
	"kontor/internal/db"
	"kontor/internal/gid"
	"kontor/internal/money"
	"kontor/internal/token"
	"kontor/server/servertest"
)

// belongings are one object of each kind that belong together, and how clients name them:
// by ID, or by a text.
type belongings struct {
	organization string
	owner, boss  *ent.User
	names        map[string]string
	// with is what operations need besides a name.
	with servertest.Vars
}

// unknown are texts of each kind that name nothing.
var unknown = map[string]string{
	"sku": "SKU-NOBODY-X", "order number": "NOBODY-X-1", "quote number": "NOBODY-X-Q1", "contract number": "K-NOBODY-X", "customer number": "7999999999",
	"key": "key of nobody", "saved key": "key of nobody", "csv": "SKU-NOTHING;1", "user name": "nobody.nowhere", "company": "Firma Niemand", "telephony user": "Niemand", "phone number": "+494077099999", "target": "target of nobody", "challenge": "challenge of nobody",
}

// company is a company with a master admin, who has a sub admin.
type company struct {
	*ent.Tenant
	boss, helper *ent.User
}

// builder writes companies and what belongs to them, each in the same way, through ent as
// the server itself does.
type builder struct {
	t        *testing.T
	ctx      context.Context
	tx       *ent.Tx
	log      *audit.Log
	k        *servertest.Kontor
	operator *ent.Tenant
	hash     string    // of the demo password
	third    *ent.User // a master admin elsewhere, to whom one contract of each owner is transferred
	numbers  int
}

func (b *builder) must(what string, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("making %s: %v", what, err)
	}
}

func (b *builder) company(organization string, kind tenant.Kind, parent *ent.Tenant) company {
	id := uuid.Must(uuid.NewV7())
	made, err := b.tx.Tenant.Create().SetID(id).SetParentID(parent.ID).SetPath(parent.Path + id.String() + "/").SetKind(kind).SetOrganizationID(organization).
		SetName("Firma " + organization).SetEmailDomain("matrix.example").SetCreatedAt(b.k.Clock.Now()).Save(b.ctx)
	b.must("a company", err)
	return b.staff(made)
}

func (b *builder) staff(of *ent.Tenant) company {
	boss := b.person(of, "boss", userrole.RoleMASTER_ADMIN)
	helper := b.person(of, "helper", userrole.RoleSUB_ADMIN)
	b.must("a superior", b.tx.User.UpdateOne(helper).SetSuperiorID(boss.ID).Exec(b.ctx))
	return company{of, boss, helper}
}

func (b *builder) person(of *ent.Tenant, name string, role userrole.Role) *ent.User {
	name += "." + strings.ToLower(of.OrganizationID)
	u, err := b.tx.User.Create().SetTenantID(of.ID).SetUsername(name).SetUsernameKey(name).SetEmail(name + "@matrix.example").
		SetEmailKey(name + "@matrix.example").SetFirstName("Eva").SetLastName(name).SetPhone("+49 40 1").SetPasswordHash(b.hash).
		SetSessionsValidAfter(b.k.Clock.Now().Add(-time.Hour)).SetCreatedAt(b.k.Clock.Now()).Save(b.ctx)
	b.must("a user", err)
	b.must("a role", b.tx.UserRole.Create().SetTenantID(of.ID).SetUserID(u.ID).SetRole(role).Exec(b.ctx))
	return u
}

// belong makes one object of each kind for an owner in a company: for an agent that acts it
// is the customer's.
func (b *builder) belong(of company, owner *ent.User, tag string) *belongings {
	b.numbers++
	name, now := of.OrganizationID+"-"+tag, b.k.Clock.Now()
	one, zero := money.MustParse("1"), money.MustParse("0")
	category, err := b.tx.Category.Create().SetTenantID(b.operator.ID).SetName(name).SetPath(name).Save(b.ctx)
	b.must("a category", err)
	sku := "SKU-" + name
	product, err := b.tx.Product.Create().SetTenantID(b.operator.ID).SetCategoryID(category.ID).SetSku(sku).SetName("Ding").SetUnit("piece").SetTaxRate(zero).
		SetMinimumQuantity(one).SetQuantityStep(one).SetSearchText(catalog.SearchText(sku, "Ding", "", nil)).SetCreatedAt(now).Save(b.ctx)
	b.must("a product", err)
	b.must("a price", b.tx.Price.Create().SetTenantID(of.ID).SetProductID(product.ID).SetFromQuantity(one).SetAmount(one).SetCurrency("EUR").Exec(b.ctx))

	number, err := b.tx.CustomerNumber.Create().SetTenantID(of.ID).SetNumber(fmt.Sprint(7700000000 + b.numbers)).SetLine(customernumber.LineGENERAL).SetCreatedAt(now).Save(b.ctx)
	b.must("a customer number", err)
	secret, hash, err := token.NewCode()
	b.must("a letter", err)
	b.must("a letter", b.tx.OneTimePassword.Create().SetTenantID(of.ID).SetCustomerNumberID(number.ID).SetSecretHash(hash).SetIssuedByID(b.third.ID).
		SetCreatedAt(now).SetExpiresAt(now.AddDate(0, 0, 1)).Exec(b.ctx))
	b.must("a connection", b.tx.Connection.Create().SetTenantID(of.ID).SetUserID(of.boss.ID).SetCustomerNumberID(number.ID).SetConnectedAt(now).Exec(b.ctx))
	agreement, err := b.tx.Contract.Create().SetTenantID(of.ID).SetCustomerNumberID(number.ID).SetNumber("K-" + name).SetType(contract.TypeSUPPLY_CONTRACT).
		SetProductID(product.ID).SetValidFrom("2026-01-01").SetCreatedAt(now).Save(b.ctx)
	b.must("a contract", err)
	position, err := b.tx.ContractPosition.Create().SetTenantID(of.ID).SetContractID(agreement.ID).SetPosition(1).SetProductID(product.ID).SetAgreedQuantity(one).
		SetCalledOffQuantity(zero).SetUnit("piece").SetPriceAmount(one).SetCurrency("EUR").Save(b.ctx)
	b.must("a position", err)
	placed, item := b.order(agreement, product, owner, name)
	offer, offered := b.quote(of, product, name)
	metal, err := b.tx.AlloyGroup.Create().SetTenantID(of.ID).SetCode("AL-" + tag).SetName(name).SetUnit("kg").SetCreatedAt(now).Save(b.ctx)
	b.must("an alloy group", err)
	receipt, err := b.tx.Booking.Create().SetTenantID(of.ID).SetAlloyGroupID(metal.ID).SetReference("B-" + tag).SetBookedOn("2026-01-31").SetKind(booking.KindRECEIPT).
		SetQuantity(one).SetCreatedAt(now).Save(b.ctx)
	b.must("a booking", err)
	paper, err := b.tx.Document.Create().SetTenantID(of.ID).SetOrderID(placed.ID).SetPlacedByID(owner.ID).SetContractID(agreement.ID).SetKind(document.KindORDER_CONFIRMATION).
		SetNumber("AB-" + name).SetIssuedOn("2026-11-01").SetFilename("ab.pdf").SetMediaType("application/pdf").SetSize(1).SetSha256("x").SetBlobKey("x").SetCreatedAt(now).Save(b.ctx)
	b.must("a document", err)

	address, err := b.tx.Address.Create().SetTenantID(of.ID).SetUserID(owner.ID).SetLabel(name).SetStreet("Kai 1").SetPostalCode("20457").SetCity("Hamburg").
		SetCountry("DE").SetCreatedAt(now).Save(b.ctx)
	b.must("an address", err)
	assignment, err := b.tx.SavedAssignment.Create().SetTenantID(of.ID).SetUserID(owner.ID).SetLabel(name).SetCostCentre("1").SetCreatedAt(now).Save(b.ctx)
	b.must("an account assignment", err)
	basket, err := b.tx.Cart.Create().SetTenantID(of.ID).SetUserID(owner.ID).SetUpdatedAt(now).Save(b.ctx)
	b.must("a cart", err)
	line, err := b.tx.CartItem.Create().SetTenantID(of.ID).SetUserID(owner.ID).SetCartID(basket.ID).SetProductID(product.ID).SetQuantity(one).SetSeenPrice(one).
		SetProductUnit("piece").SetCreatedAt(now).Save(b.ctx)
	b.must("a cart item", err)
	kept, err := b.tx.SavedCart.Create().SetTenantID(of.ID).SetUserID(owner.ID).SetName(name).SetPositions([]account.SavedPosition{}).
		SetCreatedAt(now).SetUpdatedAt(now).Save(b.ctx)
	b.must("a saved cart", err)
	// Above everything, so that no order waits for it.
	rule, err := b.tx.ApprovalRule.Create().SetTenantID(of.ID).SetName(name).SetAboveAmount(money.MustParse("99000000")).SetCurrency("EUR").SetSelfApproval(false).
		SetCreatedAt(now).Save(b.ctx)
	b.must("a rule", err)
	for _, operation := range []string{"placeOrder", "orderSavedCart", "saveTransfers", "createQuote", "submitTelephonyUserOrder"} {
		b.must("a key", b.tx.IdempotencyKey.Create().SetTenantID(of.ID).SetUserID(owner.ID).SetOperation(operation).SetKey("key of "+name).
			SetInputHash("of another input").SetResultID(placed.ID).SetCreatedAt(now).Exec(b.ctx))
	}
	b.must("an audit entry", b.log.Record(b.ctx, b.tx, audit.Change{
		Tenant: of.ID, Action: "user.roles", Kind: "User", Subject: owner.ID, Label: owner.Username, After: map[string]any{"roles": []string{}}, By: owner,
	}))
	imported, err := b.tx.ImportRun.Create().SetTenantID(of.ID).SetKind(importrun.KindPRICES).SetFormat(importrun.FormatCSV).SetMode(importrun.ModeGOOD_ROWS).
		SetState(importrun.StateCOMPLETED).SetFilename(name).SetSize(1).SetSha256("").SetStartedByID(owner.ID).SetQueuedAt(now).SetEndedAt(now).Save(b.ctx)
	b.must("an import", err)
	entry, err := b.tx.AuditEntry.Query().Where(auditentry.TenantID(of.ID), auditentry.SubjectID(owner.ID)).Only(b.ctx)
	b.must("an audit entry", err)
	wizard, person, card, free, telephone := b.telephony(of, owner, product, name)
	receiver := b.third
	if of.boss == b.third {
		receiver = of.helper
	}
	id := func(n interface{ GlobalID() gid.ID }) string { return string(n.GlobalID()) }
	return &belongings{of.OrganizationID, owner, of.boss, map[string]string{
		ent.KindTenant: id(of.Tenant), ent.KindUser: id(owner), ent.KindCategory: id(category), ent.KindProduct: id(product), ent.KindCustomerNumber: id(number),
		ent.KindContract: id(agreement), ent.KindContractPosition: id(position), ent.KindOrder: id(placed), ent.KindOrderItem: id(item), ent.KindAddress: id(address),
		ent.KindSavedAssignment: id(assignment), ent.KindCart: id(basket), ent.KindCartItem: id(line), ent.KindAuditEntry: id(entry), ent.KindSavedCart: id(kept),
		ent.KindApprovalRule: id(rule), ent.KindQuote: id(offer), ent.KindQuoteItem: id(offered), ent.KindAlloyGroup: id(metal), ent.KindBooking: id(receipt), ent.KindDocument: id(paper),
		ent.KindImportRun: id(imported),
		ent.KindTransfer:  b.share(agreement, of.boss, receiver),
		ent.KindWizard:    id(wizard), ent.KindEndUser: id(person), ent.KindSimCard: id(card), ent.KindPhoneNumber: id(free), ent.KindTelephonyUser: id(telephone),
		"telephony user": telephone.DisplayName, "phone number": free.Number,
		"sku": sku, "order number": placed.Number, "quote number": offer.Number, "contract number": agreement.Number, "customer number": number.Number, "key": "key of " + name, "saved key": "key of " + name, "csv": sku + ";1",
		"user name": owner.Username, "company": of.Name, "challenge": "challenge of " + name,
	}, servertest.Vars{
		"own": id(line), "sku": sku, "colleague": id(of.helper), "contract": id(agreement), "tenant": id(of.Tenant), "clear": true, "wizard": id(wizard), "telephony": id(telephone), "number": number.Number, "letter": secret, "email": of.boss.Email, "target": "target of nobody",
	}}
}

func (b *builder) order(about *ent.Contract, product *ent.Product, by *ent.User, name string) (*ent.Order, *ent.OrderItem) {
	one, zero, now := money.MustParse("1"), money.MustParse("0"), b.k.Clock.Now()
	placed, err := b.tx.Order.Create().SetTenantID(about.TenantID).SetNumber(name + "-1").SetState(order.StateIN_PROGRESS).SetBusinessCase(order.BusinessCaseADDITIONAL_ORDER).
		SetChannel(order.ChannelONLINE).SetPlacedAt(now).SetPlacedByID(by.ID).SetContractID(about.ID).SetNetAmount(one).SetTaxAmount(zero).SetGrossAmount(one).
		SetCurrency("EUR").Save(b.ctx)
	b.must("an order", err)
	item, err := b.tx.OrderItem.Create().SetTenantID(about.TenantID).SetOrderID(placed.ID).SetPlacedByID(by.ID).SetContractID(about.ID).SetPosition(1).
		SetProductID(product.ID).SetSku(product.Sku).SetProductName("Ding").SetUnit("piece").SetQuantity(one).SetUnitPriceAmount(one).SetLineTotalAmount(one).
		SetTaxRate(zero).SetCurrency("EUR").Save(b.ctx)
	b.must("an order item", err)
	b.must("a step of an order", b.tx.OrderEvent.Create().SetTenantID(about.TenantID).SetOrderID(placed.ID).SetPlacedByID(by.ID).SetContractID(about.ID).
		SetAt(now).SetState(orderevent.StateIN_PROGRESS).Exec(b.ctx))
	return placed, item
}

// telephony is a wizard with a portfolio, the stock that it can take from, and a telephony user
// that waits for a card.
func (b *builder) telephony(of company, owner *ent.User, product *ent.Product, name string) (*ent.Wizard, *ent.EndUser, *ent.SimCard, *ent.PhoneNumber, *ent.TelephonyUser) {
	now, number := b.k.Clock.Now(), fmt.Sprintf("+4940770%05d", 1000+b.numbers)
	b.must("a portfolio", b.tx.Portfolio.Create().SetTenantID(of.ID).SetName("P-"+name).SetTerms([]int{24}).Exec(b.ctx))
	b.must("a rule", b.tx.PortfolioProduct.Create().SetTenantID(b.operator.ID).SetPortfolio("P-"+name).SetProductID(product.ID).SetKind(portfolioproduct.KindSIM).
		SetVoices([]uuid.UUID{}).SetTerms([]int{}).Exec(b.ctx))
	wizard, err := b.tx.Wizard.Create().SetTenantID(of.ID).SetUserID(owner.ID).SetPortfolio("P-" + name).SetExpiresAt(now.Add(time.Hour)).SetCreatedAt(now).SetUpdatedAt(now).Save(b.ctx)
	b.must("a wizard", err)
	person, err := b.tx.EndUser.Create().SetTenantID(of.ID).SetUsername(name).SetUsernameKey(name).SetFirstName("Eva").SetLastName(name).SetEmail("eva@matrix.example").SetCreatedAt(now).Save(b.ctx)
	b.must("an end user", err)
	card, err := b.tx.SimCard.Create().SetTenantID(of.ID).SetIccid(fmt.Sprintf("894902000001%07d", b.numbers)).SetLastFour(fmt.Sprintf("%04d", b.numbers)).SetProductID(product.ID).SetCreatedAt(now).Save(b.ctx)
	b.must("a card", err)
	free, err := b.tx.PhoneNumber.Create().SetTenantID(of.ID).SetNumber(number).SetOrigin(phonenumber.OriginSTOCK).SetCreatedAt(now).Save(b.ctx)
	b.must("a number", err)
	telephone, err := b.tx.TelephonyUser.Create().SetTenantID(of.ID).SetOrderedByID(owner.ID).SetEndUserID(person.ID).SetState(telephonyuser.StateAWAITING_SIM).SetDisplayName("Platz " + name).
		SetExtension("10").SetPhoneNumber("+49").SetPorted(false).SetCreatedAt(now).Save(b.ctx)
	b.must("a telephony user", err)
	return wizard, person, card, free, telephone
}

func (b *builder) quote(of company, product *ent.Product, name string) (*ent.Quote, *ent.QuoteItem) {
	one, zero := money.MustParse("1"), money.MustParse("0")
	made, err := b.tx.Quote.Create().SetTenantID(of.ID).SetNumber(name + "-Q1").SetMadeByID(b.third.ID).SetSellerID(b.third.TenantID).SetValidUntil("2027-01-01").
		SetRecipientEmail("a@b.example").SetTokenHash("hash of " + name).SetNetAmount(one).SetTaxAmount(zero).SetGrossAmount(one).SetCurrency("EUR").
		SetCreatedAt(b.k.Clock.Now()).Save(b.ctx)
	b.must("a quote", err)
	item, err := b.tx.QuoteItem.Create().SetTenantID(of.ID).SetQuoteID(made.ID).SetPosition(1).SetProductID(product.ID).SetSku(product.Sku).SetProductName("Ding").
		SetUnit("piece").SetQuantity(one).SetUnitPriceAmount(one).SetLineTotalAmount(one).SetTaxRate(zero).SetCurrency("EUR").Save(b.ctx)
	b.must("a quote item", err)
	return made, item
}

// share transfers a contract: all rights but one.
func (b *builder) share(what *ent.Contract, giver, receiver *ent.User) string {
	transfer, err := b.tx.Transfer.Create().SetTenantID(what.TenantID).SetContractID(what.ID).SetContractNumber(what.Number).SetGiverID(giver.ID).
		SetReceiverID(receiver.ID).SetRequestID(uuid.Must(uuid.NewV7())).SetGivenAt(b.k.Clock.Now()).Save(b.ctx)
	b.must("a transfer", err)
	for _, right := range authz.Rights {
		if right != authz.CommercialContact {
			b.must("a right", b.tx.Grant.Create().SetTenantID(what.TenantID).SetContractID(what.ID).SetHolderID(receiver.ID).SetRight(grant.Right(right)).
				SetKind(grant.KindTRANSFER).SetGrantedByID(giver.ID).SetTransferID(transfer.ID).SetCreatedAt(b.k.Clock.Now()).Exec(b.ctx))
		}
	}
	return string(transfer.GlobalID())
}

// around makes the companies around a persona, and gives who it is and what belongs to
// whom.
func (b *builder) around(p persona) (*ent.User, map[target]*belongings) {
	there := map[target]*belongings{}
	elsewhere := b.company("ELSE", tenant.KindCUSTOMER, b.operator)
	b.third = elsewhere.boss
	b.belong(elsewhere, elsewhere.boss, "X") // connects a number for its master admin
	var home company
	switch p.role {
	case userrole.RoleSERVICE_AGENT:
		home = b.staff(b.operator)
	case userrole.RolePARTNER_AGENT:
		home = b.company("HOME", tenant.KindPARTNER, b.operator)
	default:
		home = b.company("HOME", tenant.KindCUSTOMER, b.operator)
	}
	me, at := b.person(home.Tenant, "me", cmp.Or(p.role, userrole.RoleGENERAL_USER)), home
	if p.acts {
		at = b.company("CUSTOMER", tenant.KindCUSTOMER, home.Tenant)
	}
	there[ofMine] = b.belong(at, me, "OWN")
	there[ofColleague] = b.belong(at, at.boss, "BOSS")
	switch p.role {
	case userrole.RoleMASTER_ADMIN:
		number, err := b.tx.CustomerNumber.Query().Where(customernumber.Number(there[ofMine].names["customer number"])).Only(b.ctx)
		b.must("a connection", err)
		b.must("a connection", b.tx.Connection.Create().SetTenantID(at.ID).SetUserID(me.ID).SetCustomerNumberID(number.ID).SetConnectedAt(b.k.Clock.Now()).Exec(b.ctx))
	case userrole.RoleSUB_ADMIN:
		for _, right := range []grant.Right{grant.RightVIEW, grant.RightORDER} {
			b.must("a right", b.tx.Grant.Create().SetTenantID(at.ID).SetContractID(b.contract(there[ofMine]).ID).SetHolderID(me.ID).SetRight(right).
				SetKind(grant.KindDELEGATION).SetGrantedByID(at.boss.ID).SetCreatedAt(b.k.Clock.Now()).Exec(b.ctx))
		}
	}
	if slices.Contains(p.targets, ofChild) {
		below := b.company("CHILD", tenant.KindCUSTOMER, home.Tenant)
		there[ofChild] = b.belong(below, below.boss, "X")
	}
	if slices.Contains(p.targets, ofForeign) {
		beside := b.company("FOREIGN", tenant.KindCUSTOMER, b.operator)
		there[ofForeign] = b.belong(beside, beside.boss, "X")
	}
	giver := b.company("GIVER", tenant.KindCUSTOMER, b.operator)
	there[ofTransfer] = b.belong(giver, giver.boss, "X")
	there[ofTransfer].names[ent.KindTransfer] = b.share(b.contract(there[ofTransfer]), giver.boss, me)
	return me, there
}

func (b *builder) contract(of *belongings) *ent.Contract {
	found, err := b.tx.Contract.Query().Where(contract.Number(of.names["contract number"])).Only(b.ctx)
	b.must("a contract", err)
	return found
}

// worldOfPersona is a server of its own for a persona, with the companies around it.
func worldOfPersona(t *testing.T, p persona) (*servertest.Kontor, *ent.User, map[target]*belongings) {
	t.Helper()
	k := servertest.Start(t, servertest.Backends[0])
	var me *ent.User
	var there map[target]*belongings
	k.WithDatabase(t, func(d *db.DB) {
		ctx := authz.System(context.Background())
		_, err := db.InTx(ctx, d, func(tx *ent.Tx) (struct{}, error) {
			like := tx.User.Query().Where(user.Username("sabine.kurz")).WithTenant().OnlyX(ctx)
			b := &builder{t: t, ctx: ctx, tx: tx, log: k.AuditLog(t, d), k: k, operator: like.Edges.Tenant, hash: like.PasswordHash}
			me, there = b.around(p)
			return struct{}{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	return k.Replica(t), me, there
}
