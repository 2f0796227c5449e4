package rules

import (
	"context"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// Project returns the first rule that the project violates.
func Project(ctx context.Context, l Lookup, p *api.Project) error {
	return first(gatherProject(ctx, l, p).rules())
}

func (c *projectCase) rules() []rule {
	return []rule{
		{[]string{api.ReasonProductMismatch}, c.belongsToItsNamespace, nil},
		{[]string{api.ReasonProductNotFound}, c.namespaceHasAProduct, c.product.err},
		{[]string{api.ReasonForbiddenMetadata}, c.metadataSteersNothing, nil},
	}
}
