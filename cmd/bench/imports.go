package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor/internal/kontortest"
)

// imported is what the import of many contracts in one file took, beside COPY of the finished rows
// into a table like theirs, with its indexes and foreign keys.
type imported struct {
	rows, few           int
	copied, first, next time.Duration
	// peakFew and peak are the most memory that the command took for few rows and for all, in MiB.
	peakFew, peak int
}

// fewContracts is with how many contracts memory is compared.
const fewContracts = 10_000

// measureImports imports contracts into a database of their own, by the command.
func measureImports(ctx context.Context, o options, postgres *kontortest.Postgres) (_ *imported, err error) {
	if err := postgres.CreateDatabase(ctx, "imports", ""); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "kontor-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for files to import: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	k := command{o.binary, []string{"KONTOR_DATABASE_URL=" + postgres.URL("imports"), "KONTOR_BLOB_URL=file://" + filepath.Join(folder, "blobs")}}
	if _, err := k.run(ctx, "migrate"); err != nil {
		return nil, err
	}
	for _, each := range []struct{ kind, rows string }{
		{"tenants", "organization_id;name;kind;parent;email_domain\nOP;Betreiber;OPERATOR;;op.example\nHANSA;Hansa Logistik GmbH;CUSTOMER;OP;hansa.example\n"},
		{"products", "sku;name;category;unit\nTEL-1;Anschluss;Telefonie;month\n"},
	} {
		file := filepath.Join(folder, each.kind+".csv")
		if err := os.WriteFile(file, []byte(each.rows), 0o600); err != nil {
			return nil, fmt.Errorf("writing a file to import: %w", err)
		}
		if _, err := k.run(ctx, "import", "--kind", each.kind, file); err != nil {
			return nil, err
		}
	}
	m := &imported{rows: o.contracts, few: min(fewContracts, o.contracts)}
	few, all := filepath.Join(folder, "few.csv"), filepath.Join(folder, "contracts.csv")
	if err := errors.Join(writeContracts(few, "F", m.few), writeContracts(all, "C", m.rows)); err != nil {
		return nil, err
	}
	small, err := k.run(ctx, "import", "--kind", "contracts", few)
	if err != nil {
		return nil, err
	}
	first, err := k.run(ctx, "import", "--kind", "contracts", all)
	if err != nil {
		return nil, err
	}
	again, err := k.run(ctx, "import", "--kind", "contracts", all)
	if err != nil {
		return nil, err
	}
	if want := fmt.Sprintf("unchanged %d,", m.rows); !strings.Contains(again.output, want) {
		return nil, fmt.Errorf("the second import of the same file said %q", again.output)
	}
	m.first, m.next, m.peak, m.peakFew = first.took, again.took, max(first.peak, again.peak), small.peak
	m.copied, err = copyContracts(ctx, postgres.AdminURL("imports"), filepath.Join(folder, "contracts.copy"))
	return m, err
}

// writeContracts writes contracts under customer numbers of fifty each.
func writeContracts(file, prefix string, n int) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("making a file to import: %w", err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "organization_id;number;type;state;customer_number;line;access_number;product;valid_from;valid_to")
	for i := range n {
		fmt.Fprintf(w, "HANSA;%s-%07d;SERVICE_CONTRACT;ACTIVE;%s%05d;MOBILE;+49 171 %07d;TEL-1;2025-01-%02d;2027-12-31\n", prefix, i, prefix, i/50, i, i%28+1)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("writing a file to import: %w", err)
	}
	return nil
}

// copyContracts copies all contracts into a table like theirs, and tells how long that took.
func copyContracts(ctx context.Context, url, file string) (took time.Duration, err error) {
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("connecting to copy contracts: %w", err)
	}
	defer func() { err = errors.Join(err, connection.Close(context.WithoutCancel(ctx))) }()
	content, err := os.Create(file)
	if err != nil {
		return 0, fmt.Errorf("making a file to copy: %w", err)
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	if _, err := connection.PgConn().CopyTo(ctx, content, "COPY (SELECT * FROM contracts WHERE number LIKE 'C-%') TO STDOUT"); err != nil {
		return 0, fmt.Errorf("copying contracts out: %w", err)
	}
	_, err = connection.Exec(ctx, `CREATE TABLE copied (LIKE contracts INCLUDING ALL);
		ALTER TABLE copied ADD FOREIGN KEY (tenant_id) REFERENCES tenants (id), ADD FOREIGN KEY (product_id) REFERENCES products (id),
			ADD FOREIGN KEY (tenant_id, customer_number_id) REFERENCES customer_numbers (tenant_id, id)`)
	if err != nil {
		return 0, fmt.Errorf("making a table like that of contracts: %w", err)
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return 0, fmt.Errorf("going back to the beginning of the copy: %w", err)
	}
	began := time.Now()
	if _, err := connection.PgConn().CopyFrom(ctx, content, "COPY copied FROM STDIN"); err != nil {
		return 0, fmt.Errorf("copying contracts in: %w", err)
	}
	return time.Since(began), nil
}

// command is kontor with its settings.
type command struct {
	binary string
	env    []string
}

// finished is a command that has come to its end.
type finished struct {
	took   time.Duration
	peak   int // the most memory that it took, in MiB
	output string
}

func (c command) run(ctx context.Context, args ...string) (finished, error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, c.binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), c.env...), &said, &said
	began := time.Now()
	err := cmd.Start()
	peak := 0
	if err == nil {
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		peak, err = watch(cmd.Process.Pid, ended)
	}
	if err != nil {
		return finished{}, fmt.Errorf("kontor %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return finished{time.Since(began), peak, said.String()}, nil
}

// watch asks for the peak of a process's memory, in MiB, until it has ended. What the system says
// of it afterwards has the memory of this process in it, which it was forked from.
func watch(pid int, ended <-chan error) (peak int, err error) {
	for {
		select {
		case err := <-ended:
			return peak, err
		case <-time.After(20 * time.Millisecond):
		}
		if now, known := memoryOf(pid, mostSoFar); known {
			peak = now
		}
	}
}

// What the system says of the memory of a process: the most that it has taken so far, and what it has now.
const (
	mostSoFar = "VmHWM:"
	rightNow  = "VmRSS:"
)

// memoryOf is what a running process takes of memory, in MiB. It is not known at its end, nor elsewhere
// than on Linux.
func memoryOf(pid int, which string) (mib int, known bool) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, found := strings.Cut(string(status), which)
	var kib int
	if !found {
		return 0, false
	}
	_, err := fmt.Sscan(after, &kib)
	return kib >> 10, err == nil
}

func (m *imported) report(b *strings.Builder) {
	fmt.Fprintf(b, "\nA file of %d contracts goes in in %.0f s, where COPY of the finished rows into a table like theirs takes %.0f s: %.1f times as long. Once more, when\n"+
		"nothing changes, it takes %.0f s. The command needs %d MiB at most, and %d MiB for %d contracts.\n",
		m.rows, m.first.Seconds(), m.copied.Seconds(), m.first.Seconds()/m.copied.Seconds(), m.next.Seconds(), m.peak, m.peakFew, m.few)
}
