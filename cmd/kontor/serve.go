package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"

	"github.com/redis/go-redis/v9"
	"github.com/urfave/cli/v3"

	"kontor/server"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "serve the API",
		Description: "Without settings: an SQLite file under ./data and a Redis in process, for a laptop.\n" +
			"In production: PostgreSQL, Redis, KONTOR_ENV=production; run `kontor migrate` before.",
		Flags: settingFlags(),
		Action: func(ctx context.Context, c *cli.Command) (err error) {
			log, noLevel := logger(c)
			config, noEnvironment := settings(c)
			if err := errors.Join(noLevel, noEnvironment); err != nil {
				return errors.Join(err, config.Validate())
			}
			redis.SetLogger(fromRedis{log})
			// The heap is small and short-lived: collecting it less often is worth
			// far more than the few megabytes. Whoever sets GOGC decides.
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(400)
			}
			replica, err := server.New(ctx, config, log)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, replica.Close()) }()
			return replica.Run(ctx, func(addr net.Addr) {
				fmt.Fprintf(os.Stdout, "Kontor listens on %s: open %s\n", addr, config.BaseURL)
			})
		},
	}
}

// fromRedis has the client of Redis write its troubles as JSON lines, as everybody else does.
type fromRedis struct{ log *slog.Logger }

func (l fromRedis) Printf(ctx context.Context, format string, values ...any) {
	l.log.WarnContext(ctx, "the client of Redis says", "text", fmt.Sprintf(format, values...))
}
