//go:build !linux

package main

import "syscall"

// ofOurs gives a child a process group of its own, so that Ctrl-C reaches only
// this process, which then stops its children in order.
func ofOurs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// apart would give this process a core of its own; only Linux is asked for that.
func apart() (undo func(), done bool) { return func() {}, false }
