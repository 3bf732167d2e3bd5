package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"kontor/authz"
	"kontor/graph"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/demo"
	"kontor/internal/password"
)

// withDatabase opens the database of the flags for a command; its schema must be
// the one that this binary knows, unless the command is there to change that.
func withDatabase(ctx context.Context, c *cli.Command, check bool, do func(context.Context, *db.DB) error) (err error) {
	d, err := db.Open(ctx, c.String("database-url"))
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if check {
		if err := db.Check(ctx, d); err != nil {
			return err
		}
	}
	return do(authz.System(ctx), d)
}

func migrateCommand() *cli.Command {
	return &cli.Command{
		Name:        "migrate",
		Usage:       "bring the database to the schema that this binary knows",
		Description: "Safe to run again and from several replicas at once: one does it, the others wait.",
		Flags:       []cli.Flag{databaseFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			return withDatabase(ctx, c, false, func(ctx context.Context, d *db.DB) error {
				applied, err := db.Migrate(ctx, d)
				if err != nil {
					return err
				}
				for _, name := range applied {
					fmt.Fprintf(os.Stdout, "applied %s\n", name)
				}
				fmt.Fprintf(os.Stdout, "the database is up to date, %d migrations applied\n", len(applied))
				return nil
			})
		},
	}
}

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:        "demo",
		Usage:       "load the demo data into an empty database",
		Description: "Companies, users, products, prices, contracts, orders and documents, always the same. Every password is\n" + demo.Password + ", so production refuses it. A database that has tenants is left as it is.",
		Flags: []cli.Flag{
			databaseFlag(), blobFlag(), envFlag(),
			&cli.BoolFlag{Name: "public-passwords", Usage: "load it in production, too: for a database that is there for trying, and that nobody else reaches"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.String("env") != "development" && !c.Bool("public-passwords") {
				return errors.New("KONTOR_ENV=production refuses the demo data: its passwords are public, and users of it could log in. Say --public-passwords where that is what you want")
			}
			return withDatabase(ctx, c, true, func(ctx context.Context, d *db.DB) (err error) {
				store, err := blobs.Open(ctx, c.String("blob-url"))
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, store.Close()) }()
				return demo.Load(ctx, d, store, password.NewHasher(0, 0), time.Now())
			})
		},
	}
}

func schemaCommand() *cli.Command {
	return &cli.Command{
		Name:  "schema",
		Usage: "print the GraphQL schema",
		Flags: []cli.Flag{&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write it to this file instead"}},
		Action: func(_ context.Context, c *cli.Command) error {
			var sdl bytes.Buffer
			if err := graph.WriteSchema(&sdl); err != nil {
				return err
			}
			if file := c.String("output"); file != "" {
				return os.WriteFile(file, sdl.Bytes(), 0o644)
			}
			_, err := sdl.WriteTo(os.Stdout)
			return err
		},
	}
}
