package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	readyPoll = 50 * time.Millisecond
	// tailBytes and tailLines bound the part of a log that goes into an error message.
	tailBytes = 8 << 10
	tailLines = 15
)

// Process is one running child.
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid once done is closed

	ready  atomic.Bool // until then AwaitReady reports an early end
	ending atomic.Bool // somebody asked for the end
}

// Name is the name the process was started with.
func (p *Process) Name() string { return p.name }

// PID is the process id, also the id of the process group that holds the process and its children.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running is false once the process has ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Freeze suspends the process and its children, Thaw lets them go on.
func (p *Process) Freeze() error { return p.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (p *Process) Thaw() error { return p.signal(syscall.SIGCONT) }

// AwaitReady calls check until it returns nil. It gives up when the process ends or ctx is over, with an error that
// names the process, the last answer of check and the last lines of the log.
func (p *Process) AwaitReady(ctx context.Context, check func(context.Context) error) error {
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	var last error
	for {
		if err := check(ctx); err == nil {
			p.ready.Store(true)
			return nil
		} else if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-p.done:
			return p.failure(fmt.Sprintf("ended before it was ready (%v)", p.err))
		case <-ctx.Done():
			return errors.Join(p.failure(fmt.Sprintf("is not ready: %v", last)), ctx.Err())
		case <-ticker.C:
		}
	}
}

// Stop ends the process: politely first, with SIGKILL after the grace. A grace of zero kills at once.
func (p *Process) Stop(grace time.Duration) error {
	if grace > 0 {
		p.ending.Store(true)
		_ = p.signal(syscall.SIGTERM) // It may have ended by itself; awaitEnd tells.
		if p.awaitEnd(grace) {
			return nil
		}
	}
	p.kill()
	if !p.awaitEnd(10 * time.Second) {
		return p.failure("does not end after SIGKILL")
	}
	return nil
}

func (p *Process) failure(what string) error {
	return fmt.Errorf("%s %s; end of %s:\n%s", p.name, what, p.log, tail(p.log))
}

// wait collects the process, and reports an end that nobody asked for.
func (p *Process) wait(unexpected func(error)) {
	p.err = p.cmd.Wait()
	close(p.done)
	if p.ready.Load() && !p.ending.Load() {
		unexpected(p.failure(fmt.Sprintf("ended unexpectedly (%v)", p.err)))
	}
}

func (p *Process) kill() {
	p.ending.Store(true)
	_ = p.signal(syscall.SIGKILL) // It may have ended by itself; awaitEnd tells.
}

// signal reaches the process and the children it may have, which share its process group.
func (p *Process) signal(s syscall.Signal) error {
	if !p.Running() { // The id may belong to somebody else by now.
		return fmt.Errorf("%s has ended", p.name)
	}
	if err := syscall.Kill(-p.PID(), s); err != nil {
		return fmt.Errorf("signalling %s: %w", p.name, err)
	}
	return nil
}

func (p *Process) awaitEnd(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

func tail(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	if len(data) > tailBytes {
		data = data[len(data)-tailBytes:]
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return "  | " + strings.Join(lines, "\n  | ")
}
