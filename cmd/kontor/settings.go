package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"kontor/internal/audit"
	"kontor/internal/budget"
	"kontor/internal/db"
	"kontor/internal/seal"
	"kontor/server"
)

// secret is the category of settings that have passwords or keys inside.
const secret = "secrets: from a vault, in no file that others read"

// settingFlags are the settings of the process, each a flag and an environment
// variable of the same name.
func settingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "addr", Sources: cli.EnvVars("KONTOR_ADDR"), Value: "127.0.0.1:8080", Usage: "`ADDRESS` to listen on"},
		baseURLFlag(),
		databaseFlag(),
		redisFlag(),
		&cli.StringFlag{Name: "smtp-url", Category: secret, Sources: cli.EnvVars("KONTOR_SMTP_URL"), Usage: "smtp://user:password@host:port or smtps:// `URL`; empty only with --demo"},
		blobFlag(),
		&cli.BoolFlag{Name: "demo", Sources: cli.EnvVars("KONTOR_DEMO"), Usage: "load the demo data into an empty database, show demo logins and the mails page"},
		envFlag(),
		secretFlag(),
		&cli.StringFlag{Name: "trusted-proxies", Sources: cli.EnvVars("KONTOR_TRUSTED_PROXIES"), Usage: "`NETWORKS` of the proxies in front, such as 10.0.0.0/8, separated by commas: their X-Forwarded-For says where a request comes from; empty: nobody's does"},
		&cli.StringFlag{Name: "allowed-origins", Sources: cli.EnvVars("KONTOR_ALLOWED_ORIGINS"), Usage: "`ORIGINS` of portals on other hosts whose pages may ask from a browser, such as https://portal.example.com, separated by commas; empty: only the base URL's"},
		&cli.StringFlag{Name: "operations", Sources: cli.EnvVars("KONTOR_OPERATIONS"), Usage: "`FILE` with the operations that clients were built with (kontor operations build); clients may name them by their hash"},
		&cli.BoolFlag{Name: "operations-only", Sources: cli.EnvVars("KONTOR_OPERATIONS_ONLY"), Usage: "answer no other operations than those of that file"},
		&cli.BoolFlag{Name: "introspection", Sources: cli.EnvVars("KONTOR_INTROSPECTION"), DefaultText: "true in development", Usage: "let clients ask the API for its schema"},
		&cli.BoolFlag{Name: "ide", Sources: cli.EnvVars("KONTOR_IDE"), DefaultText: "true in development", Usage: "show GraphiQL on the start page; production refuses it"},
		&cli.IntFlag{Name: "user-budget", Sources: cli.EnvVars("KONTOR_USER_BUDGET"), DefaultText: "5000 in production", Usage: "`POINTS` that a user may ask for each second, ten times as many at once; 0: no bound"},
		&cli.IntFlag{Name: "tenant-budget", Sources: cli.EnvVars("KONTOR_TENANT_BUDGET"), DefaultText: "25000 in production", Usage: "`POINTS` that all users of a company together may ask for each second, ten times as many at once; 0: no bound"},
		&cli.StringFlag{Name: "centre-issuer", Sources: cli.EnvVars("KONTOR_CENTRE_ISSUER"), Usage: "`URL` of the operator's customer centre, an OpenID Connect provider, as it names itself; empty: accounts cannot be linked"},
		&cli.StringFlag{Name: "centre-client-id", Sources: cli.EnvVars("KONTOR_CENTRE_CLIENT_ID"), Usage: "`ID` of Kontor at the customer centre; its redirect URI is the base URL with /customer-centre/callback"},
		&cli.StringFlag{Name: "centre-client-secret", Category: secret, Sources: cli.EnvVars("KONTOR_CENTRE_CLIENT_SECRET"), Usage: "`SECRET` of Kontor at the customer centre"},
		&cli.StringFlag{Name: "provisioning-url", Sources: cli.EnvVars("KONTOR_PROVISIONING_URL"), Usage: "`URL` that orders of automatic products are posted to, to be carried out there; empty: nothing has to be done outside of Kontor"},
		&cli.StringFlag{Name: "provisioning-secret", Category: secret, Sources: cli.EnvVars("KONTOR_PROVISIONING_SECRET"), Usage: "`KEY` that these calls are signed with, 24 bytes or more in base64"},
		&cli.StringFlag{Name: "debug-addr", Sources: cli.EnvVars("KONTOR_DEBUG_ADDR"), Usage: "`ADDRESS` for figures (/metrics) and profiles, which must not be public; empty: off"},
		&cli.BoolFlag{Name: "pprof", Sources: cli.EnvVars("KONTOR_PPROF"), Usage: "show profiles at the debug address (/debug/pprof/), too; in production only where that is a loopback address"},
		&cli.DurationFlag{Name: "shutdown-timeout", Sources: cli.EnvVars("KONTOR_SHUTDOWN_TIMEOUT"), Value: 25 * time.Second, Usage: "`TIME` that requests have to finish when the process is told to end"},
		&cli.StringFlag{Name: "log-level", Sources: cli.EnvVars("KONTOR_LOG_LEVEL"), Value: "info", Usage: "debug, info, warn or error"},
	}
}

