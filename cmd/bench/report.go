package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// median is the middle of some measurements, by what of them.
func median(of []result, what func(result) float64) float64 {
	values := make([]float64, len(of))
	for i, r := range of {
		values[i] = what(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func perSecond(r result) float64 { return r.perSecond }

// rate is the median of the rates and their spread.
func rate(of []result) string {
	rates := make([]float64, len(of))
	for i, r := range of {
		rates[i] = r.perSecond
	}
	return fmt.Sprintf("%.0f (%.0f to %.0f)", median(of, perSecond), slices.Min(rates), slices.Max(rates))
}

// costs are the columns of latencies and of what a request costs.
func costs(of []result) string {
	return fmt.Sprintf("%.1f | %.1f | %.2f | %.1f | %.0f",
		median(of, func(r result) float64 { return r.p50 }), median(of, func(r result) float64 { return r.p99 }),
		median(of, func(r result) float64 { return r.cpu }), median(of, func(r result) float64 { return r.statements }),
		median(of, func(r result) float64 { return r.allocations }))
}

// ratio is how the rates of one compare to those of another; empty where there is no other.
func ratio(of, to []result) string {
	if len(to) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", median(of, perSecond)/median(to, perSecond))
}

// figures are all that was measured.
type figures struct {
	rows     []operation
	targets  []target
	measured map[string][][]result
	ofPage   int64       // statements of a dashboard
	orders   *placed     // nil where that was not wanted
	overload *overloaded // nil where that was not wanted
	imported *imported   // nil where that was not wanted
	exported *exported   // of what was imported
	checks   checkTimes
	seeded   time.Duration
}

// report prints the tables, with ratios of the medians and the spread of rates.
func report(o options, m machine, f figures) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| operation | who | requests/s (spread) | p50 ms | p99 ms | CPU ms | statements | allocations | to gqlgen + pgx | to the floor |\n")
	fmt.Fprintf(&b, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, row := range f.rows {
		all := f.measured[row.name]
		for i, t := range f.targets {
			of := all[i]
			if len(of) == 0 {
				continue
			}
			to := func(other int) string {
				if other == i {
					return ""
				}
				return ratio(of, all[other])
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", row.name, t.name, rate(of), costs(of), to(1), to(2))
		}
	}
	var walls []string
	for _, row := range f.rows {
		if all := f.measured[row.name]; len(all[3]) > 0 {
			walls = append(walls, row.name+" "+ratio(all[0], all[3]))
		}
	}
	if len(walls) > 0 {
		fmt.Fprintf(&b, "\nWith row security, in requests/s of Kontor with one wall: %s.\n", strings.Join(walls, ", "))
	}
	fmt.Fprintf(&b, "\nA dashboard of %d customers takes %d statements, and so does one of %d.\n", manyCustomers, f.ofPage, fewCustomers)
	if f.orders != nil {
		f.orders.report(&b)
	}
	if f.overload != nil {
		f.overload.report(&b)
	}
	if f.imported != nil {
		f.imported.report(&b)
		f.exported.report(&b)
	}
	fmt.Fprintf(&b, "\nA right check takes %.0f µs (median) with %d grants in the table and %.0f µs with %d: %.2f times as long.\n",
		f.checks.few, f.checks.fewGrants, f.checks.all, f.checks.allRows, f.checks.all/f.checks.few)
	fmt.Fprintf(&b, "\nMeasured on %s. %d companies, %d orders with 3 items each, %d grants, and a partner with %d customers (seeded in %s);\n"+
		"%d connections, %d interleaved rounds of %s for each row; medians, and the spread of the rates. CPU, statements and allocations are\n"+
		"for one request: CPU and allocations of the server alone, statements as PostgreSQL counts them, with those that open and end a transaction,\n"+
		"without what tells row security for whom each of them is. Only Kontor is under row security.\n"+
		"All collect garbage alike (GOGC=400). Kontor and gqlgen + pgx find the session in Redis and the user in the database; the floor\n"+
		"is told the tenant and asks nobody. The last two columns are ratios of requests/s, more than 1 is faster. Identical code varies by\n"+
		"half on such a machine: no difference under a third means anything.\n",
		m, o.tenants, o.orders, o.grants, partnerCustomers, f.seeded.Round(time.Second), o.connections, o.repeats, o.duration)
	fmt.Print(b.String())
	if o.out == "" {
		return nil
	}
	if err := os.WriteFile(o.out, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}
