package kontortest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// pollInterval is how often a server that starts is asked whether it is ready.
	pollInterval = 10 * time.Millisecond
	// stopTimeout is how long a server may take to stop before it is killed.
	stopTimeout = 10 * time.Second
	// logTail is how many bytes of its log a server's error shows.
	logTail = 2000
)

// process is one server program: a child that does not outlive this process.
type process struct {
	name string
	// arguments are the program and what it is started with.
	arguments []string
	// directory is where it runs and where its log is.
	directory string
	// user it runs as; nil: the one of this process.
	user *syscall.Credential
	// stopSignal asks for an orderly end, deathSignal is sent when this process dies.
	stopSignal, deathSignal syscall.Signal

	child *exec.Cmd
	ended chan struct{}
}

// start runs the program and returns when ready has succeeded once. ctx bounds
// the start, not the life of the program.
func (p *process) start(ctx context.Context, ready func(context.Context) error) error {
	if p.child != nil {
		return fmt.Errorf("%s runs already: stop it first", p.name)
	}
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", p.name, err)
	}
	defer log.Close()

	child := childCommand(context.WithoutCancel(ctx), p.user, p.directory, p.arguments...)
	child.Stdout, child.Stderr = log, log
	dieWithParent(child.SysProcAttr, p.deathSignal)
	started, ended := make(chan error), make(chan struct{})
	go runChild(child, started, ended)
	if err := <-started; err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	p.child, p.ended = child, ended
	if err := p.await(ctx, ready); err != nil {
		return errors.Join(err, p.stop())
	}
	return nil
}

// runChild starts the child and waits for its end, on one thread: Linux sends the
// death signal when the thread that started the child ends, not the process.
func runChild(child *exec.Cmd, started chan<- error, ended chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(ended)
	err := child.Start()
	started <- err
	if err == nil {
		// How it ended is in ProcessState and in its log.
		_ = child.Wait()
	}
}

// await asks until ready succeeds, the program ends or ctx does.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func(ended <-chan struct{}) {
		select {
		case <-ended:
			cancel()
		case <-ctx.Done():
		}
	}(p.ended)
	if err := poll(ctx, ready); err != nil {
		return fmt.Errorf("%s did not get ready: %w; its log ends with:\n%s", p.name, err, p.log())
	}
	return nil
}

// stop ends the program and waits until it is gone. Nothing happens when it was
// stopped before; that it ended without being asked is an error.
func (p *process) stop() error {
	if p.child == nil {
		return nil
	}
	child := p.child
	p.child = nil
	select {
	case <-p.ended:
		return fmt.Errorf("%s ended by itself (%s); its log ends with:\n%s", p.name, child.ProcessState, p.log())
	default:
	}
	if err := child.Process.Signal(p.stopSignal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", p.name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
	}
	killError := child.Process.Kill()
	<-p.ended
	return errors.Join(fmt.Errorf("%s did not stop within %s and was killed", p.name, stopTimeout), killError)
}

func (p *process) logPath() string { return filepath.Join(p.directory, "log") }

// log is the end of what the program has written.
func (p *process) log() string {
	content, err := os.ReadFile(p.logPath())
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content[max(0, len(content)-logTail):]))
}

// childCommand prepares a program to run as a user, in a directory it may read.
// It gets a process group of its own, so that Ctrl-C reaches only this process,
// which then stops its children in order.
// When ctx ends first, it is killed.
func childCommand(ctx context.Context, user *syscall.Credential, directory string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	command.Dir = directory
	command.SysProcAttr = &syscall.SysProcAttr{Credential: user, Setpgid: true}
	return command
}

// poll calls try at a short interval until it succeeds; when ctx ends first, the
// error tells why the last try failed.
func poll(ctx context.Context, try func(context.Context) error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

// The ports servers get lie below those that operating systems give to outgoing
// connections (from 32768 on Linux): one of those could otherwise take the port
// of a server while it is stopped.
const firstPort, lastPort = 20000, 31999

// freePort returns a port of the loopback interface that nobody listens on.
func freePort() (string, error) {
	var err error
	for range 100 {
		port := fmt.Sprint(firstPort + rand.IntN(lastPort-firstPort+1))
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort(loopback, port)); err == nil {
			return port, listener.Close()
		}
	}
	return "", fmt.Errorf("finding a free port of %s between %d and %d: %w", loopback, firstPort, lastPort, err)
}

// loopback is the only address servers listen on.
const loopback = "127.0.0.1"
