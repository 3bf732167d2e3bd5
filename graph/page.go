package graph

import (
	"context"
	"slices"

	"entgo.io/contrib/entgql"
	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"kontor/ent"
	"kontor/graph/model"
	"kontor/graph/scalar"
	"kontor/internal/access"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

const (
	ascending  = entgql.OrderDirectionAsc
	descending = entgql.OrderDirectionDesc
	// maxPage bounds a page: a longer list is read in several.
	maxPage = 100
)

// page checks the bounds of a page and reads its cursors, and gives the context in
// which entgql collects what to load for it.
func page(ctx context.Context, first *int, after *string, last *int, before *string) (_ context.Context, from, to *ent.Cursor, err error) {
	if err := checkPage(first, last); err != nil {
		return nil, nil, nil, err
	}
	if from, err = cursor(after); err != nil {
		return nil, nil, nil, err
	}
	if to, err = cursor(before); err != nil {
		return nil, nil, nil, err
	}
	return expandNodes(ctx), from, to, nil
}

func checkPage(first, last *int) error {
	size := first
	if size == nil {
		size = last
	}
	switch {
	case first != nil && last != nil:
		return fault.Invalid("give first or last, not both")
	case size == nil:
		return fault.Invalid("say how many you want: first or last, 1 to 100")
	case *size < 1 || *size > maxPage:
		return fault.Invalid("first and last are 1 to 100")
	}
	return nil
}

func cursor(text *string) (*ent.Cursor, error) {
	if text == nil {
		return nil, nil
	}
	c, err := scalar.UnmarshalCursor(*text)
	return &c, err
}

// expandNodes lets entgql see `nodes { … }` of a connection as what it is short
// for, `edges { node { … } }`: that is the only form in which it collects what to
// load, and a page whose edges nobody asks for it does not load at all. Where there
// are nodes it does not see `pageInfo`, for which it would count the whole list: the
// page itself tells whether there is another one. Of a computed field it sees what
// it is computed of.
func expandNodes(ctx context.Context) context.Context {
	fc := graphql.GetFieldContext(ctx)
	if fc == nil {
		return ctx
	}
	selections, changed := expand(fc.Field.Selections)
	if !changed {
		return ctx
	}
	expanded := *fc
	expanded.Field.Selections = selections
	return graphql.WithFieldContext(ctx, &expanded)
}

func expand(selections ast.SelectionSet) (ast.SelectionSet, bool) {
	result, changed := make(ast.SelectionSet, 0, len(selections)), false
	loaded := slices.ContainsFunc(selections, func(s ast.Selection) bool {
		f, ok := s.(*ast.Field)
		return ok && (f.Name == "nodes" || f.Name == "edges") && len(f.Directives) == 0
	})
	for _, selection := range selections {
		if f, ok := selection.(*ast.Field); ok && f.Name == "pageInfo" && loaded {
			changed = true
			continue
		}
		if f, ok := selection.(*ast.Field); ok {
			if fields := behind(f); fields != nil {
				result, changed = append(result, fields...), true
				continue
			}
		}
		replaced, different := expandOne(selection)
		result = append(result, replaced)
		changed = changed || different
	}
	if !changed {
		return selections, false
	}
	return result, true
}

func expandOne(selection ast.Selection) (ast.Selection, bool) {
	switch s := selection.(type) {
	case *ast.Field:
		inner, changed := expand(s.SelectionSet)
		isConnection := s.ObjectDefinition != nil && s.ObjectDefinition.Fields.ForName("pageInfo") != nil
		if !changed && !(s.Name == "nodes" && isConnection) {
			return s, false
		}
		field := *s
		field.SelectionSet = inner
		if s.Name == "nodes" && isConnection {
			inner = elements(s.ObjectDefinition.Name, inner)
			node := &ast.Field{Name: "node", Alias: "node", SelectionSet: inner, Position: s.Position, ObjectDefinition: s.ObjectDefinition, Definition: s.Definition}
			field.Name, field.Alias, field.SelectionSet = "edges", "edges", ast.SelectionSet{node}
		}
		return &field, true
	case *ast.InlineFragment:
		inner, changed := expand(s.SelectionSet)
		if !changed {
			return s, false
		}
		fragment := *s
		fragment.SelectionSet = inner
		return &fragment, true
	case *ast.FragmentSpread:
		inner, changed := expand(s.Definition.SelectionSet)
		if !changed {
			return s, false
		}
		spread, definition := *s, *s.Definition
		definition.SelectionSet = inner
		spread.Definition = &definition
		return &spread, true
	default:
		return selection, false
	}
}

// elements are the selections on the entities of a connection. Where an element is an
// entity with something beside it, they stand below it.
func elements(connection string, selections ast.SelectionSet) ast.SelectionSet {
	if connection != "TransferableContractConnection" {
		return selections
	}
	var below ast.SelectionSet
	for _, selection := range selections {
		switch s := selection.(type) {
		case *ast.Field:
			if s.Name == "contract" {
				below = append(below, s.SelectionSet...)
			}
		case *ast.InlineFragment:
			below = append(below, elements(connection, s.SelectionSet)...)
		case *ast.FragmentSpread:
			below = append(below, elements(connection, s.Definition.SelectionSet)...)
		}
	}
	return below
}

// transferablePage is a page of the giver's contracts with their check marks.
func transferablePage(found *ent.ContractConnection, transferred map[uuid.UUID]bool) *model.TransferableContractConnection {
	page := &model.TransferableContractConnection{PageInfo: &found.PageInfo, TotalCount: found.TotalCount, Nodes: []*model.TransferableContract{}}
	for _, c := range found.Nodes() {
		page.Nodes = append(page.Nodes, &model.TransferableContract{Transferred: transferred[c.ID], Contract: c})
	}
	return page
}

// savedTransfers are what a request transferred and took back, as the API shows it.
func savedTransfers(saved *access.SavedTransfers, errors []*model.UserError) *model.SaveTransfersPayload {
	payload := &model.SaveTransfersPayload{Granted: []*model.SavedTransfer{}, Revoked: []*model.SavedTransfer{}, Errors: errors}
	if saved == nil {
		return payload
	}
	for i := range saved.Granted {
		payload.Granted = append(payload.Granted, &model.SavedTransfer{Contract: &saved.Granted[i], Rights: access.TransferableRights()})
	}
	for i := range saved.Revoked {
		payload.Revoked = append(payload.Revoked, &model.SavedTransfer{Contract: &saved.Revoked[i], Rights: access.TransferableRights()})
	}
	return payload
}

// filterAbove is a copy of the filter of the list that the present field is of.
func filterAbove[Filter any](ctx context.Context) *Filter {
	var filter Filter
	if fc := graphql.GetFieldContext(ctx); fc != nil && fc.Parent != nil {
		if given, ok := fc.Parent.Args["where"].(*Filter); ok && given != nil {
			filter = *given
		}
	}
	return &filter
}

// within are the tenant and the contract inside of which the list lies that the present
// field is of; nil where it lies at the top.
func within(ctx context.Context) (tenant, contract *gid.ID) {
	fc := graphql.GetFieldContext(ctx)
	if fc == nil || fc.Parent == nil || fc.Parent.Parent == nil {
		return nil, nil
	}
	switch above := fc.Parent.Parent.Result.(type) {
	case *ent.Tenant:
		id := above.GlobalID()
		return &id, nil
	case **ent.Tenant:
		id := (*above).GlobalID()
		return &id, nil
	case *ent.Contract:
		id := above.GlobalID()
		return nil, &id
	case **ent.Contract:
		id := (*above).GlobalID()
		return nil, &id
	default:
		return nil, nil
	}
}

// holdersPage is a page of right holders. There are few of them on a contract:
// they are read whole and cut here.
func holdersPage(all []access.Holder, first int, after *string) *model.RightHolderConnection {
	page := &model.RightHolderConnection{
		Edges: []*model.RightHolderEdge{}, Nodes: []*access.Holder{},
		PageInfo: &model.RightHolderPageInfo{}, TotalCount: len(all),
	}
	passed := after == nil
	for i := range all {
		holder := &all[i]
		if !passed {
			passed = holder.Key == *after
			continue
		}
		if len(page.Nodes) == first {
			page.PageInfo.HasNextPage = true
			break
		}
		page.Nodes = append(page.Nodes, holder)
		page.Edges = append(page.Edges, &model.RightHolderEdge{Node: holder, Cursor: holder.Key})
		page.PageInfo.EndCursor = &holder.Key
	}
	return page
}
