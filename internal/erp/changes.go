package erp

import (
	"encoding/json"
	"reflect"

	"entgo.io/ent"
)

// changes tells whether a prepared update would change anything of an entity:
// the same file imported twice changes nothing, and says so.
func changes(m ent.Mutation, entity any) bool {
	stored := reflect.Indirect(reflect.ValueOf(entity))
	byColumn := map[string]reflect.Value{}
	for i := range stored.NumField() {
		if name, ok := stored.Type().Field(i).Tag.Lookup("json"); ok {
			byColumn[column(name)] = stored.Field(i)
		}
	}
	for _, name := range m.Fields() {
		wanted, _ := m.Field(name)
		field, known := byColumn[name]
		if !known || !same(field, wanted) {
			return true
		}
	}
	for _, name := range m.ClearedFields() {
		if field, known := byColumn[name]; !known || !field.IsZero() {
			return true
		}
	}
	return false
}

func same(field reflect.Value, wanted any) bool {
	if field.Kind() == reflect.Pointer {
		if field.IsNil() {
			return false
		}
		if reflect.TypeOf(wanted).Kind() != reflect.Pointer {
			field = field.Elem()
		}
	}
	a, errA := json.Marshal(bare(field.Interface()))
	b, errB := json.Marshal(bare(wanted))
	return errA == nil && errB == nil && string(a) == string(b)
}

// bare gives values with a text of their own as that text: 1.50 is 1.5.
func bare(value any) any {
	if units, ok := value.(interface{ Units() (int64, error) }); ok {
		if n, err := units.Units(); err == nil {
			return n
		}
	}
	return value
}

// column is the column in a json tag, without its options.
func column(tag string) string {
	for i, r := range tag {
		if r == ',' {
			return tag[:i]
		}
	}
	return tag
}

// claim is whether what is stored is what a row says in a column.
type claim struct {
	column string
	same   bool
}

// firstOtherwise is the first column in which what is stored is something else; empty: none is.
func firstOtherwise(claims []claim) string {
	for _, c := range claims {
		if !c.same {
			return c.column
		}
	}
	return ""
}
