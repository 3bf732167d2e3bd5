package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/urfave/cli/v3"
)

//go:generate go run . settings --output ../../docs/configuration.md
//go:generate go run . settings --json --output ../../deploy/helm/kontor/settings.json

// setting is one row of the reference.
type setting struct {
	name, flag, value, fallback, meaning, production string
	secret                                           bool
}

func settingsCommand() *cli.Command {
	return &cli.Command{
		Name:        "settings",
		Usage:       "print the reference of all settings of the server",
		Description: "As Markdown, or as JSON only their names, those with passwords or keys inside apart.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "only the names, as JSON"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FILE` to write; empty: standard output"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			all, err := reference(ctx)
			if err != nil {
				return err
			}
			var text bytes.Buffer
			if c.Bool("json") {
				err = writeNames(&text, all)
			} else {
				writeReference(&text, all)
			}
			if err != nil {
				return err
			}
			if file := c.String("output"); file != "" {
				return os.WriteFile(file, text.Bytes(), 0o644)
			}
			_, err = text.WriteTo(os.Stdout)
			return err
		},
	}
}

// reference are the settings as they are declared, and what production asks of each.
func reference(ctx context.Context) ([]setting, error) {
	asked, err := demands(ctx)
	if err != nil {
		return nil, err
	}
	var all []setting
	for _, flag := range settingFlags() {
		doc, ok := flag.(cli.DocGenerationFlag)
		if !ok || len(doc.GetEnvVars()) != 1 {
			return nil, fmt.Errorf("the setting %s has to have one environment variable and a text that says what it is for", flag.Names()[0])
		}
		s := setting{name: doc.GetEnvVars()[0], flag: flag.Names()[0], value: "text", meaning: placeholder.ReplaceAllString(doc.GetUsage(), "$1"), fallback: doc.GetDefaultText()}
		if value := strings.Trim(doc.GetValue(), `"`); s.fallback == "" && value != "" {
			s.fallback = "`" + value + "`"
		}
		if of := placeholder.FindStringSubmatch(doc.GetUsage()); of != nil {
			s.value = of[1]
		} else if !doc.TakesValue() {
			s.value = "true or false"
		}
		if c, ok := flag.(cli.CategorizableFlag); ok {
			s.secret = c.GetCategory() == secret
		}
		s.production = asked[s.name]
		all = append(all, s)
	}
	return all, nil
}

var (
	placeholder = regexp.MustCompile("`([^`]+)`")
	demand      = regexp.MustCompile(`^KONTOR_ENV=production (needs|refuses) (?:an? )?(KONTOR_[A-Z_]+)(.*)$`)
)

// demands are what production asks of settings, by name: what the server itself says to a laptop's, so
// that nothing is written down twice.
func demands(ctx context.Context) (map[string]string, error) {
	asked := map[string]string{}
	laptop := &cli.Command{
		Flags: settingFlags(),
		Action: func(_ context.Context, c *cli.Command) error {
			config, err := settings(c)
			if err != nil {
				return err
			}
			for line := range strings.Lines(fmt.Sprint(config.Validate())) {
				if found := demand.FindStringSubmatch(strings.TrimSpace(line)); found != nil {
					asked[found[2]] = strings.TrimSuffix(found[1]+" it"+found[3], " it")
				}
			}
			return nil
		},
	}
	err := laptop.Run(ctx, []string{
		"kontor", "--env", "production", "--demo", "--ide", "--pprof", "--debug-addr", "203.0.113.1:9090", "--log-level", "debug", "--secret", "", "--redis-url", "", "--base-url", "http://localhost:8080",
		"--centre-issuer", "http://localhost", "--centre-client-id", "kontor", "--centre-client-secret", "kontor",
		"--provisioning-url", "http://localhost", "--provisioning-secret", "a2V5IG9mIGEgbGFwdG9wLCBmb3IgdGVzdHMgb25seQ==",
	})
	return asked, err
}

// writeNames writes what the Helm chart has to know of settings.
func writeNames(to io.Writer, all []setting) error {
	names := struct {
		Plain  []string `json:"plain"`
		Secret []string `json:"secret"`
	}{}
	for _, s := range all {
		if s.secret {
			names.Secret = append(names.Secret, s.name)
		} else {
			names.Plain = append(names.Plain, s.name)
		}
	}
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(names)
}

const preface = `# Settings

<!-- Written by "make generate" from cmd/kontor/settings.go: change it there. -->

Each setting of the server is an environment variable and a flag of ` + "`kontor serve`" + `; the flag wins. What is wrong is told at start, all of it at once.
Other commands know those that they need (` + "`kontor migrate --help`" + `). Lists are separated by commas.

`

const afterword = `
Production also needs, and asks at start: a role in PostgreSQL that is no superuser and does not bypass row security, and row security on every table of
tenants. What is marked as a secret has passwords or keys inside: it belongs into a vault, and the Helm chart takes it from Kubernetes' Secrets only.
Credentials of an S3 store come as AWS's tools take them (` + "`AWS_ACCESS_KEY_ID`" + ` and so on, or the role of the machine).
`

// writeReference writes the table of docs/configuration.md.
func writeReference(to *bytes.Buffer, all []setting) {
	to.WriteString(preface)
	to.WriteString("| environment | flag | value | default | meaning | production |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, s := range all {
		mark := ""
		if s.secret {
			mark = " (secret)"
		}
		fmt.Fprintf(to, "| `%s`%s | `--%s` | %s | %s | %s | %s |\n", s.name, mark, s.flag, s.value, cell(s.fallback), cell(s.meaning), cell(s.production))
	}
	to.WriteString(afterword)
}

// cell keeps a text inside of its cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
