package rules

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// IsReplaced says whether the path of a code repo was seen to lead to another project than the one that it is named by. Only the operator writes
// the status of a CodeRepo: what lies in default.project does not.
func IsReplaced(r *api.CodeRepo) bool {
	c := meta.FindStatusCondition(r.Status.Conditions, api.ConditionRepositoryFound)
	return c != nil && c.Status == metav1.ConditionFalse && c.Reason == api.ReasonRepositoryReplaced
}

// pathLeadsToItsProject: a CodeRepo is named by the id of a project and cloned by its path, and what lies at the path of a project that was renamed
// may be anybody's.
func pathLeadsToItsProject(_ context.Context, _ Lookup, r *api.CodeRepo) ([]*problem.Problem, error) {
	if !IsReplaced(r) {
		return nil, nil
	}
	return only(problem.New(problem.Forbidden, api.ReasonRepositoryReplaced, "%s",
		meta.FindStatusCondition(r.Status.Conditions, api.ConditionRepositoryFound).Message)), nil
}

func codeRepoIsNotReplaced(_ context.Context, _ Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	if c.resolution.CodeRepo == nil || !IsReplaced(c.resolution.CodeRepo) {
		return nil, nil
	}
	return only(replaced(c.resolution.CodeRepo.Name)), nil
}

// recordedCodeRepoIsNotReplaced is the same of what a runtime that does not move is deployed from.
func recordedCodeRepoIsNotReplaced(ctx context.Context, l Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	if c.own == nil || c.own.CodeRepo == "" || c.own.RepoProduct == "" ||
		c.resolution.CodeRepo != nil && c.resolution.CodeRepo.Name == c.own.CodeRepo && c.resolution.CodeRepo.Namespace == c.own.RepoProduct {
		return nil, nil
	}
	repo, err := l.CodeRepo(ctx, c.own.RepoProduct, c.own.CodeRepo)
	if err != nil {
		return nil, fmt.Errorf("looking up code repo %s: %w", c.own.CodeRepo, err)
	}
	if repo == nil || !IsReplaced(repo) {
		return nil, nil
	}
	return only(replaced(repo.Name)), nil
}

func replaced(codeRepo string) *problem.Problem {
	return problem.New(problem.Forbidden, api.ReasonRepositoryReplaced,
		"the path of code repo %q leads to another project now: what runs keeps running, but nothing new is deployed; "+
			"ask the owner of the code repo to correct it, or name another in %s", codeRepo, codeRepoField).At(codeRepoField)
}
