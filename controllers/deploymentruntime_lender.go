package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// lenderRecheck is how soon to look again whether a code repo of another product is what is meant.
const lenderRecheck = 2 * time.Second

// confirmLender makes sure that a code repo of another product is meant before the runtime moves to it. Any product can bind one of any
// name to this one; the product's own goes first, but its file may only be on its way, in the very sync that brought the runtime. So
// default.project has to be applied as a whole, and the API server itself, asked after that, must know no own one.
func (r *DeploymentRuntimeReconciler) confirmLender(ctx context.Context, s *runtimeScope) error {
	repo := s.resolution.CodeRepo
	if repo == nil || repo.Namespace == s.runtime.Namespace || s.deployedFrom(repo) {
		return nil
	}
	s.stage = api.ConditionResolved
	var stream observed.Application
	streamKey := client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: desired.StreamName(s.runtime.Namespace)}
	absent, err := catalog.IsAbsent(ctx, r.Live, streamKey, &stream)
	if err != nil {
		return err
	}
	if facts := observed.FactsOf(&stream); !absent && (facts.Running || facts.Sync != "Synced") {
		return waiting(api.ReasonCodeRepoUnconfirmed,
			"code repo %q is another product's, and one of the product's own may be on its way: it counts once default.project is applied as a whole; see the Product's condition Synced",
			repo.Name).RetryAfter(lenderRecheck)
	}
	absent, err = catalog.IsAbsent(ctx, r.Live, client.ObjectKey{Namespace: s.runtime.Namespace, Name: repo.Name}, &api.CodeRepo{})
	if err != nil || absent {
		return err
	}
	return waiting(api.ReasonCodeRepoUnconfirmed, "code repo %q of the product itself was just made", repo.Name).RetryAfter(conflictRetry)
}

// deployedFrom says whether the record names this very code repo already.
func (s *runtimeScope) deployedFrom(repo *api.CodeRepo) bool {
	return s.record != nil && s.record.placement.CodeRepo == repo.Name && s.record.placement.RepoProduct == repo.Namespace
}
