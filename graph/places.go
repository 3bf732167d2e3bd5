package graph

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vmihailenco/msgpack/v5"

	"kontor/authz"
	"kontor/ent"
	"kontor/graph/scalar"
	"kontor/internal/fault"
	"kontor/internal/seal"
)

// places signs the cursors that are given out, and takes only those that come back: from the same
// company, for a list of the same kind in the same order. What a cursor holds goes into a statement,
// so it must be what the server wrote (AUTHZ-04).
type places struct{ signer *seal.Signer }

var _ interface {
	graphql.HandlerExtension
	graphql.FieldInterceptor
} = places{}

// signed is the value of a cursor with its signature.
type signed []byte

func (places) ExtensionName() string                   { return "Places" }
func (places) Validate(graphql.ExecutableSchema) error { return nil }

func (p places) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	fc := graphql.GetFieldContext(ctx)
	isList := isConnection(fc.Field.Definition.Type.NamedType)
	if !isList && !isConnection(fc.Object) || fc.Field.Definition.Type.NamedType == "RightHolderConnection" || fc.Object == "RightHolderConnection" {
		return next(ctx) // right holders are read whole, and their cursors reach no statement
	}
	v, err := authz.FromContext(ctx)
	if err != nil {
		return next(ctx)
	}
	list := fc
	for !isList && (list.Field.Field == nil || !isConnection(list.Field.Definition.Type.NamedType)) {
		if list = list.Parent; list == nil {
			return next(ctx)
		}
	}
	about := aboutList(ctx, list, v)
	if isList {
		if err := p.open(fc, about); err != nil {
			return nil, err
		}
	}
	result, err := next(ctx)
	if err != nil {
		return nil, err
	}
	return result, p.sign(about, reflect.ValueOf(result), !isList || wantsEdges(ctx))
}

func isConnection(name string) bool { return strings.HasSuffix(name, "Connection") }

// aboutList says which places belong together: of lists of one kind, in one order, for one company.
func aboutList(ctx context.Context, list *graphql.FieldContext, v *authz.Viewer) string {
	kind := list.Field.Definition.Type.NamedType
	order := fmt.Sprint(list.Field.ArgumentMap(graphql.GetOperationContext(ctx).Variables)["orderBy"])
	if order == usualOrder[kind] {
		order = fmt.Sprint(nil)
	}
	return fmt.Sprint(v.AtHome().Tenant, " ", kind, " ", order)
}

// usualOrder is the order of lists that are also inside of others, where it is the default of the schema.
var usualOrder = map[string]string{
	"OrderConnection":    "map[direction:DESC field:PLACED_AT]",
	"ContractConnection": "map[direction:ASC field:NUMBER]",
}

// wantsEdges tells whether a client asked for the cursor of every element.
func wantsEdges(ctx context.Context) bool {
	for _, f := range graphql.CollectFieldsCtx(ctx, nil) {
		if f.Name == "edges" {
			return true
		}
	}
	return false
}

// open puts the cursors that the server wrote in the place of those that came.
func (p places) open(fc *graphql.FieldContext, about string) error {
	for _, side := range []string{"after", "before"} {
		text, ok := fc.Args[side].(*string)
		if !ok || text == nil {
			continue
		}
		c, err := scalar.UnmarshalCursor(*text)
		if err != nil {
			return err
		}
		value, _ := c.Value.([]byte)
		packed, err := p.signer.Open(about+" "+c.ID.String(), value)
		if err != nil {
			return fault.Invalid("this cursor is of another list, of another order or of nobody: take one from pageInfo or from an edge")
		}
		c.Value = nil
		if err := msgpack.Unmarshal(packed, &c.Value); err != nil {
			return fmt.Errorf("reading a cursor: %w", err)
		}
		var plain strings.Builder
		c.MarshalGQL(&plain)
		unquoted := strings.Trim(plain.String(), `"`)
		fc.Args = maps.Clone(fc.Args)
		fc.Args[side] = &unquoted
	}
	return nil
}

// sign signs the cursors of a page, or of its edges or its page information alone.
func (p places) sign(about string, page reflect.Value, edges bool) error {
	for page.Kind() == reflect.Pointer {
		page = page.Elem()
	}
	switch page.Kind() {
	case reflect.Slice:
		for i := range page.Len() {
			if err := p.sign(about, page.Index(i), edges); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if !page.CanAddr() {
			return nil
		}
		if info, ok := page.Addr().Interface().(*ent.PageInfo); ok {
			return p.signAll(about, info.StartCursor, info.EndCursor)
		}
		if field := page.FieldByName("Cursor"); field.IsValid() {
			if c, ok := field.Addr().Interface().(*ent.Cursor); ok {
				return p.signAll(about, c)
			}
			return nil
		}
		if field := page.FieldByName("Edges"); edges && field.IsValid() && field.Kind() == reflect.Slice {
			if err := p.sign(about, field, edges); err != nil {
				return err
			}
		}
		if field := page.FieldByName("PageInfo"); field.IsValid() {
			return p.sign(about, field, edges)
		}
	}
	return nil
}

// signAll signs cursors, each once: those of a page information may be those of edges.
func (p places) signAll(about string, cursors ...*ent.Cursor) error {
	for _, c := range cursors {
		if c == nil {
			continue
		}
		if _, already := c.Value.(signed); already {
			continue
		}
		packed, err := msgpack.Marshal(c.Value)
		if err != nil {
			return fmt.Errorf("signing a cursor: %w", err)
		}
		c.Value = signed(p.signer.Sign(about+" "+c.ID.String(), packed))
	}
	return nil
}
