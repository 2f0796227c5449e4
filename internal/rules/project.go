package rules

import (
	"context"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// Project returns the first rule that the project violates.
func Project(ctx context.Context, l Lookup, p *api.Project) error {
	return first(ctx, l, p, projectRules())
}

func projectRules() []rule[*api.Project] {
	return []rule[*api.Project]{
		belongsToItsNamespace(func(p *api.Project) string { return p.Spec.Product }),
		namespaceHasAProduct[*api.Project](),
		metadataSteersNothing[*api.Project](),
	}
}
