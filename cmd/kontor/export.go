package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/erp"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write tenants, users, products, prices, contracts, alloy groups or bookings to a file that kontor import reads",
		ArgsUsage: "[FILE] (standard output unless told)",
		Description: "What is exported and imported again changes nothing, and in an empty database, kind by kind in the order of --kind's\n" +
			"list, it gives the same: a copy to keep, or the way to another installation. The same data is the same file. Texts are\n" +
			"as they are stored, so look before a spreadsheet opens what others typed in. Not in it are passwords, users who were\n" +
			"deactivated, rights, orders and documents: a backup of the database has all.\n\n" +
			"A row that an import would read as something else is in the file, is reported, and the command then ends with status 1.\n\n" +
			"The columns are those of kontor import.",
		Flags: []cli.Flag{
			databaseFlag(), secretFlag(),
			&cli.StringFlag{Name: "kind", Required: true, Usage: "`KIND` of rows: " + kindNames(erp.ExportKinds())},
			&cli.StringFlag{Name: "format", Usage: "csv or ndjson; by the file's ending unless told, else csv"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() > 1 {
				return errors.New("name one file to write, or none for standard output")
			}
			file := c.Args().First()
			kind, format, err := newExport(file, c)
			if err != nil {
				return err
			}
			return withDatabase(ctx, c, true, func(ctx context.Context, d *db.DB) error {
				log, err := auditLog(c, d)
				if err != nil {
					return err
				}
				err = log.Platform(ctx, audit.Change{Action: "data.export", Kind: "File", Label: string(kind), After: map[string]any{"format": format}, Security: true})
				if err != nil {
					return err
				}
				var done erp.Exported
				err = writeFile(file, func(to io.Writer) (err error) {
					done, err = erp.NewExporter(d).Write(ctx, to, kind, format)
					return err
				})
				if err != nil {
					return err
				}
				return reportExport(done)
			})
		},
	}
}

// newExport is what the flags say.
func newExport(file string, c *cli.Command) (erp.Kind, erp.Format, error) {
	kind := erp.Kind(strings.ToUpper(c.String("kind")))
	if !slices.Contains(erp.ExportKinds(), kind) {
		return "", "", fmt.Errorf("%q cannot be exported: choose one of %s", c.String("kind"), kindNames(erp.ExportKinds()))
	}
	format := c.String("format")
	if format == "" {
		format = strings.TrimPrefix(filepath.Ext(file), ".")
	}
	if format == "" {
		format = "csv"
	}
	switch f := erp.Format(strings.ToUpper(format)); f {
	case erp.CSV, erp.NDJSON:
		return kind, f, nil
	default:
		return "", "", fmt.Errorf("the format %q is not known: say --format csv or --format ndjson", format)
	}
}

// writeFile writes a file that is there whole or not at all, for its owner alone: it holds people's data.
func writeFile(name string, write func(io.Writer) error) error {
	if name == "" || name == "-" {
		return write(os.Stdout)
	}
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("making the file to export to: %w", err)
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// reportExport says what was written, beside the file.
func reportExport(done erp.Exported) error {
	for _, doubt := range done.Doubts {
		fmt.Fprintf(os.Stderr, "row %d: %s\n", doubt.Line, doubt.Reason)
	}
	fmt.Fprintf(os.Stderr, "exported %d\n", done.Rows)
	if done.Doubtful > 0 {
		return fmt.Errorf("rows that an import would not read as they are stored: %d", done.Doubtful)
	}
	return nil
}
