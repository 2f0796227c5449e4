//go:build unix && !linux

package process

import "syscall"

// childAttributes put a child into a process group of its own. Only Linux can bind its life to ours: elsewhere the
// children of a parent that was killed with SIGKILL have to be ended by hand.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
