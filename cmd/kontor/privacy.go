package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/privacy"
	"kontor/internal/session"
)

// withPrivacy opens the room for what people ask of what is kept about them.
func withPrivacy(ctx context.Context, c *cli.Command, do func(context.Context, *privacy.Room) error) error {
	return withDatabase(ctx, c, true, func(ctx context.Context, d *db.DB) error {
		log, err := auditLog(c, d)
		if err != nil {
			return err
		}
		return do(ctx, privacy.New(d, log, time.Now))
	})
}

// personFlags say which user.
func personFlags() []cli.Flag {
	return []cli.Flag{
		databaseFlag(), secretFlag(),
		&cli.StringFlag{Name: "organization", Required: true, Usage: "organization `ID` of the tenant"},
		&cli.StringFlag{Name: "username", Required: true, Usage: "`NAME` of the user"},
	}
}

func userExportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write all that is kept about a user, as JSON",
		ArgsUsage: "[FILE] (standard output unless told)",
		Description: "For whoever asks what is kept about it: the rows about the user of every table, without what is secret and without what is\n" +
			"about others. That it was given out is in the audit log of the user's company.",
		Flags: append(personFlags(), &cli.BoolFlag{Name: "force", Usage: "write over a file that is there"}),
		Action: func(ctx context.Context, c *cli.Command) error {
			// Before anything is read: that a copy was given out is noted, and cannot be taken back.
			if err := unwritten(c.Args().First()); err != nil && !c.Bool("force") {
				return err
			}
			return withPrivacy(ctx, c, func(ctx context.Context, room *privacy.Room) error {
				all, err := room.Copy(ctx, c.String("organization"), c.String("username"))
				if err != nil {
					return err
				}
				return writeFile(c.Args().First(), func(to io.Writer) error {
					encoder := json.NewEncoder(to)
					encoder.SetIndent("", "  ")
					return encoder.Encode(all)
				})
			})
		},
	}
}

// unwritten refuses a file that is there: the copy of one person must not be lost to that of another.
func unwritten(name string) error {
	if name == "" || name == "-" {
		return nil
	}
	switch _, err := os.Lstat(name); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking for the file to export to: %w", err)
	default:
		return fmt.Errorf("%s is there already: name another file, or say --force to write over it", name)
	}
}

func userEraseCommand() *cli.Command {
	return &cli.Command{
		Name:  "erase",
		Usage: "take the name of a deactivated user, and all that leads to the person, out of the database",
		Description: "Orders, decisions and rights stay, as a user's without a name; so do the entries of the audit log, which still verifies.\n" +
			"The command prints one line, to be added to a list that is kept beside the backups: `kontor erasures apply` erases again\n" +
			"after one of them was restored. It cannot be undone.",
		Flags: personFlags(),
		Action: func(ctx context.Context, c *cli.Command) error {
			return withPrivacy(ctx, c, func(ctx context.Context, room *privacy.Room) error {
				done, err := room.Erase(ctx, c.String("organization"), c.String("username"))
				if err != nil {
					return err
				}
				return json.NewEncoder(os.Stdout).Encode(done)
			})
		},
	}
}

func erasuresCommand() *cli.Command {
	return &cli.Command{
		Name:  "erasures",
		Usage: "what was erased and must not come back with a backup",
		Commands: []*cli.Command{{
			Name:        "apply",
			Usage:       "erase again, after a backup was restored",
			ArgsUsage:   "FILE (the lines that kontor user erase and kontor tenant delete printed; - for standard input)",
			Description: "What is erased already stays as it is, so the whole list can be applied each time.",
			Flags:       []cli.Flag{databaseFlag(), secretFlag(), blobFlag(), redisFlag()},
			Action: func(ctx context.Context, c *cli.Command) error {
				if c.Args().Len() != 1 {
					return errors.New("name one file with erasures, or - for standard input")
				}
				list, err := openInput(c.Args().First(), "the list of erasures")
				if err != nil {
					return err
				}
				defer list.Close()
				return withPrivacy(ctx, c, func(ctx context.Context, room *privacy.Room) error { return applyErasures(ctx, c, room, list) })
			},
		}},
	}
}

