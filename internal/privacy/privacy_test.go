package privacy_test

import (
	"testing"

	"kontor/ent/migrate"
	"kontor/internal/privacy"
)

// Every column of every table is in the inventory of fields: whoever adds one says there what it
// holds of people.
//
// Case: PRIV-04
func TestEveryFieldIsInTheInventory(t *testing.T) {
	inventory, err := privacy.Inventory()
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, columns := range inventory {
		known += len(columns)
	}
	for _, table := range migrate.Tables {
		for _, column := range table.Columns {
			switch inventory[table.Name][column.Name] {
			case privacy.Nothing, privacy.Subject, privacy.Personal, privacy.Others, privacy.Secret:
				known--
			default:
				t.Errorf("%s.%s is not in internal/privacy/fields.csv: say there what it holds of people", table.Name, column.Name)
			}
		}
	}
	if known != 0 {
		t.Errorf("%d fields of the inventory are no columns", known)
	}
}
