package graph

import (
	"kontor/ent"
	"kontor/graph/model"
	"kontor/internal/gid"
)

// kinds are the kinds of global IDs by the names of the API's types, for the subjects
// of the audit log.
var kinds = map[string]string{
	"Contract": ent.KindContract, "CustomerNumber": ent.KindCustomerNumber, "ImportRun": ent.KindImportRun, "Order": ent.KindOrder,
	"Tenant": ent.KindTenant, "Transfer": ent.KindTransfer, "User": ent.KindUser,
}

// auditSubject is what an entry is about, as the API names it.
func auditSubject(e *ent.AuditEntry) *model.AuditSubject {
	subject := &model.AuditSubject{Kind: e.SubjectKind, Label: e.SubjectLabel}
	if kind := kinds[e.SubjectKind]; kind != "" && e.SubjectID != nil {
		id := gid.New(kind, *e.SubjectID)
		subject.ID = &id
	}
	return subject
}
