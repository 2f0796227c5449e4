//go:build upgrade

// Package upgrade replaces the operator of an earlier commit by that of this checkout, on a complete environment. It
// builds both, so that it takes minutes: `make upgrade-check` runs it, CI does not.
package upgrade

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
	"github.com/nautes-labs/deployment-runtime/test/e2e"
)

// from is set in the environment to the commit to upgrade from.
const from = "UPGRADE_FROM"

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }

func TestUpgrade(t *testing.T) {
	commit := os.Getenv(from)
	if commit == "" {
		t.Fatalf("%s is not set: run make upgrade-check", from)
	}
	here, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	before := filepath.Join(t.TempDir(), "before")
	run(t, here, "git", "worktree", "add", "--detach", before, commit)
	t.Cleanup(func() { run(t, here, "git", "worktree", "remove", "--force", before) })
	builds := []e2e.Build{{Source: before}, {Source: here}}
	for i := range builds {
		builds[i].Manager = filepath.Join(t.TempDir(), "manager")
		run(t, builds[i].Source, "go", "build", "-o", builds[i].Manager, ".")
	}
	e2e.Run(t, devenv.ForTest(t, e2e.Options(devenv.ArgoCDDefault)),
		e2e.Stories{Alone: []e2e.Scenario{e2e.Upgrade(builds[0], builds[1])}})
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...) // the test's context is over when it cleans up
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
