package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v3"

	"kontor/graph"
	"kontor/internal/persisted"
)

func operationsCommand() *cli.Command {
	return &cli.Command{
		Name:  "operations",
		Usage: "prepare the operations of clients",
		Commands: []*cli.Command{{
			Name:      "build",
			Usage:     "write the manifest of the operations in folders, one for each client",
			ArgsUsage: "FOLDER…",
			Description: "The manifest has the form of Apollo's tools, with the SHA-256 hash of each text as its ID. The server\n" +
				"reads it (KONTOR_OPERATIONS), and clients send the IDs. What the API would refuse is told here already.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FILE` to write; empty: standard output"},
				&cli.BoolFlag{Name: "typename", Usage: "ask for __typename in all objects, as Apollo Client and urql do"},
			},
			Action: buildOperations,
		}},
	}
}

func buildOperations(_ context.Context, c *cli.Command) error {
	if !c.Args().Present() {
		return errors.New("name the folders with the operations: kontor operations build clients/operations/spa -o operations.json")
	}
	operations, err := graph.Operations(c.Args().Slice(), c.Bool("typename"))
	if err != nil {
		return err
	}
	var manifest bytes.Buffer
	if err := persisted.NewManifest(operations).Write(&manifest); err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	if file := c.String("output"); file != "" {
		return os.WriteFile(file, manifest.Bytes(), 0o644)
	}
	_, err = manifest.WriteTo(os.Stdout)
	return err
}
