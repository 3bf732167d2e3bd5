package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/erp"
	"kontor/internal/password"
)

func importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "import tenants, users, products, prices, contracts, alloy groups, bookings or documents from CSV or NDJSON",
		ArgsUsage: "FILE (or - for standard input)",
		Description: "Repeatable: a second run of the same file changes nothing. Good rows go in, bad rows are reported\n" +
			"with line and reason, and the command then ends with status 1.\n\n" + importHelp(),
		Flags: []cli.Flag{
			databaseFlag(), blobFlag(),
			&cli.StringFlag{Name: "kind", Required: true, Usage: "`KIND` of rows: tenants, users, products, prices, contracts, alloy_groups, bookings or documents"},
			&cli.StringFlag{Name: "format", Usage: "csv or ndjson; by the file's ending unless told"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			path := c.Args().First()
			if path == "" || c.Args().Len() > 1 {
				return errors.New("name one file to import, or - for standard input")
			}
			from, format, err := openImport(path, c.String("format"))
			if err != nil {
				return err
			}
			defer from.Close()
			kind := erp.Kind(strings.ToUpper(c.String("kind")))
			return withDatabase(ctx, c, true, func(ctx context.Context, d *db.DB) error {
				importer := erp.NewImporter(d, password.NewHasher(0, 0), time.Now)
				if kind == erp.Documents && path != "-" {
					folder, err := os.OpenRoot(filepath.Dir(path))
					if err != nil {
						return fmt.Errorf("opening the folder of the file to import: %w", err)
					}
					defer folder.Close()
					store, err := blobs.Open(ctx, c.String("blob-url"))
					if err != nil {
						return err
					}
					defer store.Close()
					importer.WithFiles(folder.FS(), store)
				}
				if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
					importer.Progress = func(rows int) { fmt.Fprintf(os.Stderr, "\r%d rows", rows) }
				}
				result, err := importer.Run(ctx, kind, from, format)
				report(result)
				if err == nil && len(result.Rejected) > 0 {
					err = fmt.Errorf("%d rows were rejected", result.Refused)
				}
				return err
			})
		},
	}
}

func openImport(path, format string) (io.ReadCloser, erp.Format, error) {
	if format == "" {
		format = strings.TrimPrefix(filepath.Ext(path), ".")
	}
	chosen := erp.Format(strings.ToUpper(format))
	if chosen != erp.CSV && chosen != erp.NDJSON {
		return nil, "", fmt.Errorf("the format %q is not known: say --format csv or --format ndjson", format)
	}
	if path == "-" {
		return os.Stdin, chosen, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("opening the file to import: %w", err)
	}
	return file, chosen, nil
}

func report(result erp.Result) {
	slices.SortStableFunc(result.Rejected, func(a, b erp.Rejection) int { return cmp.Compare(a.Line, b.Line) })
	for _, r := range result.Rejected {
		fmt.Fprintln(os.Stderr, r)
	}
	fmt.Fprintf(os.Stdout, "created %d, updated %d, unchanged %d, rejected %d\n",
		result.Created, result.Updated, result.Unchanged, result.Refused)
}

func importHelp() string {
	var help strings.Builder
	for _, kind := range erp.Kinds() {
		fmt.Fprintf(&help, "Columns of %s (* needed):\n\n%s\n", strings.ToLower(string(kind)), erp.Help(kind))
	}
	help.WriteString(erp.Conventions)
	return help.String()
}
