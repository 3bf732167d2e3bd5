// Command kontor is the one binary: it serves the API, migrates the database,
// loads demo data, imports and exports, makes users and verifies the audit log. `kontor --help` explains all of it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v3"
)

func main() {
	// A second signal ends the process at once: the first one has stopped the
	// notification.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := command().Run(ctx, os.Args); err != nil {
		fmt.Fprintf(os.Stderr, "kontor: %v\n", err)
		os.Exit(1)
	}
}

func command() *cli.Command {
	return &cli.Command{
		Name:  "kontor",
		Usage: "one GraphQL API behind business customer portals",
		Description: "Settings are flags or environment variables; flags win. Everything that is wrong with them\n" +
			"is told at start, all of it at once.",
		Commands: []*cli.Command{serveCommand(), migrateCommand(), demoCommand(), importCommand(), exportCommand(), userCommand(), tenantCommand(), erasuresCommand(), retentionCommand(), auditCommand(), schemaCommand(), settingsCommand(), backupCommand(), operationsCommand()},
	}
}
