package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestKubectlRunsTheCommandLine: by the names that a release has, with the real kubectl.
func TestKubectlRunsTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	const stamp = "-X github.com/nautes-labs/deployment-runtime/internal/version.version=v0.1.0"
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w "+stamp,
		"-o", filepath.Join(dir, "nautes"), "./cmd/nautes")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Symlink("nautes", filepath.Join(dir, "kubectl-nautes")); err != nil {
		t.Fatal(err)
	}
	completion, err := os.ReadFile(filepath.Join(root, "hack", "release", "kubectl_complete-nautes"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kubectl_complete-nautes"), completion, 0o755); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"plugin list":                "kubectl-nautes\n",
		"nautes version":             "v0.1.0\n",
		"nautes get --help":          "Usage:\n  kubectl nautes get KIND",
		"__complete nautes get depl": "deploymentruntime\n",
		"__complete nautes stat":     "status\t",
	} {
		cmd := exec.CommandContext(t.Context(), env.KubectlPath(), strings.Fields(args)...)
		cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"),
			"KUBECONFIG="+env.Cluster(hub).KubeconfigFile())
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("kubectl %s: no %q in\n%s%v", args, want, out, err)
		}
	}
}
