package kontortest

import "syscall"

// dieWithParent has the kernel send the child a signal when this process dies, be
// it by a panic or by kill -9.
func dieWithParent(attributes *syscall.SysProcAttr, signal syscall.Signal) {
	attributes.Pdeathsig = signal
}
