package rules

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// IsReplaced says whether the operator has seen that the path of a code repo leads to another project than the one in
// its name. Only the operator writes the status of a CodeRepo; no file in default.project can set it.
func IsReplaced(r *api.CodeRepo) bool {
	c := meta.FindStatusCondition(r.Status.Conditions, api.ConditionRepositoryFound)
	return c != nil && c.Status == metav1.ConditionFalse && c.Reason == api.ReasonRepositoryReplaced
}

// pathLeadsToItsProject: a CodeRepo is named by the id of a project but cloned by its path. After the project is
// renamed, anybody may own the project at the old path.
func (c *codeRepoCase) pathLeadsToItsProject() []*problem.Problem {
	if !IsReplaced(c.repo) {
		return nil
	}
	return only(problem.New(problem.Forbidden, api.ReasonRepositoryReplaced, "%s",
		meta.FindStatusCondition(c.repo.Status.Conditions, api.ConditionRepositoryFound).Message))
}

func (c *runtimeCase) codeRepoIsNotReplaced() []*problem.Problem {
	if c.resolution.CodeRepo == nil || !IsReplaced(c.resolution.CodeRepo) {
		return nil
	}
	return only(replaced(c.resolution.CodeRepo.Name))
}

// recordedCodeRepoIsNotReplaced is the same rule for the code repo that a runtime stays deployed from.
func (c *runtimeCase) recordedCodeRepoIsNotReplaced() []*problem.Problem {
	d, named := c.deployed, c.resolution.CodeRepo
	if d.RepoProduct == "" || named != nil && named.Name == d.CodeRepo && named.Namespace == d.RepoProduct {
		return nil
	}
	if d.codeRepo.value == nil || !IsReplaced(d.codeRepo.value) {
		return nil
	}
	return only(replaced(d.CodeRepo))
}

func replaced(codeRepo string) *problem.Problem {
	return problem.New(problem.Forbidden, api.ReasonRepositoryReplaced,
		"the path of code repo %q leads to another project now: what runs keeps running, but nothing new is deployed; "+
			"ask the owner of the code repo to correct it, or name another in %s", codeRepo,
		codeRepoField).At(codeRepoField)
}
