package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor/internal/kontortest"
	"kontor/internal/password"
)

// exporter is who downloads contracts: a general user sees all of its company.
const exporter = "export.user"

// contractsFile asks for the file of the contracts whose number has a text in it.
const contractsFile = `query($format: ExportFormat!, $search: String!) { contracts(first: 1, where: {search: $search}) { totalCount download(format: $format) { url } } }`

// fetched is a download by a server that does nothing else.
type fetched struct {
	rows int
	took time.Duration
	size int64
	peak int // the most memory that the server took, in MiB
}

// exported are the downloads of few contracts and of many, by the format of the file.
type exported struct {
	formats   []string
	few, many map[string]fetched
}

// measureExports downloads the contracts that measureImports has imported, each file from a server of its own.
func measureExports(ctx context.Context, o options, postgres *kontortest.Postgres, redis, mails string) (*exported, error) {
	at := addresses{kontor: postgres.URL("imports"), redis: redis, mails: mails}
	if err := makeExporter(ctx, postgres.AdminURL("imports")); err != nil {
		return nil, err
	}
	e := &exported{formats: []string{"CSV", "XLSX"}, few: map[string]fetched{}, many: map[string]fetched{}}
	for _, format := range e.formats {
		for search, into := range map[string]map[string]fetched{"F-": e.few, "C-": e.many} {
			one, err := fetch(ctx, o, at, format, search)
			if err != nil {
				return nil, fmt.Errorf("downloading contracts as %s: %w", format, err)
			}
			into[format] = one
		}
	}
	return e, nil
}

func makeExporter(ctx context.Context, url string) (err error) {
	hash, err := password.NewHasher(0, 1).Hash(ctx, benchPassword)
	if err != nil {
		return fmt.Errorf("hashing the password: %w", err)
	}
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connecting to make a user: %w", err)
	}
	defer func() { err = errors.Join(err, connection.Close(context.WithoutCancel(ctx))) }()
	s := &seeder{ctx: ctx, db: connection, hash: hash, now: time.Now().UTC().Truncate(time.Microsecond)}
	p := person{id: key(), name: exporter, role: "GENERAL_USER"}
	if err := connection.QueryRow(ctx, "SELECT id FROM tenants WHERE organization_id = 'HANSA'").Scan(&p.tenant); err != nil {
		return fmt.Errorf("finding the company: %w", err)
	}
	if err := s.persons([]person{p}); err != nil {
		return err
	}
	_, err = connection.Exec(ctx, "ANALYZE")
	return err
}

// fetch starts a server, downloads a file, and looks at what the server took.
func fetch(ctx context.Context, o options, at addresses, format, search string) (_ fetched, err error) {
	folder, err := os.MkdirTemp("", "kontor-bench-")
	if err != nil {
		return fetched{}, fmt.Errorf("making a folder for kontor: %w", err)
	}
	s := &servers{connections: 1, folder: folder}
	defer s.stop()
	var addrs [2]string
	for i := range addrs {
		if addrs[i], err = freeAddr(); err != nil {
			return fetched{}, err
		}
	}
	process := exec.CommandContext(context.WithoutCancel(ctx), o.binary, "serve", "--addr", addrs[0], "--debug-addr", addrs[1], "--pprof",
		"--base-url", "http://"+addrs[0], "--database-url", at.kontor, "--redis-url", at.redis, "--smtp-url", at.mails, "--blob-url", "file://"+folder,
		"--log-level", "warn", "--env", "development", "--secret", "0123456789abcdef0123456789abcdef")
	if err := s.launch(ctx, "Kontor", addrs[0], addrs[1], process); err != nil {
		return fetched{}, err
	}
	done, err := s.targets[0].download(ctx, "http://"+addrs[0], format, search)
	if err != nil {
		return fetched{}, err
	}
	done.peak, _ = memoryOf(process.Process.Pid, mostSoFar)
	return done, nil
}

// download fetches the file that the API links to.
func (t target) download(ctx context.Context, origin, format, search string) (done fetched, err error) {
	headers, err := enter(ctx, t, exporter)
	if err != nil {
		return done, err
	}
	content, err := t.post(ctx, body(contractsFile, map[string]any{"format": format, "search": search}), headers)
	if err != nil {
		return done, err
	}
	var answer struct {
		Data struct {
			Contracts struct {
				TotalCount int
				Download   struct{ URL string }
			}
		}
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return done, fmt.Errorf("reading the link: %w", err)
	}
	of := answer.Data.Contracts
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+of.Download.URL, nil)
	if err != nil {
		return done, fmt.Errorf("asking for the file: %w", err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return done, fmt.Errorf("asking for the file: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	size, err := io.Copy(io.Discard, response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || of.TotalCount == 0) {
		err = fmt.Errorf("status %d for %d contracts", response.StatusCode, of.TotalCount)
	}
	return fetched{rows: of.TotalCount, took: time.Since(began), size: size}, err
}

func (e *exported) report(b *strings.Builder) {
	for _, format := range e.formats {
		few, many := e.few[format], e.many[format]
		fmt.Fprintf(b, "\nAs %s %d contracts are downloaded in %.0f s (%d MiB). The server needs %d MiB at most, and %d MiB for %d: %.2f times as much.\n",
			format, many.rows, many.took.Seconds(), many.size>>20, many.peak, few.peak, few.rows, float64(many.peak)/float64(few.peak))
	}
}
