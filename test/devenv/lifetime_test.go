package devenv

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestStopLeavesNothingBehind(t *testing.T) {
	env, err := Start(t.Context(), Options{})
	must(t, err)
	pids := []int{env.Management.etcd.PID(), env.Management.api.PID()}
	env.Stop()
	env.Stop()
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("process %d runs after Stop", pid)
		}
	}
	if _, err := os.Stat(env.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory after Stop: %v", err)
	}
}

func TestTheLogsOfAFailureAreKept(t *testing.T) {
	var said bytes.Buffer
	dir := filepath.Join(t.TempDir(), "env")
	env, err := Start(t.Context(), Options{Dir: dir, Log: &said})
	must(t, err)
	env.Keep()
	env.Stop()
	if !strings.Contains(said.String(), dir) {
		t.Errorf("said %q, want the directory %s in it", said.String(), dir)
	}
	for _, name := range []string{"etcd.log", "kube-apiserver.log"} {
		if _, err := os.Stat(filepath.Join(dir, ManagementName, name)); err != nil {
			t.Error(err)
		}
	}
	if data, err := filepath.Glob(filepath.Join(dir, "*", "etcd-*")); err != nil || len(data) > 0 {
		t.Errorf("data left: %q, %v", data, err)
	}
}

func TestAnInterruptedStartLeavesNothingRunning(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if env, err := Start(ctx, Options{Dir: t.TempDir()}); !errors.Is(err, context.Canceled) || env != nil {
		t.Errorf("Start = %v, %v", env, err)
	}
}

func TestRunStopsWhateverHappens(t *testing.T) {
	var said bytes.Buffer
	failure := errors.New("the work failed")
	var dir string
	err := Run(t.Context(), Options{Log: &said}, func(_ context.Context, e *Env) error {
		dir = e.Dir
		t.Cleanup(func() {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		})
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("Run = %v", err)
	}
	if !strings.Contains(said.String(), dir) {
		t.Errorf("said %q, want the kept directory %s", said.String(), dir)
	}
}

func TestDirectoriesOfTheDeadAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	used, err := newDirectory("")
	must(t, err)
	kept, err := newDirectory("")
	must(t, err)
	must(t, kept.keep())
	dead, err := newDirectory("")
	must(t, err)
	must(t, dead.lock.Close()) // As the kernel does when a process dies.
	next, err := newDirectory("")
	must(t, err)
	for d, want := range map[*directory]bool{used: true, kept: true, dead: false, next: true} {
		if _, err := os.Stat(d.path); (err == nil) != want {
			t.Errorf("%s: %v; want it there: %v", d.path, err, want)
		}
	}
	for _, d := range []*directory{used, next} {
		must(t, d.remove())
		if _, err := os.Stat(d.path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s after remove: %v", d.path, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"two clusters of one name":         {APIServers: []string{"a"}, RuntimeClusters: []string{"a"}},
		"a cluster called management":      {RuntimeClusters: []string{ManagementName}},
		"a cluster without a name":         {APIServers: []string{""}},
		"a version of Argo CD that is not": {ArgoCD: "1.8.7"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := o.complete(os.Stderr); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestPortsAreNotGivenTwice(t *testing.T) {
	cache := t.TempDir()
	first, err := newPorts(cache)
	must(t, err)
	second, err := newPorts(cache) // As another process has it.
	must(t, err)
	seen := map[int]bool{}
	for range 200 {
		for _, p := range []*ports{first, second} {
			port, err := p.take()
			must(t, err)
			if seen[port] {
				t.Fatalf("port %d given twice", port)
			}
			seen[port] = true
		}
	}
	first.release()
	second.release()
	if len(first.held)+len(second.held) != 0 {
		t.Error("ports held after release")
	}
}
