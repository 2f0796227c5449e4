// Package argocdv2 runs, with Argo CD 2, the scenarios whose outcome depends on Argo CD.
package argocdv2

import (
	"os"
	"testing"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
	"github.com/nautes-labs/deployment-runtime/test/e2e"
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }

func TestScenarios(t *testing.T) {
	e2e.Run(t, devenv.ForTest(t, e2e.Options(devenv.ArgoCDV2)), e2e.OfArgoCD())
}
