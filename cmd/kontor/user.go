package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"kontor/authz"
	"kontor/internal/db"
	"kontor/internal/identity"
	"kontor/internal/password"
)

func userCommand() *cli.Command {
	return &cli.Command{
		Name:     "user",
		Usage:    "make users, and give out or erase what is kept about one",
		Commands: []*cli.Command{userCreateCommand(), userExportCommand(), userEraseCommand()},
	}
}

func userCreateCommand() *cli.Command {
	return &cli.Command{
		Name:  "create",
		Usage: "make a user with an initial password, or with a link to choose one",
		Description: "The initial password is read from standard input, one line, so that it is in no process list and\n" +
			"no shell history. The user must change it at the first login, within ten days. With --link nobody knows a password: the command prints an\n" +
			"address that works once, for 90 days, at which the user chooses one. That is the way for the first administrator,\n" +
			"and the only one in production.",
		Flags: []cli.Flag{
			databaseFlag(), secretFlag(), baseURLFlag(), envFlag(),
			&cli.BoolFlag{Name: "link", Usage: "print a link to choose a password instead of reading one"},
			&cli.StringFlag{Name: "organization", Required: true, Usage: "organization `ID` of the tenant"},
			&cli.StringFlag{Name: "username", Required: true, Usage: "`NAME` to log in with, 6 to 32 characters"},
			&cli.StringFlag{Name: "email", Required: true, Usage: "e-mail `ADDRESS`"},
			&cli.StringFlag{Name: "first-name", Required: true, Usage: "first `NAME`"},
			&cli.StringFlag{Name: "last-name", Required: true, Usage: "last `NAME`"},
			&cli.StringFlag{Name: "language", Value: "de", Usage: "`LANGUAGE` of messages and mails: de or en"},
			&cli.StringSliceFlag{Name: "role", Required: true, Usage: "`ROLE`; several times for several roles"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			initial := ""
			if !c.Bool("link") && c.String("env") != "development" {
				return errors.New("KONTOR_ENV=production refuses an initial password, which two would know: take --link")
			}
			if !c.Bool("link") {
				fmt.Fprintln(os.Stderr, "Initial password, one line:")
				var err error
				if initial, err = bufio.NewReader(os.Stdin).ReadString('\n'); err != nil && initial == "" {
					return fmt.Errorf("reading the initial password from standard input: %w", err)
				}
				if initial = strings.TrimRight(initial, "\r\n"); initial == "" {
					return errors.New("the initial password is empty: give one, or --link")
				}
			}
			user := identity.NewUser{
				Organization: c.String("organization"), Username: c.String("username"), Email: c.String("email"),
				FirstName: c.String("first-name"), LastName: c.String("last-name"), Language: c.String("language"),
				Password: initial, MustChangePassword: true,
			}
			for _, role := range c.StringSlice("role") {
				user.Roles = append(user.Roles, authz.Role(role))
			}
			return withDatabase(ctx, c, true, func(ctx context.Context, d *db.DB) error {
				log, err := auditLog(c, d)
				if err != nil {
					return err
				}
				room := identity.New(identity.Needs{
					DB: d, Hasher: password.NewHasher(0, 0), Audit: log, BaseURL: strings.TrimSuffix(c.String("base-url"), "/"), Now: time.Now,
				})
				created, link, err := room.CreateUser(ctx, user)
				switch {
				case err != nil:
					return err
				case link != "":
					fmt.Fprintln(os.Stdout, link)
				default:
					fmt.Fprintf(os.Stdout, "created %s; it must change its password at the first login, within ten days\n", created.Username)
				}
				return nil
			})
		},
	}
}
