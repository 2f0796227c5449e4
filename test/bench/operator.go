package main

import (
	"bufio"
	"context"
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

// operator is the operator as a process of its own.
type operator struct {
	cmd     *exec.Cmd
	metrics string
	ended   chan error
}

func startOperator(ctx context.Context, env *devenv.Env) (*operator, error) {
	binary := filepath.Join(env.Dir, "manager")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/nautes-labs/deployment-runtime")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building the operator: %w", err)
	}
	address, err := env.FreeAddress()
	if err != nil {
		return nil, err
	}
	log, err := logFile(env)
	if err != nil {
		return nil, err
	}
	o := &operator{metrics: "http://" + address + "/metrics", ended: make(chan error, 1)}
	o.cmd = exec.CommandContext(context.WithoutCancel(ctx), binary, "operator", "--kubeconfig", env.Management.KubeconfigFile(),
		"--argocd-repo-server", env.ArgoCD.RepoServerAddress(), "--argocd-repo-server-plaintext",
		"--metrics-bind-address", address, "--health-probe-bind-address", "0", "--leader-elect=false")
	o.cmd.Stdout, o.cmd.Stderr = log, log
	if err := o.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the operator: %w", err)
	}
	go func() { o.ended <- o.cmd.Wait(); _ = log.Close() }()
	return o, nil
}

func (o *operator) stop() {
	_ = o.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-o.ended; err != nil {
		fmt.Fprintf(os.Stderr, "bench: the operator ended with: %v\n", err)
	}
}

// writes returns how many requests that change something the operator has sent so far, to whatever cluster.
func (o *operator) writes(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.metrics, http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("reading the operator's metrics: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	return countWrites(res.Body)
}

// countWrites sums rest_client_requests_total over the methods that change something.
func countWrites(metrics io.Reader) (int, error) {
	total, seen := 0, false
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "rest_client_requests_total{") {
			continue
		}
		seen = true
		if strings.Contains(line, `method="GET"`) {
			continue
		}
		value, err := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("reading %q: %w", line, err)
		}
		total += int(value)
	}
	if !seen {
		return 0, fmt.Errorf("the metrics hold no rest_client_requests_total")
	}
	return total, lines.Err()
}

// settledWrites waits until the operator has written nothing for a while.
func (o *operator) settledWrites(ctx context.Context) (int, error) {
	const calm = 10 * time.Second
	last, since := -1, time.Now()
	err := wait.PollUntilContextTimeout(ctx, time.Second, patience, true, func(ctx context.Context) (bool, error) {
		n, err := o.writes(ctx)
		if err != nil {
			return false, err
		}
		if n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) >= calm, nil
	})
	if err != nil {
		return 0, fmt.Errorf("waiting for the operator to settle: %w", err)
	}
	return last, nil
}

// peakMemory returns the largest resident set of the operator, in bytes.
func (o *operator) peakMemory() (int, error) {
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
