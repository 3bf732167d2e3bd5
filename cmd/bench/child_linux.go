package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ofOurs gives a child a process group of its own, so that Ctrl-C reaches only
// this process, which then stops its children in order, and has the kernel end
// the child when this process is killed.
func ofOurs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// apart gives this process a core of its own and its children the others, until it is undone: whoever asks too
// much of a server sits on another machine as a rule, and takes nothing of what the server has. It tells whether it could.
func apart() (undo func(), done bool) {
	cores := runtime.NumCPU()
	var before, own, others unix.CPUSet
	if cores < 2 || unix.SchedGetaffinity(0, &before) != nil {
		return func() {}, false
	}
	own.Set(cores - 1)
	for core := range cores - 1 {
		others.Set(core)
	}
	procs := runtime.GOMAXPROCS(1)
	self := os.Getpid()
	undo = func() {
		runtime.GOMAXPROCS(procs)
		for process := range family(self) {
			keepOn(process, &before)
		}
	}
	for process := range family(self) {
		set := &others
		if process == self {
			set = &own
		}
		if keepOn(process, set) != nil {
			undo()
			return func() {}, false
		}
	}
	return undo, true
}

// keepOn has all threads of a process run on these cores; threads and processes that they start do, too.
func keepOn(process int, on *unix.CPUSet) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", process))
	if err != nil {
		return nil // it has ended
	}
	for _, thread := range threads {
		if id, err := strconv.Atoi(thread.Name()); err == nil {
			if err := unix.SchedSetaffinity(id, on); err != nil && err != unix.ESRCH {
				return fmt.Errorf("keeping a process on some cores: %w", err)
			}
		}
	}
	return nil
}

// family is a process with all that it started, directly or not.
func family(of int) map[int]bool {
	parents := map[int]int{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		// After the name, which may have anything inside: the state and the parent.
		if fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:])); len(fields) > 1 {
			parents[id], _ = strconv.Atoi(fields[1])
		}
	}
	all := map[int]bool{of: true}
	for id := range parents {
		for up := id; up > 1; up = parents[up] {
			if up == of {
				all[id] = true
				break
			}
		}
	}
	return all
}
