package process

import "syscall"

// childAttributes put a child into a process group of its own (a Ctrl-C in the terminal reaches only us, and we end
// the children in order) and let the kernel kill it when the thread that forked it ends.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
