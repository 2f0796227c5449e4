package devenv

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

// KubectlPath is the path of kubectl; empty unless the options ask for it.
func (e *Env) KubectlPath() string { return e.host.binaries[toolchain.Kubectl] }

// HelmPath is the path of helm; empty unless the options ask for it.
func (e *Env) HelmPath() string { return e.host.binaries[toolchain.Helm] }

// PrometheusPath is the path of Prometheus; empty unless the options ask for it.
func (e *Env) PrometheusPath() string { return e.host.binaries[toolchain.Prometheus] }

// Kubectl runs kubectl as the administrator and returns what it printed.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.host.kubectl(ctx, append([]string{"--kubeconfig=" + c.KubeconfigFile()}, args...)...)
}

// Helm runs helm as the administrator and returns what it printed.
func (c *Cluster) Helm(ctx context.Context, args ...string) (string, error) {
	return c.host.run(ctx, toolchain.Helm, append([]string{"--kubeconfig=" + c.KubeconfigFile()}, args...)...)
}

func (h *host) kubectl(ctx context.Context, args ...string) (string, error) {
	return h.run(ctx, toolchain.Kubectl, args...)
}

// run runs a tool and returns what it printed.
func (h *host) run(ctx context.Context, tool toolchain.Tool, args ...string) (string, error) {
	path, ok := h.binaries[tool]
	if !ok {
		return "", fmt.Errorf("the environment was started without %s", tool)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(),
			fmt.Errorf("%s %s: %w: %s", tool, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
