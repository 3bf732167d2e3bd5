package graph

import "github.com/vektah/gqlparser/v2/ast"

// computedOf are the fields that an entity computes, and the fields of ent that
// they are computed of. entgql does not know them, and would load whole rows where
// one is selected; expand shows it what lies behind.
var computedOf = map[string]map[string][]string{
	"Order": {
		"net":              {"netAmount", "currency"},
		"tax":              {"taxAmount", "currency"},
		"gross":            {"grossAmount", "currency"},
		"stateDescription": {"state"},
		"placedBy":         {"placedByID"},
		"details":          {"details", "businessCase"},
		"processing":       {"tenantID"},
		"agreedBy":         {"agreedName", "agreedEmail"},
		"approval":         {"state", "placedByID", "agreedByID", "tenantID"},
		"myActions":        {"state", "placedByID", "agreedByID", "tenantID", "automatic"},
	},
	"Quote": {
		"net":       {"netAmount", "currency"},
		"tax":       {"taxAmount", "currency"},
		"gross":     {"grossAmount", "currency"},
		"state":     {"state", "validUntil"},
		"seller":    {"sellerID"},
		"madeBy":    {"madeByID"},
		"agreedBy":  {"agreedName", "agreedEmail"},
		"myActions": {"state", "validUntil", "tenantID"},
	},
	"QuoteItem": {
		"product":   {"sku", "productName"},
		"unitPrice": {"unitPriceAmount", "currency"},
		"lineTotal": {"lineTotalAmount", "currency"},
	},
	"TelephonyUser": {"sim": {"simLastFour"}},
	"InvoiceItem":   {"amount": {"amount", "currency"}},
	"OrderEvent":    {"by": {"actorID"}},
	"OrderMessage":  {"by": {"authorID"}},
	"OrderItem": {
		"product":   {"sku", "productName"},
		"unitPrice": {"unitPriceAmount", "currency"},
		"lineTotal": {"lineTotalAmount", "currency"},
	},
	"Contract":         {"openQuantity": {"agreedQuantity", "calledOffQuantity"}},
	"ContractPosition": {"openQuantity": {"agreedQuantity", "calledOffQuantity"}, "price": {"priceAmount", "currency"}},
}

// behind are the fields that a selected field is computed of; none for any other.
func behind(f *ast.Field) []ast.Selection {
	if f.ObjectDefinition == nil {
		return nil
	}
	names := computedOf[f.ObjectDefinition.Name][f.Name]
	if names == nil {
		return nil
	}
	fields := make([]ast.Selection, len(names))
	for i, name := range names {
		fields[i] = &ast.Field{
			Name: name, Alias: name, Directives: f.Directives, Position: f.Position,
			ObjectDefinition: f.ObjectDefinition, Definition: f.Definition,
		}
	}
	return fields
}
