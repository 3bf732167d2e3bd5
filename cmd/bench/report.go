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

// report prints the table, with ratios of the medians and the spread of rates.
func report(o options, m machine, rows []operation, targets []target, measured map[string][][]result, checks checkTimes, seeded time.Duration) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| operation | who | requests/s (spread) | p50 ms | p99 ms | CPU ms | statements | allocations | to gqlgen + pgx | to the floor |\n")
	fmt.Fprintf(&b, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, row := range rows {
		all := measured[row.name]
		for i, t := range targets {
			of := all[i]
			if len(of) == 0 {
				continue
			}
			rates := make([]float64, len(of))
			for j, r := range of {
				rates[j] = r.perSecond
			}
			slices.Sort(rates)
			ratio := func(other int) string {
				if other == i || len(all[other]) == 0 {
					return ""
				}
				return fmt.Sprintf("%.2f", median(of, perSecond)/median(all[other], perSecond))
			}
			fmt.Fprintf(&b, "| %s | %s | %.0f (%.0f to %.0f) | %.1f | %.1f | %.2f | %.1f | %.0f | %s | %s |\n", row.name, t.name,
				median(of, perSecond), rates[0], rates[len(rates)-1],
				median(of, func(r result) float64 { return r.p50 }), median(of, func(r result) float64 { return r.p99 }),
				median(of, func(r result) float64 { return r.cpu }), median(of, func(r result) float64 { return r.statements }),
				median(of, func(r result) float64 { return r.allocations }), ratio(1), ratio(2))
		}
	}
	var walls []string
	for _, row := range rows {
		if all := measured[row.name]; len(all[3]) > 0 {
			walls = append(walls, fmt.Sprintf("%s %.2f", row.name, median(all[0], perSecond)/median(all[3], perSecond)))
		}
	}
	fmt.Fprintf(&b, "\nWith row security, in requests/s of Kontor with one wall: %s.\n", strings.Join(walls, ", "))
	fmt.Fprintf(&b, "\nA right check takes %.0f µs (median) with %d grants in the table and %.0f µs with %d: %.2f times as long.\n",
		checks.few, checks.fewGrants, checks.all, checks.allRows, checks.all/checks.few)
	fmt.Fprintf(&b, "\nMeasured on %s. %d companies, %d orders with 3 items each, %d grants (seeded in %s);\n"+
		"%d connections, %d interleaved rounds of %s for each row; medians, and the spread of the rates. CPU, statements and allocations are\n"+
		"for one request: CPU and allocations of the server alone, statements as PostgreSQL counts them, with those that open and end a transaction,\n"+
		"without what tells row security for whom each of them is. Only Kontor is under row security.\n"+
		"All collect garbage alike (GOGC=400). Kontor and gqlgen + pgx find the session in Redis and the user in the database; the floor\n"+
		"is told the tenant and asks nobody. The last two columns are ratios of requests/s, more than 1 is faster. Identical code varies by\n"+
		"half on such a machine: no difference under a third means anything.\n",
		m, o.tenants, o.orders, o.grants, seeded.Round(time.Second), o.connections, o.repeats, o.duration)
	fmt.Print(b.String())
	if o.out == "" {
		return nil
	}
	if err := os.WriteFile(o.out, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}
