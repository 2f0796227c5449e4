package rules

import (
	"context"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// CodeRepo returns the first rule that the code repo violates.
func CodeRepo(ctx context.Context, l Lookup, r *api.CodeRepo) error {
	return first(gatherCodeRepo(ctx, l, r).rules())
}

func (c *codeRepoCase) rules() []rule {
	_, _, urlUnknown := c.cloneURL()
	return []rule{
		{[]string{api.ReasonProductMismatch}, c.belongsToItsNamespace, nil},
		{[]string{api.ReasonProductNotFound}, c.namespaceHasAProduct, c.product.err},
		{[]string{api.ReasonGroupReplaced, api.ReasonGroupMoved}, c.productHasItsGroup, c.product.err},
		{[]string{api.ReasonRepositoryReplaced}, c.pathLeadsToItsProject, nil},
		{[]string{api.ReasonForbiddenMetadata}, c.metadataSteersNothing, nil},
		{[]string{api.ReasonCodeRepoProviderNotFound}, c.providerExists, c.provider.err},
		{[]string{api.ReasonProjectNotFound}, c.projectExists, c.project.err},
		{[]string{api.ReasonRepoOutsideProduct}, c.urlLiesInTheProduct, urlUnknown},
	}
}

// productHasItsGroup: once a product's group has left its path, whatever lies at that path belongs to strangers.
func (c *codeRepoCase) productHasItsGroup() []*problem.Problem {
	if c.product.value == nil {
		return nil
	}
	why := Detached(c.product.value)
	if why == nil {
		return nil
	}
	return only(problem.New(why.Class, why.Reason,
		"%s: nothing new is deployed from the code repo; ask the platform team", why.Message))
}

func (c *codeRepoCase) providerExists() []*problem.Problem {
	if !c.provider.absent() {
		return nil
	}
	return only(problem.New(problem.Missing, api.ReasonCodeRepoProviderNotFound,
		"code repo provider %q does not exist: ask the platform team to create it, or correct spec.codeRepoProvider",
		c.repo.Spec.CodeRepoProvider).At("spec.codeRepoProvider"))
}

func (c *codeRepoCase) projectExists() []*problem.Problem {
	const field = "spec.project"
	if !c.project.absent() {
		return nil
	}
	return only(projectIsMissing(c.repo.Namespace, c.repo.Spec.Project, field).At(field))
}

// urlLiesInTheProduct ignores a missing provider or product: other rules report them.
func (c *codeRepoCase) urlLiesInTheProduct() []*problem.Problem {
	_, refused, _ := c.cloneURL()
	if len(refused) == 0 || refused[0].Class == problem.Missing {
		return nil
	}
	return refused
}

// CodeRepoURL returns the clone URL of a code repo, or why it has none.
func CodeRepoURL(ctx context.Context, l Lookup, r *api.CodeRepo) (string, error) {
	url, refused, err := gatherCodeRepo(ctx, l, r).cloneURL()
	if len(refused) > 0 {
		return "", refused[0]
	}
	return url, err
}

// cloneURL returns the clone URL. Without one it returns the reason as problems, or an error when that is not known.
func (c *codeRepoCase) cloneURL() (string, []*problem.Problem, error) {
	if c.provider.value == nil {
		return "", c.providerExists(), c.provider.err
	}
	if c.product.value == nil {
		return "", c.namespaceHasAProduct(), c.product.err
	}
	if c.otherHost.value != nil || c.otherHost.err != nil {
		return "", only(c.otherHost.value), c.otherHost.err
	}
	url, refused := resolve.RepoURL(c.provider.value, c.product.value.Spec.Name, c.repo)
	if refused == nil {
		return url, nil, nil
	}
	field := "spec.repoName"
	switch {
	case refused.Reason == api.ReasonInvalid:
		field = "spec.codeRepoProvider"
	case c.repo.Spec.URL != "":
		field = "spec.url"
	}
	return "", only(refused.At(field)), nil
}
