package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v3"

	"kontor/ent"
	"kontor/ent/importrun"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/erp"
	"kontor/internal/password"
)

func importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "import tenants, users, products, prices, contracts, orders, alloy groups, bookings or documents from a file",
		ArgsUsage: "FILE (or - for standard input)",
		Description: "Repeatable: a second run of the same file changes nothing, and one that was interrupted goes on where it was.\n" +
			"Good rows go in (or with --mode all_or_none all or none), bad rows are reported with line and reason, and the\n" +
			"command then ends with status 1.\n\n" + importHelp(),
		Flags: []cli.Flag{
			databaseFlag(), blobFlag(), secretFlag(),
			&cli.StringFlag{Name: "kind", Required: true, Usage: "`KIND` of rows: " + kindNames(erp.Kinds())},
			&cli.StringFlag{Name: "format", Usage: "csv, ndjson or bmecat; by the file's ending unless told"},
			&cli.StringFlag{Name: "mode", Value: "good_rows", Usage: "good_rows, or all_or_none"},
			&cli.StringFlag{Name: "buyer", Usage: "`ORGANIZATION` that pays the prices of a BMEcat file; whom the file names unless told"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			path := c.Args().First()
			if path == "" || c.Args().Len() > 1 {
				return errors.New("name one file to import, or - for standard input")
			}
			what, err := newRun(path, c)
			if err != nil {
				return err
			}
			content, err := openInput(path, "the file to import")
			if err != nil {
				return err
			}
			defer content.Close()
			return withDatabase(ctx, c, true, func(ctx context.Context, d *db.DB) error {
				store, err := blobs.Open(ctx, c.String("blob-url"))
				if err != nil {
					return err
				}
				defer store.Close()
				log, err := auditLog(c, d)
				if err != nil {
					return err
				}
				runs := erp.NewRuns(erp.Needs{DB: d, Store: store, Hasher: password.NewHasher(0, 0), Audit: log, Log: slog.Default(), Now: time.Now})
				defer runs.Close()
				var folder fs.FS
				if path != "-" {
					root, err := os.OpenRoot(filepath.Dir(path))
					if err != nil {
						return fmt.Errorf("opening the folder of the file to import: %w", err)
					}
					defer root.Close()
					folder = root.FS()
				}
				told, end := progress(what.Filename)
				run, reasons, err := runs.Here(ctx, what, content, folder, told)
				end()
				if err != nil {
					return err
				}
				return report(run, reasons)
			})
		},
	}
}

// newRun is what the flags say.
func newRun(path string, c *cli.Command) (erp.NewRun, error) {
	format := c.String("format")
	if format == "" {
		format = strings.TrimPrefix(filepath.Ext(path), ".")
		if format == "xml" {
			format = "bmecat"
		}
	}
	buyer := c.String("buyer")
	what := erp.NewRun{
		Kind: importrun.Kind(strings.ToUpper(c.String("kind"))), Format: importrun.Format(strings.ToUpper(format)), Mode: importrun.Mode(strings.ToUpper(c.String("mode"))),
		Buyer: &buyer, Filename: path,
	}
	if err := importrun.KindValidator(what.Kind); err != nil {
		return what, fmt.Errorf("the kind %q is not known: choose one of %s", c.String("kind"), kindNames(erp.Kinds()))
	}
	if err := importrun.FormatValidator(what.Format); err != nil {
		return what, fmt.Errorf("the format %q is not known: say --format csv, --format ndjson or --format bmecat", format)
	}
	if err := importrun.ModeValidator(what.Mode); err != nil {
		return what, fmt.Errorf("the mode %q is not known: say --mode good_rows or --mode all_or_none", c.String("mode"))
	}
	return what, nil
}

// openInput opens a file that a command reads; what says what it is. What comes on standard input is written
// down first: it is read more than once.
func openInput(path, what string) (*os.File, error) {
	if path == "-" {
		return erp.Spool(os.Stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", what, err)
	}
	return file, nil
}

// progress shows a bar where somebody looks at a terminal.
func progress(filename string) (told erp.Told, end func()) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(float64, int) {}, func() {}
	}
	const whole = 1000
	bar := progressbar.NewOptions(whole, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	return func(done float64, rows int) {
		bar.Describe(fmt.Sprintf("%s, %d rows", filepath.Base(filename), rows))
		_ = bar.Set(int(done * whole))
	}, func() { _ = bar.Finish() }
}

// report says what became of an import; what is not in is an error.
func report(run *ent.ImportRun, reasons []*ent.ImportReason) error {
	for _, r := range reasons {
		fmt.Fprintf(os.Stderr, "line %d: %s\n", r.Line, r.Reason)
	}
	if len(reasons) == erp.MaxReasons {
		fmt.Fprintln(os.Stderr, "… and more: these are the first reasons")
	}
	fmt.Fprintf(os.Stdout, "created %d, updated %d, unchanged %d, rejected %d\n", run.Created, run.Updated, run.Unchanged, run.Refused)
	switch {
	case run.State == importrun.StateFAILED:
		return errors.New(run.Failure)
	case run.State == importrun.StateREJECTED:
		return fmt.Errorf("nothing was imported, because it was all or none and there are bad rows: %d", run.Refused)
	case run.Refused > 0:
		return fmt.Errorf("rows that were rejected: %d", run.Refused)
	}
	return nil
}

// kindNames are kinds of rows as flags take them.
func kindNames(kinds []erp.Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = strings.ToLower(string(kind))
	}
	return strings.Join(names, ", ")
}

func importHelp() string {
	var help strings.Builder
	for _, kind := range erp.Kinds() {
		fmt.Fprintf(&help, "Columns of %s (* needed):\n\n%s\n", strings.ToLower(string(kind)), erp.Help(kind))
	}
	help.WriteString(erp.Conventions)
	return help.String()
}
