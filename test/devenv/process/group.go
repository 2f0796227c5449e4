// Package process runs the servers of a test environment as child processes that never outlive their parent.
//
// A Group starts children, each in a process group of its own and with its output in a log file, and ends all of
// them in Stop. On Linux the kernel kills them too when the parent dies without a chance to clean up (SIGKILL).
// A Group is safe for concurrent use.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// ErrStopped is returned by Start once the group was stopped.
var ErrStopped = errors.New("the process group is stopped")

// Command describes one server to run.
type Command struct {
	// Name appears in error messages: "runtime-1/kube-apiserver".
	Name string
	Path string
	Args []string
	// Env is appended to the environment of this process.
	Env []string
	// Log is the file that receives stdout and stderr; it is appended to, so that a restart keeps the history.
	Log string
}

// Group owns a set of child processes.
type Group struct {
	starts chan start
	quit   chan struct{}
	report func(error)

	mu        sync.Mutex
	processes []*Process
	stopped   bool
}

type start struct {
	cmd    *exec.Cmd
	result chan error
}

// NewGroup returns an empty group; Stop releases it. The function is told, from any goroutine, about processes that
// were ready and then ended without being asked to.
func NewGroup(unexpectedEnd func(error)) *Group {
	g := &Group{starts: make(chan start), quit: make(chan struct{}), report: unexpectedEnd}
	go g.fork()
	return g
}

// fork starts every child from one thread that lives as long as the group: Linux delivers the parent-death signal
// when the forking thread ends, and the Go runtime ends threads as it likes.
func (g *Group) fork() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case s := <-g.starts:
			s.result <- s.cmd.Start()
		case <-g.quit:
			return
		}
	}
}

// Start runs the command and returns as soon as the process exists; see Process.AwaitReady.
func (g *Group) Start(c Command) (*Process, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", c.Name, err)
	}
	defer func() { _ = log.Close() }() // The child has its own handle.

	cmd := exec.Command(c.Path, c.Args...) //nolint:noctx // A server outlives the call that starts it.
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()

	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return nil, fmt.Errorf("starting %s: %w", c.Name, ErrStopped)
	}
	s := start{cmd: cmd, result: make(chan error, 1)}
	g.starts <- s
	if err := <-s.result; err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Name, err)
	}
	p := &Process{name: c.Name, log: c.Log, cmd: cmd, done: make(chan struct{})}
	go p.wait(g.report)
	g.processes = append(g.processes, p)
	return p, nil
}

// Stop kills every process of the group at once and waits until all are gone. The servers hold nothing worth a
// graceful end: their data is removed with the environment. It may be called more than once.
func (g *Group) Stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return
	}
	g.stopped = true
	for _, p := range g.processes {
		p.kill()
	}
	for _, p := range g.processes {
		p.awaitEnd(10 * time.Second)
	}
	close(g.quit)
}
