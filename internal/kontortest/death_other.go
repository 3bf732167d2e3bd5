//go:build !linux

package kontortest

import "syscall"

// dieWithParent does nothing where the kernel has no such signal: there, servers
// stop with Close and outlive a test process that was killed.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
