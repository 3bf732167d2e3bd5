package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	// The comparators are this program, started once more: here it is the test.
	if len(os.Args) > 1 && os.Args[1] == "comparator" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A whole run, on little data: everybody starts, answers the same (the run itself
// compares) and has its rows in the table.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	binary, table := filepath.Join(folder, "kontor"), filepath.Join(folder, "table.md")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, "kontor/cmd/kontor").CombinedOutput(); err != nil {
		t.Fatalf("building kontor: %v\n%s", err, output)
	}
	o := options{
		binary: binary, tenants: leastTenants, orders: listLength * leastTenants, grants: 10 * fewGrants,
		connections: 2, repeats: 1, duration: 50 * time.Millisecond, contracts: 3000, operations: "../../clients/operations", out: table,
	}
	if err := o.validate(); err != nil {
		t.Fatal(err)
	}
	// The test's own context ends before servers are stopped.
	if err := run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"| login | Kontor |", "| product list (20) | Kontor |", "| contract list (20 of 1000, rights) | Kontor |", "| add to cart | Kontor |", "| add and place order | Kontor |",
		"| order list (20, items, products) | Kontor |", "| order list (20, items, products) | gqlgen + pgx |", "| order list (20, items, products) | floor |",
		"| one order | Kontor |", "| one order | gqlgen + pgx |", "| one order | floor |", "| one order | Kontor, one wall |", "With row security, ", "A right check takes ",
		"| dashboard (customers: 1) | Kontor |", "| dashboard (customers: 50) | Kontor |", "| dashboard (customers: 50) | Kontor, one wall |", "A dashboard of 50 customers takes ",
		"| place order (clients: 1) |", "| place order (clients: 16) |", "| place order (clients: 64) |", "| place order (clients: 16, one company) |",
		"| place order (clients: 64, one company) |", "| 2.0 times |", "A file of 3000 contracts goes in in ", "As CSV 3000 contracts are downloaded in ", "As XLSX 3000 contracts are downloaded in ", "have no gap and no double.",
	} {
		if !strings.Contains(string(content), row) {
			t.Errorf("the table has no %q:\n%s", row, content)
		}
	}
}

func TestSizesThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	err := options{}.validate()
	if err == nil {
		t.Fatal("a run without anything in it was accepted")
	}
	for _, flag := range []string{"-tenants", "-grants", "-connections", "-repeats", "-duration", "-operations"} {
		if !strings.Contains(err.Error(), flag+" must be ") {
			t.Errorf("nothing is said about %s: %v", flag, err)
		}
	}
}
