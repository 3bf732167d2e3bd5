// Command bench measures Kontor on PostgreSQL and Redis, as a separate process,
// beside two others that answer the same: a plain handler with the least SQL, and
// gqlgen with hand-written statements. It prints a table with ratios of one run, and
// one of how placing orders fares with many clients.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the sizes of a run.
type options struct {
	binary      string
	tenants     int
	orders      int
	grants      int
	connections int
	repeats     int
	duration    time.Duration
	operations  string
	out         string
	only        string
	contracts   int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The comparators run as processes of their own, from this binary.
	if len(os.Args) == 7 && os.Args[1] == "comparator" {
		if err := runComparator(ctx, os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]); err != nil {
			fmt.Fprintf(os.Stderr, "comparator %s: %v\n", os.Args[2], err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.binary, "binary", "bin/kontor", "the kontor to measure")
	flag.IntVar(&o.tenants, "tenants", 1000, "companies")
	flag.IntVar(&o.orders, "orders", 100_000, "orders, with 3 items each")
	flag.IntVar(&o.grants, "grants", 1_000_000, "grants on contracts; a tenth of them are one person's")
	flag.IntVar(&o.connections, "connections", 8, "connections of the load")
	flag.IntVar(&o.repeats, "repeats", 3, "rounds; the table has their medians")
	flag.DurationVar(&o.duration, "duration", 3*time.Second, "how long each operation is measured in a round")
	flag.StringVar(&o.operations, "operations", "clients/operations", "what the clients send, of which some is measured as it is")
	flag.StringVar(&o.out, "out", "", "also write the table to this file")
	flag.StringVar(&o.only, "only", "", "measure only the operations whose name has this in it")
	flag.IntVar(&o.contracts, "contracts", 1_000_000, "contracts in the file that is imported; 0: none is")
	flag.Parse()
	err := o.validate()
	if err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// validate tells everything that is wrong with the sizes, at once.
func (o options) validate() error {
	var wrong []error
	need := func(holds bool, format string, args ...any) {
		if !holds {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	need(o.tenants >= leastTenants, "-tenants must be %d or more: the operations share no company", leastTenants)
	need(o.orders >= listLength*o.tenants, "-orders must be %d or more for %d companies: each has a full page of them", listLength*o.tenants, o.tenants)
	need(o.grants >= 10*fewGrants, "-grants must be %d or more: the right check compares with %d", 10*fewGrants, fewGrants)
	need(o.connections >= 1 && o.connections <= customers, "-connections must be 1 to %d: each is a user of its own", customers)
	need(o.repeats >= 1, "-repeats must be 1 or more")
	need(o.duration > 0, "-duration must be longer than nothing, such as 3s")
	_, err := o.document("partner/dashboard")
	need(err == nil, "-operations must be the folder of what the clients send: %v", err)
	return errors.Join(wrong...)
}
