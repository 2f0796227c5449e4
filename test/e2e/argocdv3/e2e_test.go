// Package argocdv3 runs the scenarios with Argo CD 3: with the newest version, or with the one that DEVENV_ARGOCD names.
package argocdv3

import (
	"cmp"
	"os"
	"testing"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
	"github.com/nautes-labs/deployment-runtime/test/e2e"
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }

func TestScenarios(t *testing.T) {
	e2e.Run(t, devenv.ForTest(t, e2e.Options(cmp.Or(os.Getenv("DEVENV_ARGOCD"), devenv.ArgoCDDefault))), e2e.All())
}
