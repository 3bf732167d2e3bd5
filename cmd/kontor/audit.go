package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"kontor/internal/audit"
	"kontor/internal/db"
)

func auditCommand() *cli.Command {
	return &cli.Command{
		Name:     "audit",
		Usage:    "look after the audit log",
		Commands: []*cli.Command{auditVerifyCommand()},
	}
}

func auditVerifyCommand() *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "find out whether anything in the audit log was changed, removed or put in",
		Description: "Each entry of a tenant carries the hash of the one before. The command prints for each tenant how many\n" +
			"entries there are and the hash of the last one, and fails when a chain is broken. Keep what it prints elsewhere: it\n" +
			"proves later that the log was not rewritten as a whole.",
		Flags: []cli.Flag{databaseFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			return withDatabase(ctx, c, true, func(ctx context.Context, d *db.DB) error {
				chains, err := audit.New(d, time.Now, nil).Verify(ctx)
				if err != nil {
					return err
				}
				table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "TENANT\tENTRIES\tLAST HASH\tSTATE")
				broken := 0
				for _, chain := range chains {
					state := "whole"
					if chain.Broken != "" {
						state, broken = "BROKEN: "+chain.Broken, broken+1
					}
					fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", chain.Organization, chain.Entries, chain.Hash, state)
				}
				if err := table.Flush(); err != nil {
					return fmt.Errorf("printing the chains: %w", err)
				}
				if broken > 0 {
					return errors.New("the audit log is not what was written")
				}
				return nil
			})
		},
	}
}
