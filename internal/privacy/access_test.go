package privacy

import (
	"maps"
	"slices"
	"testing"
)

// Where a row is about several users, it is said of each field which of them it is about: others are not told.
//
// Case: PRIV-04
func TestFieldsOfRowsAboutSeveralUsersAreOnes(t *testing.T) {
	inventory, err := Inventory()
	if err != nil {
		t.Fatal(err)
	}
	for table, columns := range inventory {
		subjects := 0
		for _, class := range columns {
			if class == Subject {
				subjects++
			}
		}
		said := slices.Concat(slices.Collect(maps.Values(saidBy[table]))...)
		for column, class := range columns {
			if subjects > 1 && class == Personal && !slices.Contains(said, column) {
				t.Errorf("%s.%s is about one of several users: say in saidBy about whom", table, column)
			}
		}
		for whose := range saidBy[table] {
			if columns[whose] != Subject {
				t.Errorf("%s.%s is no user's key", table, whose)
			}
		}
	}
}
