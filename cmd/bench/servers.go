package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

const (
	startTimeout = 30 * time.Second
	// stopTimeout is how long a server may take to stop before it is killed.
	stopTimeout = 10 * time.Second
)

// servers are the processes that are measured.
type servers struct {
	connections int
	folder      string // for Kontor's files
	children    []*exec.Cmd
	targets     []target // Kontor, gqlgen, the floor, Kontor without row security
}

// addresses are where each finds its databases. The comparators go past row security.
type addresses struct{ kontor, unwalled, comparators, redis, mails string }

// start starts Kontor and the comparators, each as a process of its own.
func start(ctx context.Context, o options, at addresses) (_ []target, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("finding the comparators: %w", err)
	}
	s := &servers{connections: o.connections}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if s.folder, err = os.MkdirTemp("", "kontor-bench-"); err != nil {
		return nil, nil, fmt.Errorf("making a folder for kontor: %w", err)
	}
	addrs := make([]string, 5)
	for i := range addrs {
		if addrs[i], err = freeAddr(); err != nil {
			return nil, nil, err
		}
	}
	kontor := exec.CommandContext(context.WithoutCancel(ctx), o.binary, "serve", "--addr", addrs[0], "--debug-addr", addrs[1], "--pprof",
		"--base-url", "http://"+addrs[0], "--database-url", at.kontor, "--redis-url", at.redis, "--smtp-url", at.mails,
		"--blob-url", "file://"+s.folder, "--log-level", "warn", "--env", "development", "--secret", "0123456789abcdef0123456789abcdef")
	if err := s.launch(ctx, "Kontor", addrs[0], addrs[1], kontor); err != nil {
		return nil, nil, err
	}
	for i, which := range []struct{ name, argument, database string }{
		{"gqlgen + pgx", "gqlgen", at.comparators}, {"floor", "floor", at.comparators}, {"Kontor, one wall", "unwalled", at.unwalled},
	} {
		addr := addrs[2+i]
		other := exec.CommandContext(context.WithoutCancel(ctx), self, "comparator", which.argument, which.database, at.redis, addr, at.mails)
		if err := s.launch(ctx, which.name, addr, addr, other); err != nil {
			return nil, nil, err
		}
	}
	return s.targets, s.stop, nil
}

// launch starts a server and waits until it answers; vars is where it tells its
// allocations.
func (s *servers) launch(ctx context.Context, name, addr, vars string, command *exec.Cmd) error {
	command.Stderr = os.Stderr
	command.SysProcAttr = ofOurs()
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	s.children = append(s.children, command)
	s.targets = append(s.targets, target{
		name: name, url: "http://" + addr + "/graphql", vars: "http://" + vars + "/debug/vars", process: command.Process.Pid,
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * max(s.connections, mostClients)}, Timeout: 30 * time.Second},
	})
	if err := await(ctx, "http://"+vars+"/debug/vars"); err != nil {
		return fmt.Errorf("waiting for %s: %w", name, err)
	}
	return nil
}

// stop ends the servers, each after what it is doing, and removes what they left.
func (s *servers) stop() {
	for _, child := range s.children {
		_ = child.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(stopTimeout, func() { _ = child.Process.Kill() })
		_ = child.Wait()
		kill.Stop()
	}
	if s.folder != "" {
		_ = os.RemoveAll(s.folder)
	}
}

func freeAddr() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// await asks until somebody answers.
func await(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("asking %s: %w", url, err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			return response.Body.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nobody answers on %s: %w", url, ctx.Err())
		case <-ticker.C:
		}
	}
}
