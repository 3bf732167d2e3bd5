//go:build !linux

package main

import "syscall"

// ofOurs gives a child a process group of its own, so that Ctrl-C reaches only
// this process, which then stops its children in order.
func ofOurs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
