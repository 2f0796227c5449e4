package rules

import (
	"context"
	"fmt"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// CodeRepoProvider returns the first rule that the provider violates.
func CodeRepoProvider(ctx context.Context, l Lookup, p *api.CodeRepoProvider) error {
	return first(ctx, l, p, codeRepoProviderRules())
}

func codeRepoProviderRules() []rule[*api.CodeRepoProvider] {
	return []rule[*api.CodeRepoProvider]{
		{[]string{api.ReasonInvalid}, addressesAreCanonical},
	}
}

func addressesAreCanonical(_ context.Context, _ Lookup, p *api.CodeRepoProvider) ([]*problem.Problem, error) {
	return resolve.ProviderAddresses(p), nil
}

// ProductProvider returns the first rule that the provider violates.
func ProductProvider(ctx context.Context, l Lookup, p *api.ProductProvider) error {
	return first(ctx, l, p, productProviderRules())
}

func productProviderRules() []rule[*api.ProductProvider] {
	return []rule[*api.ProductProvider]{
		{[]string{api.ReasonCodeRepoProviderNotFound}, codeRepoProviderExists},
	}
}

func codeRepoProviderExists(ctx context.Context, l Lookup, p *api.ProductProvider) ([]*problem.Problem, error) {
	provider, err := l.CodeRepoProvider(ctx, p.Spec.Name)
	if err != nil {
		return nil, fmt.Errorf("looking up code repo provider %s: %w", p.Spec.Name, err)
	}
	if provider != nil {
		return nil, nil
	}
	return only(problem.New(problem.Missing, api.ReasonCodeRepoProviderNotFound,
		"code repo provider %q does not exist: create it, or correct spec.name", p.Spec.Name).At("spec.name")), nil
}
