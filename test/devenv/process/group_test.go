package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
)

// shell is a command that runs a shell script.
func shell(t *testing.T, script string) process.Command {
	t.Helper()
	return process.Command{
		Name: "cluster/server", Path: "/bin/sh", Args: []string{"-c", script},
		Log: filepath.Join(t.TempDir(), "server.log"),
	}
}

func newGroup(t *testing.T) (g *process.Group, unexpected <-chan error) {
	t.Helper()
	reports := make(chan error, 10)
	g = process.NewGroup(func(err error) { reports <- err })
	t.Cleanup(g.Stop)
	return g, reports
}

func mustStart(t *testing.T, g *process.Group, c process.Command) *process.Process {
	t.Helper()
	p, err := g.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// childOf reads the process id that the script printed.
func childOf(t *testing.T, c process.Command) int {
	t.Helper()
	data, err := os.ReadFile(c.Log)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscanf(string(data), "child %d", &pid); err != nil {
		t.Fatalf("log %q: %v", data, err)
	}
	return pid
}

// ends waits for the end of a process that is not ours to collect.
func ends(pid int) bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if !alive(pid) {
			return true
		}
	}
	return false
}

// alive tells whether a process runs. One that has ended and waits to be collected does not; Linux can tell.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func logSays(p process.Command, text string) func(context.Context) error {
	return func(context.Context) error {
		data, err := os.ReadFile(p.Log)
		if err == nil && !strings.Contains(string(data), text) {
			err = errors.New("the log does not say " + text)
		}
		return err
	}
}

func TestStopEndsServersAndTheirChildren(t *testing.T) {
	g, unexpected := newGroup(t)
	c := shell(t, "trap '' TERM; sleep 1000 & echo child $!; wait")
	p := mustStart(t, g, c)
	if err := p.AwaitReady(t.Context(), logSays(c, "child")); err != nil {
		t.Fatal(err)
	}
	g.Stop()
	if p.Running() || alive(p.PID()) {
		t.Error("the server runs after Stop")
	}
	if child := childOf(t, c); !ends(child) {
		t.Errorf("the server's child %d runs after Stop", child)
	}
	if _, err := g.Start(c); !errors.Is(err, process.ErrStopped) {
		t.Errorf("starting after Stop: %v", err)
	}
	select {
	case err := <-unexpected:
		t.Errorf("a wanted end was reported: %v", err)
	default:
	}
}

func TestAServerThatEndsEarlyShowsItsLog(t *testing.T) {
	g, _ := newGroup(t)
	p := mustStart(t, g, shell(t, "echo the port is taken >&2; exit 3"))
	err := p.AwaitReady(t.Context(), func(context.Context) error { return errors.New("not yet") })
	for _, want := range []string{"cluster/server", "exit status 3", "the port is taken"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestAServerThatIsNeverReadyShowsTheLastAnswer(t *testing.T) {
	g, _ := newGroup(t)
	p := mustStart(t, g, shell(t, "echo still loading; sleep 1000"))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := p.AwaitReady(ctx, func(context.Context) error { return errors.New("503 from readyz") })
	for _, want := range []string{"cluster/server", "503 from readyz", "still loading"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v is not DeadlineExceeded", err)
	}
}

func TestAnEndThatNobodyAskedForIsReported(t *testing.T) {
	g, unexpected := newGroup(t)
	p := mustStart(t, g, shell(t, "echo panic: oh no; sleep 1000"))
	if err := p.AwaitReady(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-unexpected:
		if !strings.Contains(err.Error(), "ended unexpectedly") {
			t.Errorf("report = %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("no report")
	}
}

func TestStopIsPoliteFirstAndThenKills(t *testing.T) {
	g, _ := newGroup(t)
	polite := shell(t, "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done")
	p := mustStart(t, g, polite)
	if err := p.AwaitReady(t.Context(), logSays(polite, "up")); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(10 * time.Second); err != nil {
		t.Error(err)
	}
	if err := logSays(polite, "bye")(t.Context()); err != nil {
		t.Error(err)
	}
	stubborn := shell(t, "trap '' TERM; echo up; while :; do sleep 0.01; done")
	p = mustStart(t, g, stubborn)
	if err := p.AwaitReady(t.Context(), logSays(stubborn, "up")); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(50 * time.Millisecond); err != nil || p.Running() {
		t.Errorf("a stubborn server after Stop: running %v, %v", p.Running(), err)
	}
}
