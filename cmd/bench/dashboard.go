package main

import (
	"context"
	"encoding/json"
	"fmt"
)

// dashboards are the pages of customers that a partner's agent looks at, asked for as
// its client does: customers of a page, with users, orders and contracts of each.
type dashboards struct {
	kontor   target
	document string
	headers  map[string]string
}

// fewCustomers and manyCustomers are the pages that are compared.
const (
	fewCustomers  = 1
	manyCustomers = 50
)

func openDashboards(ctx context.Context, o options, kontor target) (*dashboards, error) {
	document, err := o.document("partner/dashboard")
	if err != nil {
		return nil, err
	}
	headers, err := enter(ctx, kontor, agent)
	if err != nil {
		return nil, err
	}
	return &dashboards{kontor, document, headers}, nil
}

func dashboardOf(n int) string { return fmt.Sprintf("dashboard (customers: %d)", n) }

// operations are the rows of the table.
func (d *dashboards) operations() []operation {
	row := func(n int) operation {
		page := d.page(n)
		return operation{dashboardOf(n), func(int, int) ([]byte, map[string]string) { return page, d.headers }, nil}
	}
	return []operation{row(fewCustomers), row(manyCustomers)}
}

func (d *dashboards) page(n int) []byte {
	return named(d.document, "Customers", map[string]any{"first": n})
}

// statements is what a page costs, which has to be the same for one of any length.
func (d *dashboards) statements(ctx context.Context, statements func() (int64, error)) (int64, error) {
	ask := func(n int) func() error {
		return func() error {
			content, err := d.kontor.ask(ctx, d.page(n), d.headers)
			if err != nil {
				return err
			}
			return fullPage(content, n)
		}
	}
	costs, err := counted(statements, ask(fewCustomers), ask(manyCustomers))
	if err != nil {
		return 0, fmt.Errorf("the dashboard: %w", err)
	}
	if costs[0] == 0 || costs[0] != costs[1] {
		return 0, fmt.Errorf("the dashboard costs %d statements with %d customers and %d with %d", costs[0], fewCustomers, costs[1], manyCustomers)
	}
	return costs[0], nil
}

// fullPage makes sure that a page has its customers, and each of them all that was seeded.
func fullPage(content []byte, n int) error {
	type list struct {
		TotalCount int
		Nodes      []json.RawMessage
	}
	var answer struct {
		Data struct {
			Tenants struct {
				TotalCount int
				Nodes      []struct {
					OrganizationID                       string
					MasterAdmins, Open, Failed, Expiring list
				}
			}
		}
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return fmt.Errorf("reading a dashboard: %w", err)
	}
	page := answer.Data.Tenants
	if page.TotalCount != partnerCustomers || len(page.Nodes) != n {
		return fmt.Errorf("a page of %d has %d of %d customers, want %d of %d", n, len(page.Nodes), page.TotalCount, n, partnerCustomers)
	}
	for _, c := range page.Nodes {
		got := []int{len(c.MasterAdmins.Nodes), c.Open.TotalCount, len(c.Open.Nodes), c.Failed.TotalCount, c.Expiring.TotalCount, len(c.Expiring.Nodes)}
		if want := []int{1, openOfEach, 5, errorOfEach, endOfEach, 5}; fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("%s shows %v master admins, open orders, failed ones and ending contracts, want %v", c.OrganizationID, got, want)
		}
	}
	return nil
}
