package rules

import (
	"context"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// Project returns the first rule that the project violates.
func Project(ctx context.Context, l Lookup, p *api.Project) error {
	return first(gatherObject(ctx, l, p).rules())
}

// rules are the rules of a Project, and of every kind of a product without a chain of its own.
func (c objectCase) rules() []rule {
	return []rule{
		{[]string{api.ReasonProductMismatch}, c.belongsToItsNamespace, nil},
		{[]string{api.ReasonProductNotFound}, c.namespaceHasAProduct, c.product.err},
		{[]string{api.ReasonForbiddenMetadata}, c.metadataSteersNothing, nil},
	}
}
