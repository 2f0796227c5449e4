package rules

import (
	"context"
	"fmt"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// CodeRepoBinding returns the first rule that the binding violates. A binding lies with the code repo; spec.product is who may
// use it. Whether another product and its projects exist is not looked up: the verdict would tell.
func CodeRepoBinding(ctx context.Context, l Lookup, b *api.CodeRepoBinding) error {
	return first(ctx, l, b, bindingRules())
}

func bindingRules() []rule[*api.CodeRepoBinding] {
	return []rule[*api.CodeRepoBinding]{
		namespaceHasAProduct[*api.CodeRepoBinding](),
		metadataSteersNothing[*api.CodeRepoBinding](),
		{[]string{api.ReasonCodeRepoNotFound}, boundCodeRepoExists},
		{[]string{api.ReasonProjectNotFound}, boundProjectsExist},
	}
}

func boundCodeRepoExists(ctx context.Context, l Lookup, b *api.CodeRepoBinding) ([]*problem.Problem, error) {
	repo, err := l.CodeRepo(ctx, b.Namespace, b.Spec.CodeRepo)
	if err != nil {
		return nil, fmt.Errorf("looking up code repo %s: %w", b.Spec.CodeRepo, err)
	}
	if repo != nil {
		return nil, nil
	}
	return only(problem.New(problem.Missing, api.ReasonCodeRepoNotFound,
		"code repo %q does not exist in %s: create it, or correct spec.codeRepo; a binding lies in the product that owns the code repo",
		b.Spec.CodeRepo, b.Namespace).At("spec.codeRepo")), nil
}

func boundProjectsExist(ctx context.Context, l Lookup, b *api.CodeRepoBinding) ([]*problem.Problem, error) {
	if b.Spec.Product != b.Namespace {
		return nil, nil
	}
	var violations []*problem.Problem
	for i, name := range b.Spec.Projects {
		missing, err := projectExists(ctx, l, b.Namespace, name, "spec.projects")
		if err != nil {
			return violations, err
		}
		if missing != nil {
			violations = append(violations, missing.At(fmt.Sprintf("spec.projects[%d]", i)))
		}
	}
	return violations, nil
}
