// Package operator runs the operator as a process of its own, and reads what it costs.
package operator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// Process is a running operator.
type Process struct {
	// Log is the file that it writes its log to.
	Log string

	cmd            *exec.Cmd
	metrics, pprof string
	ended          chan error
}

// Requests are what a program has sent to API servers, of whatever cluster.
type Requests struct{ Reads, Writes int }

// Build builds the operator into a directory.
func Build(ctx context.Context, dir string) (binary string, err error) {
	binary = filepath.Join(dir, "manager")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/nautes-labs/deployment-runtime")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("building the operator: %w", err)
	}
	return binary, nil
}

// Start starts the operator for the management cluster of the environment. Its log lies in the directory of the
// environment.
func Start(ctx context.Context, env *devenv.Env, binary string, flags ...string) (*Process, error) {
	address, err := env.FreeAddress()
	if err != nil {
		return nil, err
	}
	pprof, err := env.FreeAddress()
	if err != nil {
		return nil, err
	}
	log, err := os.CreateTemp(env.Dir, "operator-*.log")
	if err != nil {
		return nil, err
	}
	o := &Process{Log: log.Name(), metrics: "http://" + address + "/metrics", pprof: "http://" + pprof + "/debug/pprof/",
		ended: make(chan error, 1)}
	args := []string{"operator", "--kubeconfig", env.Management.KubeconfigFile(), "--metrics-bind-address", address,
		"--health-probe-bind-address", "0", "--pprof-bind-address", pprof, "--leader-elect=false"}
	if env.ArgoCD != nil {
		args = append(args, "--argocd-repo-server", env.ArgoCD.RepoServerAddress(), "--argocd-repo-server-plaintext")
	}
	o.cmd = exec.CommandContext(context.WithoutCancel(ctx), binary, append(args, flags...)...)
	o.cmd.Stdout, o.cmd.Stderr = log, log
	if err := o.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the operator: %w", err)
	}
	go func() { o.ended <- o.cmd.Wait(); _ = log.Close() }()
	return o, nil
}

// Stop ends the operator; a second call does nothing.
func (o *Process) Stop() {
	if o.cmd.ProcessState != nil {
		return
	}
	_ = o.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-o.ended; err != nil {
		fmt.Fprintf(os.Stderr, "bench: the operator ended with: %v\n", err)
	}
}

// Kill ends the operator as a crash does.
func (o *Process) Kill() {
	_ = o.cmd.Process.Kill()
	if err := <-o.ended; err == nil {
		fmt.Fprintln(os.Stderr, "bench: the operator had ended before it was killed")
	}
}

// Profile writes a CPU profile of the next so many seconds to a file.
func (o *Process) Profile(ctx context.Context, seconds int, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%sprofile?seconds=%d", o.pprof, seconds),
		http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("profiling the operator: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("profiling the operator: %s %w", res.Status, err)
	}
	return os.WriteFile(file, data, 0o600)
}

// Requests returns what the operator has sent so far.
func (o *Process) Requests(ctx context.Context) (n Requests, err error) {
	seen := false
	err = o.read(ctx, "rest_client_requests_total", func(labels string, value float64) {
		seen = true
		if strings.Contains(labels, `method="GET"`) {
			n.Reads += int(value)
		} else {
			n.Writes += int(value)
		}
	})
	if err == nil && !seen {
		err = fmt.Errorf("the metrics hold no rest_client_requests_total")
	}
	return n, err
}

// CPU returns how much of a processor the operator has taken so far.
func (o *Process) CPU(ctx context.Context) (time.Duration, error) {
	seconds, err := o.sum(ctx, "process_cpu_seconds_total")
	return time.Duration(seconds * float64(time.Second)), err
}

// Allocated returns how many bytes of memory the operator has allocated so far, those included that it gave back.
func (o *Process) Allocated(ctx context.Context) (float64, error) {
	return o.sum(ctx, "go_memstats_alloc_bytes_total")
}

func (o *Process) sum(ctx context.Context, metric string) (sum float64, err error) {
	err = o.read(ctx, metric, func(_ string, value float64) { sum += value })
	return sum, err
}

// read hands out the series of a metric.
func (o *Process) read(ctx context.Context, metric string, each func(labels string, value float64)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.metrics, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("reading the operator's metrics: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, metric+"{") && !strings.HasPrefix(line, metric+" ") {
			continue
		}
		end := strings.LastIndex(line, " ")
		n, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			return fmt.Errorf("reading %q: %w", line, err)
		}
		each(line[:end], n)
	}
	return lines.Err()
}

// Settle waits until the operator has written nothing for so long, and returns what it had sent then.
func (o *Process) Settle(ctx context.Context, calm, patience time.Duration) (Requests, error) {
	last, since := Requests{Writes: -1}, time.Now()
	var failed error
	look := func(ctx context.Context) (bool, error) {
		n, err := o.Requests(ctx)
		if err != nil { // it starts
			failed = err
			return false, nil //nolint:nilerr // it is told if it stays
		}
		failed = nil
		if n.Writes != last.Writes {
			since = time.Now()
		}
		last = n
		return time.Since(since) >= calm, nil
	}
	if err := wait.PollUntilContextTimeout(ctx, calm/10, patience, true, look); err != nil {
		return Requests{}, fmt.Errorf("waiting for the operator to settle: %w", errors.Join(err, failed))
	}
	return last, nil
}

// PeakMemory returns the largest resident set of the operator, in bytes.
func (o *Process) PeakMemory() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the operator's memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			kb, err := strconv.Atoi(fields[1])
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("reading the operator's memory: no VmHWM")
}
