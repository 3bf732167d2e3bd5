package kontortest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// CentrePassword is the personal password of everybody at the customer centre of tests.
const CentrePassword = "Zugang-2026!"

// CentreRedirect is where browsers come back to from the shared customer centre.
const CentreRedirect = "http://localhost:8080/customer-centre/callback"

// CentreClientID is Kontor at the customer centre of tests.
const CentreClientID = "kontor"

// Centre is a customer centre of its own on a free port of the loopback interface: an
// OpenID Connect provider (the program in the folder provider). Stop, Start and Close are
// not safe for concurrent use.
type Centre struct {
	Secret    string // of the client
	process   process
	port      string
	directory string
}

// StartCentre builds the program and starts it, as the customer centre of a Kontor whose
// browsers come back to redirect; ctx bounds how long that may take. Whoever starts it
// must Close it.
func StartCentre(ctx context.Context, redirect string) (*Centre, error) {
	directory, err := os.MkdirTemp("", "kontor-centre-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the customer centre: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	program := filepath.Join(directory, "provider")
	c := &Centre{Secret: rand.Text(), port: port, directory: directory}
	c.process = process{
		name: "the customer centre",
		arguments: []string{program, "-addr", net.JoinHostPort(loopback, port), "-client-id", CentreClientID,
			"-client-secret", c.Secret, "-redirect", redirect},
		directory: directory, stopSignal: syscall.SIGTERM, deathSignal: syscall.SIGKILL,
	}
	// A module of its own; the go command keeps what it has built.
	_, here, _, _ := runtime.Caller(0)
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Dir = filepath.Join(filepath.Dir(here), "provider")
	if told, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("building the customer centre: %w: %s", err, told), c.Close())
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// URL is the issuer.
func (c *Centre) URL() string { return "http://" + net.JoinHostPort(loopback, c.port) }

// Stop takes the customer centre away: connections are refused, logins under way are lost.
func (c *Centre) Stop() error { return c.process.stop() }

// Start brings it back on the same port, with another key.
func (c *Centre) Start(ctx context.Context) error {
	return c.process.start(ctx, func(ctx context.Context) error {
		_, err := c.ask(ctx, "/healthz")
		return err
	})
}

// Tries is how often a password was tried for an access number.
func (c *Centre) Tries(t testing.TB, accessNumber string) string {
	t.Helper()
	n, err := c.ask(t.Context(), "/tries/"+accessNumber)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (c *Centre) ask(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL()+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the customer centre answers %s", response.Status)
	}
	return string(body), err
}

// Close stops it and removes what it left.
func (c *Centre) Close() error {
	return errors.Join(c.Stop(), os.RemoveAll(c.directory))
}
