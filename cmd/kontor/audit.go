package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/urfave/cli/v3"

	"kontor/internal/audit"
	"kontor/internal/db"
)

func auditCommand() *cli.Command {
	return &cli.Command{
		Name:     "audit",
		Usage:    "look after the audit log",
		Commands: []*cli.Command{auditVerifyCommand(), auditHeadCommand(), auditKeyCommand()},
	}
}

// withAudit opens the audit log of the flags for a command.
func withAudit(ctx context.Context, c *cli.Command, do func(context.Context, *audit.Log) error) error {
	return withDatabase(ctx, c, true, func(ctx context.Context, d *db.DB) error {
		log, err := auditLog(c, d)
		if err != nil {
			return err
		}
		return do(ctx, log)
	})
}

func auditVerifyCommand() *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "find out whether anything in the audit log was changed, removed or put in",
		Description: "Each entry of a tenant carries the hash of the one before, made with the secret of the servers. The command prints\n" +
			"for each tenant how many entries there are and the hash of the last one, and fails when a chain is broken, with the number of\n" +
			"the first bad entry. With heads that were kept elsewhere it also finds what was cut off at the end, and a log that was\n" +
			"rewritten as a whole. Entries need the secret that they were made with: list those that were given up, too.",
		Flags: []cli.Flag{
			databaseFlag(), secretFlag(),
			&cli.BoolFlag{Name: "legacy", Usage: "accept logs without a key, of before there was one: anybody who can write into the database can make such a log"},
			&cli.StringFlag{Name: "heads", Usage: "`FILE` of heads: what `kontor audit head` printed, or the log of the servers; - for standard input"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			return withAudit(ctx, c, func(ctx context.Context, log *audit.Log) error {
				heads, err := readHeads(log, c.String("heads"))
				if err != nil {
					return err
				}
				chains, err := log.Verify(ctx, heads...)
				if err != nil {
					return err
				}
				return printChains(chains, c.Bool("legacy"))
			})
		},
	}
}

func readHeads(log *audit.Log, path string) ([]audit.Head, error) {
	var from io.Reader = os.Stdin
	switch path {
	case "":
		return nil, nil
	case "-":
	default:
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("opening the heads that were kept: %w", err)
		}
		defer file.Close()
		from = file
	}
	return log.ReadHeads(from)
}

func printChains(chains []audit.Chain, legacy bool) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TENANT\tENTRIES\tLAST HASH\tSTATE")
	broken, keyless := 0, 0
	for _, chain := range chains {
		state := "whole"
		switch {
		case chain.Broken != "":
			state, broken = "BROKEN: "+chain.Broken, broken+1
		case chain.Entries > 0 && !chain.Keyed:
			state, keyless = "without a key, so anybody can have written it: after an upgrade, run kontor audit key", keyless+1
		case chain.Cut > 0:
			state = fmt.Sprintf("whole from entry %d on; those before are over", chain.Cut+1)
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", chain.Organization, chain.Entries, chain.Hash, state)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing the chains: %w", err)
	}
	switch {
	case broken > 0:
		return errors.New("the audit log is not what was written")
	case keyless > 0 && !legacy:
		return errors.New("logs without a key prove nothing: --legacy accepts them, for the first time after an upgrade")
	}
	return nil
}

func auditHeadCommand() *cli.Command {
	return &cli.Command{
		Name:  "head",
		Usage: "print where the audit logs end, signed, to be kept elsewhere",
		Description: "One JSON object a line for each tenant. Keep them where nobody can write who can write into the database: with them\n" +
			"kontor audit verify --heads proves that nothing was cut off and that no log was rewritten. The servers write the same\n" +
			"into their log (\"audit head\"), at most a minute after a log moved.",
		Flags: []cli.Flag{databaseFlag(), secretFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			return withAudit(ctx, c, func(ctx context.Context, log *audit.Log) error {
				heads, changed := log.Heads(ctx, nil)
				to := json.NewEncoder(os.Stdout)
				for _, h := range heads {
					if err := to.Encode(h); err != nil {
						return fmt.Errorf("printing the heads: %w", err)
					}
				}
				return changed
			})
		},
	}
}

func auditKeyCommand() *cli.Command {
	return &cli.Command{
		Name:  "key",
		Usage: "have audit logs that began without a key go on with one",
		Description: "Once after an upgrade, when no server of before runs any more: such a server cannot write into a log with a key. Logs that begin later\n" +
			"have one from the start. Every log is verified before; a broken one stays as it is.",
		Flags: []cli.Flag{databaseFlag(), secretFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			return withAudit(ctx, c, func(ctx context.Context, log *audit.Log) error {
				begun, err := log.Key(ctx)
				fmt.Fprintf(os.Stdout, "%d audit logs go on with a key\n", begun)
				return err
			})
		},
	}
}
