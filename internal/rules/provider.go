package rules

import (
	"context"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// CodeRepoProvider returns the first rule that the provider violates.
func CodeRepoProvider(_ context.Context, _ Lookup, p *api.CodeRepoProvider) error {
	return first(codeRepoProviderRules(p))
}

func codeRepoProviderRules(p *api.CodeRepoProvider) []rule {
	return []rule{
		{[]string{api.ReasonInvalid}, func() []*problem.Problem { return resolve.ProviderAddresses(p) }, nil},
	}
}

// ProductProvider returns the first rule that the provider violates.
func ProductProvider(ctx context.Context, l Lookup, p *api.ProductProvider) error {
	return first(gatherProductProvider(ctx, l, p).rules())
}

func (c *productProviderCase) rules() []rule {
	return []rule{
		{[]string{api.ReasonCodeRepoProviderNotFound}, c.codeRepoProviderExists, c.codeRepo.err},
	}
}

func (c *productProviderCase) codeRepoProviderExists() []*problem.Problem {
	if !c.codeRepo.absent() {
		return nil
	}
	return only(problem.New(problem.Missing, api.ReasonCodeRepoProviderNotFound,
		"code repo provider %q does not exist: create it, or correct spec.name", c.provider.Spec.Name).At("spec.name"))
}
