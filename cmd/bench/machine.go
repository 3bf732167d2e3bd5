package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"

	"kontor/internal/session"
)

// machine is what the figures were measured on.
type machine struct{ processor, postgres, redis string }

func (m machine) String() string {
	return fmt.Sprintf("%d cores (%s) that load, servers and databases share; %s, PostgreSQL %s, Redis %s",
		runtime.NumCPU(), m.processor, runtime.Version(), m.postgres, m.redis)
}

func describe(ctx context.Context, databaseURL, redisURL string) (m machine, err error) {
	m.processor = value(read("/proc/cpuinfo"), "model name")
	connection, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return m, fmt.Errorf("asking PostgreSQL for its version: %w", err)
	}
	defer func() { err = errors.Join(err, connection.Close(context.WithoutCancel(ctx))) }()
	if err := connection.QueryRow(ctx, "SELECT split_part(current_setting('server_version'), ' ', 1)").Scan(&m.postgres); err != nil {
		return m, fmt.Errorf("asking PostgreSQL for its version: %w", err)
	}
	client, closeRedis, err := session.Open(redisURL)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, closeRedis()) }()
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		return m, fmt.Errorf("asking Redis for its version: %w", err)
	}
	m.redis = value(info, "redis_version")
	return m, nil
}

func read(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(content)
}

// value is what stands behind a name and a colon in a text, or "unknown".
func value(text, name string) string {
	for line := range strings.Lines(text) {
		if key, found, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(found)
		}
	}
	return "unknown"
}
