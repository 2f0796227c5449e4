package rules

import (
	"context"
	"fmt"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// CodeRepoBinding returns the first rule that the binding violates. A binding lies in the product of the code repo;
// spec.product names the product that may use the code repo. Whether another product and its projects exist is not
// checked, because the answer would tell this product what another one has.
func CodeRepoBinding(ctx context.Context, l Lookup, b *api.CodeRepoBinding) error {
	return first(gatherBinding(ctx, l, b).rules())
}

func (c *bindingCase) rules() []rule {
	return []rule{
		{[]string{api.ReasonProductNotFound}, c.namespaceHasAProduct, c.product.err},
		{[]string{api.ReasonForbiddenMetadata}, c.metadataSteersNothing, nil},
		{[]string{api.ReasonCodeRepoNotFound}, c.boundCodeRepoExists, c.codeRepo.err},
		{[]string{api.ReasonProjectNotFound}, c.boundProjectsExist, unanswered(c.projects)},
	}
}

func (c *bindingCase) boundCodeRepoExists() []*problem.Problem {
	if !c.codeRepo.absent() {
		return nil
	}
	return only(problem.New(problem.Missing, api.ReasonCodeRepoNotFound,
		"code repo %q does not exist in %s: create it, or correct spec.codeRepo; a binding lies in the product that "+
			"owns the code repo",
		c.binding.Spec.CodeRepo, c.binding.Namespace).At("spec.codeRepo"))
}

func (c *bindingCase) boundProjectsExist() []*problem.Problem {
	var violations []*problem.Problem
	for i, project := range c.projects {
		if project.absent() {
			missing := projectIsMissing(c.binding.Namespace, c.binding.Spec.Projects[i], "spec.projects")
			violations = append(violations, missing.At(fmt.Sprintf("spec.projects[%d]", i)))
		}
	}
	return violations
}
