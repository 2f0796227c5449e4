package operator

import (
	"context"
	"fmt"

	"github.com/nautes-labs/deployment-runtime/config/crd"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// InstallKinds installs our kinds and those of Argo CD on the management cluster, where Argo CD itself does not run.
func InstallKinds(ctx context.Context, env *devenv.Env) error {
	own, err := crd.Manifests()
	if err != nil {
		return err
	}
	foreign, err := devenv.ArgoCDTypes(ctx)
	if err != nil {
		return err
	}
	for _, manifests := range [][]byte{own, foreign} {
		if err := env.Management.Apply(ctx, manifests); err != nil {
			return fmt.Errorf("installing the CRDs: %w", err)
		}
	}
	return nil
}