func databaseFlag() cli.Flag {
	return &cli.StringFlag{Name: "database-url", Category: secret, Sources: cli.EnvVars("KONTOR_DATABASE_URL"), Value: "sqlite://./data/kontor.db", Usage: "sqlite://PATH or postgres:// `URL`"}
}

func envFlag() cli.Flag {
	return &cli.StringFlag{Name: "env", Sources: cli.EnvVars("KONTOR_ENV"), Value: "development", Usage: "development or production; production refuses demo, default secrets, plain-HTTP cookies and the IDE"}
}

func secretFlag() cli.Flag {
	return &cli.StringFlag{Name: "secret", Category: secret, Sources: cli.EnvVars("KONTOR_SECRET"), Usage: "`KEY` for signed links, 32 characters or more; several, separated by commas, while rotating, the first signs (docs/deployment.md says in which order); made at the first start in development"}
}

func blobFlag() cli.Flag {
	return &cli.StringFlag{Name: "blob-url", Sources: cli.EnvVars("KONTOR_BLOB_URL"), Value: "file://./data/blobs", Usage: "where documents are kept: file:// or s3:// `URL`"}
}

func baseURLFlag() cli.Flag {
	return &cli.StringFlag{Name: "base-url", Sources: cli.EnvVars("KONTOR_BASE_URL"), Value: "http://localhost:8080", Usage: "public `URL`, the only source of links in mails"}
}

func redisFlag() cli.Flag {
	return &cli.StringFlag{Name: "redis-url", Category: secret, Sources: cli.EnvVars("KONTOR_REDIS_URL"), Usage: "redis:// or rediss:// `URL`; several, separated by commas, for a cluster; ?master_name=NAME for sentinels; empty: Redis in process"}
}

// auditLog is the audit log of a command, which writes and checks it with the secrets of the
// servers.
func auditLog(c *cli.Command, d *db.DB) (*audit.Log, error) {
	secrets, err := server.Secrets(list(c, "secret"))
	if err != nil {
		return nil, err
	}
	sealer, err := seal.New(secrets)
	if err != nil {
		return nil, err
	}
	return audit.New(d, sealer, time.Now, nil), nil
}

// settings reads the flags into the configuration; what is wrong with it is told
// by the server.
func settings(c *cli.Command) (server.Config, error) {
	env := c.String("env")
	var wrong error
	if env != "development" && env != "production" {
		wrong = fmt.Errorf("KONTOR_ENV %q: choose development or production", env)
	}
	rate := func(flag string, inProduction int) int {
		if env == "production" && !c.IsSet(flag) {
			return inProduction
		}
		return c.Int(flag)
	}
	development := func(flag string) bool { return env == "development" && !c.IsSet(flag) || c.Bool(flag) }
	return server.Config{
		Addr: c.String("addr"), BaseURL: strings.TrimRight(c.String("base-url"), "/"), DatabaseURL: c.String("database-url"),
		RedisURL: c.String("redis-url"), SMTPURL: c.String("smtp-url"), BlobURL: c.String("blob-url"),
		Demo: c.Bool("demo"), Production: env == "production", Secrets: list(c, "secret"), DebugAddr: c.String("debug-addr"), Debug: c.String("log-level") == "debug", Profiles: c.Bool("pprof"), ShutdownTimeout: c.Duration("shutdown-timeout"),
		TrustedProxies: list(c, "trusted-proxies"), AllowedOrigins: list(c, "allowed-origins"),
		Operations: c.String("operations"), OperationsOnly: c.Bool("operations-only"),
		Introspection: development("introspection"), IDE: development("ide"),
		Budget: budget.Rates{User: rate("user-budget", 5000), Tenant: rate("tenant-budget", 25000)},
		Centre: server.CentreConfig{
			Issuer: c.String("centre-issuer"), ClientID: c.String("centre-client-id"), ClientSecret: c.String("centre-client-secret"),
		},
		Provisioning: server.ProvisioningConfig{URL: c.String("provisioning-url"), Secret: c.String("provisioning-secret")},
	}, wrong
}

// list is what a flag has between commas.
func list(c *cli.Command, flag string) []string {
	var all []string
	for each := range strings.SplitSeq(c.String(flag), ",") {
		if each = strings.TrimSpace(each); each != "" {
			all = append(all, each)
		}
	}
	return all
}

func logger(c *cli.Command) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return nil, fmt.Errorf("KONTOR_LOG_LEVEL %q: choose debug, info, warn or error", c.String("log-level"))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})), nil
}
