package deploymentruntime

import (
	"context"
	"fmt"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

// fieldConcern is the field index of runtimes by what concerns them.
const fieldConcern = "concern"

// What a runtime may be concerned with. The functions below return the values of the index.
const (
	anEnvironment = "environment"
	aProject      = "project"
	aCodeRepo     = "codeRepo"
	aLender       = "lender"
	aCluster      = "cluster"
	refusedFor    = "refused"
)

func concern(with, name string) string { return with + "/" + name }

// by lets the cache find the runtimes that something concerns.
func by(with, name string) client.ListOption {
	return client.MatchingFields{fieldConcern: concern(with, name)}
}

// Index adds the field index of runtimes to a cache.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &api.DeploymentRuntime{}, fieldConcern, func(o client.Object) []string {
		if r, ok := o.(*api.DeploymentRuntime); ok {
			return concerns(r)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("indexing the DeploymentRuntimes: %w", err)
	}
	return nil
}

// concerns returns what a runtime names, what it is deployed from and to by its status, and why it is refused, if
// others may end that.
func concerns(r *api.DeploymentRuntime) []string {
	owner, repo := identity.CodeRepoOf(r)
	all := []string{concern(anEnvironment, r.Spec.Destination), concern(aCodeRepo, repo)}
	if owner != r.Namespace {
		all = append(all, concern(aLender, owner))
	}
	for _, project := range r.Spec.ProjectsRef {
		all = append(all, concern(aProject, project))
	}
	if was := r.Status.Placement; was != nil {
		all = append(all, concern(aCluster, was.Cluster))
		lender, deployed, lent := strings.Cut(was.CodeRepo, "/")
		if !lent {
			deployed = was.CodeRepo
		} else if lender != r.Namespace {
			all = append(all, concern(aLender, lender))
		}
		all = append(all, concern(aCodeRepo, deployed))
	}
	if c := apimeta.FindStatusCondition(r.Status.Conditions, api.ConditionReady); c != nil {
		switch c.Reason {
		case api.ReasonNamespaceInUse, api.ReasonTwinRuntime, api.ReasonNameConflict,
			api.ReasonEnvironmentOnSameCluster, api.ReasonProductLimitReached:
			all = append(all, concern(refusedFor, c.Reason))
		}
	}
	return all
}
