//go:build watch

package argocdv3

import (
	"testing"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
	"github.com/nautes-labs/deployment-runtime/test/e2e"
)

// TestWatching takes minutes, and waits for rates: `make watch-check` runs it, CI does not.
func TestWatching(t *testing.T) {
	o := e2e.Options(devenv.ArgoCDDefault)
	o.Prometheus = true
	e2e.Run(t, devenv.ForTest(t, o), e2e.Stories{Alone: e2e.Watching()})
}
