package kontortest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// redisDatabases is how many databases a Redis has; each test takes one.
const redisDatabases = 4096

// Redis is a redis-server of its own on a free port of the loopback interface. It
// keeps nothing on disk. Stop, Start and Close are not safe for concurrent use.
type Redis struct {
	process   process
	port      string
	directory string
	databases atomic.Int64 // how many fresh databases were given out
}

// StartRedis starts a redis-server; ctx bounds how long that may take. Whoever
// starts it must Close it.
func StartRedis(ctx context.Context) (*Redis, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("no redis-server in PATH: run `make setup`, or install the Debian package redis-server: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "kontor-redis-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for Redis: %w", err)
	}
	r := &Redis{port: port, directory: directory, process: process{
		name: "Redis",
		arguments: []string{program, "--bind", loopback, "--port", port, "--save", "", "--appendonly", "no",
			"--databases", strconv.Itoa(redisDatabases), "--dir", directory},
		directory:  directory,
		stopSignal: syscall.SIGTERM, deathSignal: syscall.SIGKILL,
	}}
	if err := r.Start(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// URL is where the first database of the server is reached.
func (r *Redis) URL() string { return r.url(0) }

func (r *Redis) url(database int64) string {
	return fmt.Sprintf("redis://%s/%d", net.JoinHostPort(loopback, r.port), database)
}

// Stop takes Redis away: connections end, new ones are refused, all data is lost.
func (r *Redis) Stop() error { return r.process.stop() }

// Start brings it back, empty, on the same port.
func (r *Redis) Start(ctx context.Context) error { return r.process.start(ctx, r.ping) }

// ping asks once whether Redis serves commands. A client of go-redis would write
// a line to the log of the tests for each time it does not.
func (r *Redis) ping(ctx context.Context) error {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(loopback, r.port))
	if err != nil {
		return err
	}
	defer connection.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := connection.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(connection, "PING\r\n"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return err
	}
	if answer = strings.TrimSpace(answer); answer != "+PONG" {
		return fmt.Errorf("the answer to PING is %s, not +PONG", answer)
	}
	return nil
}

// Close stops the server and removes what it left.
func (r *Redis) Close() error {
	return errors.Join(r.Stop(), os.RemoveAll(r.directory))
}
