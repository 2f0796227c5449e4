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

// Kubectl runs kubectl as the administrator and returns what it printed.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.host.kubectl(ctx, append([]string{"--kubeconfig=" + c.KubeconfigFile()}, args...)...)
}

func (h *host) kubectl(ctx context.Context, args ...string) (string, error) {
	path, ok := h.binaries[toolchain.Kubectl]
	if !ok {
		return "", fmt.Errorf("the environment was started without kubectl")
	}
	cmd := exec.CommandContext(ctx, path, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(),
			fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
