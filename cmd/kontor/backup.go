package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v3"

	"kontor/internal/db"
)

func backupCommand() *cli.Command {
	return &cli.Command{
		Name:      "backup",
		Usage:     "copy the SQLite database to a file, while the server goes on",
		ArgsUsage: "FILE",
		Description: "PostgreSQL is backed up with pg_dump. Either way a backup is whole only with the store of documents and\n" +
			"KONTOR_SECRET: docs/deployment.md says how, and how to restore.",
		Flags: []cli.Flag{databaseFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() != 1 {
				return errors.New("name the file to write, which must not be there yet: kontor backup FILE")
			}
			if err := db.BackUp(ctx, c.String("database-url"), c.Args().First()); err != nil {
				return err
			}
			fmt.Fprintf(os.Stdout, "the database is in %s\n", c.Args().First())
			return nil
		},
	}
}
