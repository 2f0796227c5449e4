package rules

import (
	"context"
	"fmt"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// CodeRepo returns the first rule that the code repo violates.
func CodeRepo(ctx context.Context, l Lookup, r *api.CodeRepo) error {
	return first(ctx, l, r, codeRepoRules())
}

func codeRepoRules() []rule[*api.CodeRepo] {
	return []rule[*api.CodeRepo]{
		belongsToItsNamespace(func(r *api.CodeRepo) string { return r.Spec.Product }),
		namespaceHasAProduct[*api.CodeRepo](),
		{[]string{api.ReasonGroupReplaced, api.ReasonGroupMoved}, productOfCodeRepoHasItsGroup},
		{[]string{api.ReasonRepositoryReplaced}, pathLeadsToItsProject},
		metadataSteersNothing[*api.CodeRepo](),
		{[]string{api.ReasonCodeRepoProviderNotFound}, providerExists},
		{[]string{api.ReasonProjectNotFound}, projectOfCodeRepoExists},
		{[]string{api.ReasonRepoOutsideProduct}, urlLiesInTheProduct},
	}
}

// productOfCodeRepoHasItsGroup: what lies at the path of a group that is not there any more belongs to strangers.
func productOfCodeRepoHasItsGroup(ctx context.Context, l Lookup, r *api.CodeRepo) ([]*problem.Problem, error) {
	product, _, err := productOf(ctx, l, r)
	if err != nil || product == nil {
		return nil, err
	}
	why := Detached(product)
	if why == nil {
		return nil, nil
	}
	return only(problem.New(why.Class, why.Reason, "%s: nothing new is deployed from the code repo; ask the platform team", why.Message)), nil
}

func providerExists(ctx context.Context, l Lookup, r *api.CodeRepo) ([]*problem.Problem, error) {
	_, missing, err := providerOf(ctx, l, r)
	return only(missing), err
}

func projectOfCodeRepoExists(ctx context.Context, l Lookup, r *api.CodeRepo) ([]*problem.Problem, error) {
	if r.Spec.Project == "" {
		return nil, nil
	}
	missing, err := projectExists(ctx, l, r.Namespace, r.Spec.Project, "spec.project")
	if missing == nil {
		return nil, err
	}
	return only(missing.At("spec.project")), nil
}

// urlLiesInTheProduct leaves a provider or a product that is missing to the rules that say so.
func urlLiesInTheProduct(ctx context.Context, l Lookup, r *api.CodeRepo) ([]*problem.Problem, error) {
	_, refused, err := urlOf(ctx, l, r)
	if refused == nil || refused.Class == problem.Missing {
		return nil, err
	}
	return only(refused), err
}

// CodeRepoURL returns the clone URL of a code repo, or why it has none.
func CodeRepoURL(ctx context.Context, l Lookup, r *api.CodeRepo) (string, error) {
	url, refused, err := urlOf(ctx, l, r)
	if refused != nil {
		return "", refused
	}
	return url, err
}

func urlOf(ctx context.Context, l Lookup, r *api.CodeRepo) (string, *problem.Problem, error) {
	provider, missing, err := providerOf(ctx, l, r)
	if err != nil || missing != nil {
		return "", missing, err
	}
	product, missing, err := productOf(ctx, l, r)
	if err != nil || missing != nil {
		return "", missing, err
	}
	if elsewhere, err := resolve.SameHost(ctx, l, product, provider); err != nil || elsewhere != nil {
		return "", elsewhere, err
	}
	url, refused := resolve.RepoURL(provider, product.Spec.Name, r)
	if refused == nil {
		return url, nil, nil
	}
	field := "spec.repoName"
	switch {
	case refused.Reason == api.ReasonInvalid:
		field = "spec.codeRepoProvider"
	case r.Spec.URL != "":
		field = "spec.url"
	}
	return "", refused.At(field), nil
}

func providerOf(ctx context.Context, l Lookup, r *api.CodeRepo) (*api.CodeRepoProvider, *problem.Problem, error) {
	provider, err := l.CodeRepoProvider(ctx, r.Spec.CodeRepoProvider)
	if err != nil {
		return nil, nil, fmt.Errorf("looking up code repo provider %s: %w", r.Spec.CodeRepoProvider, err)
	}
	if provider == nil {
		return nil, problem.New(problem.Missing, api.ReasonCodeRepoProviderNotFound,
			"code repo provider %q does not exist: ask the platform team to create it, or correct spec.codeRepoProvider",
			r.Spec.CodeRepoProvider).At("spec.codeRepoProvider"), nil
	}
	return provider, nil, nil
}
