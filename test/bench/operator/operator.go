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
	cmd            *exec.Cmd
	metrics, pprof string
	ended          chan error
}

// Requests are what a program has sent to API servers, of whatever cluster.
type Requests struct{ Reads, Writes int }

// Build builds the operator into the directory of the environment.
func Build(ctx context.Context, env *devenv.Env) (binary string, err error) {
	binary = filepath.Join(env.Dir, "manager")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/nautes-labs/deployment-runtime")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("building the operator: %w", err)
	}
	return binary, nil
}

// Start starts the operator for the management cluster of the environment. Its log is operator.log in the directory of
// the environment.
func Start(ctx context.Context, env *devenv.Env, binary string, flags ...string) (*Process, error) {
	address, err := env.FreeAddress()
	if err != nil {
		return nil, err
	}
	pprof, err := env.FreeAddress()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(env.Dir, "operator.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	o := &Process{metrics: "http://" + address + "/metrics", pprof: "http://" + pprof + "/debug/pprof/",
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

// Stop ends the operator, and returns how much of a processor it took: after that nothing else can be asked.
func (o *Process) Stop() (cpu time.Duration) {
	_ = o.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-o.ended; err != nil {
		fmt.Fprintf(os.Stderr, "bench: the operator ended with: %v\n", err)
	}
	return o.cmd.ProcessState.UserTime() + o.cmd.ProcessState.SystemTime()
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
func (o *Process) Requests(ctx context.Context) (Requests, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.metrics, http.NoBody)
	if err != nil {
		return Requests{}, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return Requests{}, fmt.Errorf("reading the operator's metrics: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	return count(res.Body)
}

// count sums rest_client_requests_total.
func count(metrics io.Reader) (n Requests, err error) {
	seen := false
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "rest_client_requests_total{") {
			continue
		}
		seen = true
		value, err := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64)
		if err != nil {
			return Requests{}, fmt.Errorf("reading %q: %w", line, err)
		}
		if strings.Contains(line, `method="GET"`) {
			n.Reads += int(value)
		} else {
			n.Writes += int(value)
		}
	}
	if !seen {
		return Requests{}, fmt.Errorf("the metrics hold no rest_client_requests_total")
	}
	return n, lines.Err()
}

// Settle waits until the operator has written nothing for a while, and returns what it had sent then.
func (o *Process) Settle(ctx context.Context, patience time.Duration) (Requests, error) {
	const calm = 10 * time.Second
	last, since := Requests{Writes: -1}, time.Now()
	var failed error
	err := wait.PollUntilContextTimeout(ctx, time.Second, patience, true, func(ctx context.Context) (bool, error) {
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
	})
	if err != nil {
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
