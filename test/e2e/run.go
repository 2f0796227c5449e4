package e2e

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/command"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// asManager is set in the environment of a process of the test's own binary that is to be the manager: the same code,
// with the same race detector, and nothing that has to be built first.
const asManager = "NAUTES_E2E_MANAGER"

// Main runs the tests of a package; or, in a process that a scenario started, the manager. It returns the exit code.
func Main(m *testing.M) int {
	if os.Getenv(asManager) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return command.Execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", SideBySide); err != nil {
		panic(err)
	}
	return m.Run()
}

// SideBySide is how many scenarios run at the same time: they mostly wait for Argo CD.
const SideBySide = "6"

// Scenario is one story, told as a test.
type Scenario struct {
	Name string
	Run  func(t *testing.T, w *World)
}

// Options returns the environment that the scenarios need.
func Options(argoCD string) devenv.Options {
	return devenv.Options{
		RuntimeClusters: append([]string{East, West}, ownClusters()...), Git: true, ArgoCD: argoCD, Helm: true,
		Kubectl: true,
		// Longer than a scenario waits at all: nobody may have to wait until Argo CD looks by itself.
		ArgoCDConfig: map[string]map[string]string{"argocd-cm": {"timeout.reconciliation": "600s"}},
	}
}

// Run runs the scenarios: those that can, side by side; the others one after the other, at the end.
func Run(t *testing.T, env *devenv.Env, stories Stories) {
	w, err := NewWorld(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.API.stop(); err != nil {
			t.Error(err)
		}
		if err := w.StopOperator(); err != nil {
			t.Errorf("the operator ended with: %v", err)
		}
		if err := w.GitLab.Server.Close(); err != nil {
			t.Errorf("GitLab ended with: %v", err)
		}
		for _, v := range w.GitLab.Server.Violations() {
			t.Errorf("against the description of GitLab's API: %s", v)
		}
		if t.Failed() {
			env.Keep()
		}
	})
	w.record(t)
	t.Run("together", func(t *testing.T) {
		for _, s := range stories.Together {
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				s.Run(t, w)
			})
		}
	})
	t.Run("alone", func(t *testing.T) {
		for _, s := range stories.Alone {
			t.Run(s.Name, func(t *testing.T) { s.Run(t, w) })
		}
	})
}
