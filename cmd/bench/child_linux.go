package main

import "syscall"

// ofOurs gives a child a process group of its own, so that Ctrl-C reaches only
// this process, which then stops its children in order, and has the kernel end
// the child when this process is killed.
func ofOurs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