// applyErasures goes on after one that fails: whoever comes after it in the list is not to be back.
func applyErasures(ctx context.Context, c *cli.Command, room *privacy.Room, list io.Reader) error {
	again, all := 0, 0
	var failed []error
	for decoder := json.NewDecoder(list); ; all++ {
		var e privacy.Erasure
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return errors.Join(append(failed, fmt.Errorf("reading erasure number %d, and none after it: %w", all+1, err))...)
		}
		erased, err := applyErasure(ctx, c, room, e)
		if err != nil {
			failed = append(failed, fmt.Errorf("erasure number %d: %w", all+1, err))
		}
		if erased {
			again++
		}
	}
	fmt.Fprintf(os.Stdout, "%d of %d erased again\n", again, all)
	return errors.Join(failed...)
}

func applyErasure(ctx context.Context, c *cli.Command, room *privacy.Room, e privacy.Erasure) (bool, error) {
	if e.Kind != privacy.KindUser && e.Kind != privacy.KindTenant {
		return false, fmt.Errorf("of a kind that is not known: %q", e.Kind)
	}
	erased, err := room.Again(ctx, e)
	if err == nil && e.Kind == privacy.KindTenant {
		err = forget(ctx, c, room, e)
	}
	return erased, err
}

func retentionCommand() *cli.Command {
	return &cli.Command{
		Name:  "retention",
		Usage: "delete what is over, as the servers do every hour",
		Description: "What is kept for how long is in docs/privacy.md. The servers refuse while their clock is more than a day away from that of the\n" +
			"last time, also after they were off for so long: then see that the clock is right, and vouch for it.",
		Flags: []cli.Flag{databaseFlag(), secretFlag(), &cli.BoolFlag{Name: "clock-is-right", Usage: "delete also when the clock moved by more than a day"}},
		Action: func(ctx context.Context, c *cli.Command) error {
			return withPrivacy(ctx, c, func(ctx context.Context, room *privacy.Room) error {
				done, err := room.Retain(ctx, c.Bool("clock-is-right"))
				return errors.Join(json.NewEncoder(os.Stdout).Encode(done), err)
			})
		},
	}
}

func tenantCommand() *cli.Command {
	return &cli.Command{
		Name:  "tenant",
		Usage: "delete a customer",
		Commands: []*cli.Command{{
			Name:  "delete",
			Usage: "delete a customer with all that is its own",
			Description: "Users, contracts, orders, documents, its audit log, the rights that others have on its contracts, sessions: nothing is left, and\n" +
				"it cannot be undone; export before what the books need. The command prints one line, to be added to the list that is kept beside the\n" +
				"backups. Where it fails after that line, kontor erasures apply with it does the rest.",
			Flags: []cli.Flag{
				databaseFlag(), secretFlag(), blobFlag(), redisFlag(), &cli.StringFlag{Name: "organization", Required: true, Usage: "organization `ID` of the tenant"},
			},
			Action: func(ctx context.Context, c *cli.Command) error {
				return withPrivacy(ctx, c, func(ctx context.Context, room *privacy.Room) error {
					done, err := room.DeleteTenant(ctx, c.String("organization"))
					if err != nil {
						return err
					}
					return errors.Join(json.NewEncoder(os.Stdout).Encode(done), forget(ctx, c, room, done))
				})
			},
		}},
	}
}

// forget forgets what is kept of a deleted company outside of the database.
func forget(ctx context.Context, c *cli.Command, room *privacy.Room, e privacy.Erasure) (err error) {
	store, err := blobs.Open(ctx, c.String("blob-url"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	client, closeRedis, err := session.Open(c.String("redis-url"))
	if err != nil {
		return fmt.Errorf("opening Redis: %w", err)
	}
	defer func() { err = errors.Join(err, closeRedis()) }()
	return room.Forget(ctx, e, store, session.NewStore(client, time.Now))
}
