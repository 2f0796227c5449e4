package rules

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// codeRepoField is where a runtime names its code repo.
const codeRepoField = "spec.manifestSource.codeRepo"

func projectsMayUseTheCodeRepo(ctx context.Context, l Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	repo := c.resolution.CodeRepo
	if repo == nil {
		if slices.Contains(c.resolution.Unchecked, api.ReasonCodeRepoNotFound) {
			return nil, fmt.Errorf("looking up code repo %s: %w", c.runtime.Spec.ManifestSource.CodeRepo, ErrUnchecked)
		}
		return nil, nil
	}
	illegal, err := IllegalProjects(ctx, l, c.runtime, repo)
	if err != nil {
		return nil, err
	}
	reason, state := api.ReasonPermissionDenied, ""
	if c.own != nil {
		reason, state = api.ReasonPermissionRevoked, "; what runs keeps running, but new commits are not deployed"
	}
	var violations []*problem.Problem
	for _, ref := range illegal {
		if ref.ProjectName == "" {
			return only(problem.New(problem.Forbidden, reason,
				"the product as a whole may not use code repo %q: add a CodeRepoBinding, or name the projects in spec.projectsRef%s", repo.Name, state).At(codeRepoField)), nil
		}
		violations = append(violations, problem.New(problem.Forbidden, reason,
			"project %s may not use code repo %q: add a CodeRepoBinding for it, or remove it from spec.projectsRef%s", ref.ProjectName, repo.Name, state).
			At(projectField(slices.Index(c.runtime.Spec.ProjectsRef, ref.ProjectName))))
	}
	return violations, nil
}

// IllegalProjects returns the entries of projectsRef that may not use the code repo. For a runtime of the product as a whole
// it returns one entry without a name.
func IllegalProjects(ctx context.Context, l Lookup, r *api.DeploymentRuntime, repo *api.CodeRepo) ([]api.IllegalProjectRef, error) {
	if repo == nil {
		return nil, nil
	}
	bindings, err := l.Bindings(ctx, repo.Namespace)
	if err != nil {
		return nil, fmt.Errorf("looking up the bindings of code repo %s: %w", repo.Name, err)
	}
	return illegalProjects(r, repo, bindings), nil
}

func illegalProjects(r *api.DeploymentRuntime, repo *api.CodeRepo, bindings []api.CodeRepoBinding) []api.IllegalProjectRef {
	own := repo.Namespace == r.Namespace
	wholeProduct, bound := bindingsOf(bindings, repo.Name, r.Namespace)
	if wholeProduct || (own && len(r.Spec.ProjectsRef) == 0) {
		return nil
	}
	if len(r.Spec.ProjectsRef) == 0 {
		return []api.IllegalProjectRef{{Reason: "the code repo is not bound to the whole product"}}
	}
	var illegal []api.IllegalProjectRef
	for _, project := range r.Spec.ProjectsRef {
		if (own && repo.Spec.Project == project) || slices.Contains(bound, project) {
			continue
		}
		illegal = append(illegal, api.IllegalProjectRef{
			ProjectName: project,
			Reason:      fmt.Sprintf("code repo %s does not belong to the project and no CodeRepoBinding permits it", repo.Name),
		})
	}
	return illegal
}

// bindingsOf says whether the repo is bound to the whole product, and to which of its projects.
func bindingsOf(bindings []api.CodeRepoBinding, repo, product string) (whole bool, projects []string) {
	for i := range bindings {
		b := &bindings[i]
		if b.Spec.CodeRepo != repo || b.Spec.Product != product || !b.DeletionTimestamp.IsZero() {
			continue
		}
		whole = whole || len(b.Spec.Projects) == 0
		projects = append(projects, b.Spec.Projects...)
	}
	return whole, projects
}

func recordedCodeRepoIsStillPermitted(ctx context.Context, l Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	if c.own.CodeRepo == "" || c.deployedFrom(c.resolution.CodeRepo) && c.judgedWhole() {
		return nil, nil // the one that is recorded is judged as that
	}
	owner, name := c.recordedCodeRepo()
	repo := &api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: owner, Name: name}} // of another product's only the bindings count
	if owner == c.runtime.Namespace {
		var err error
		if repo, err = l.CodeRepo(ctx, owner, name); err != nil {
			return nil, fmt.Errorf("looking up code repo %s: %w", name, err)
		}
	}
	illegal, err := IllegalProjects(ctx, l, c.runtime, repo) // one that is gone takes nobody's permission
	if err != nil || len(illegal) == 0 {
		return nil, err
	}
	return only(problem.New(problem.Forbidden, api.ReasonPermissionRevoked,
		"code repo %q, which the runtime is deployed from, may not be used any more: ask for a CodeRepoBinding, or correct the runtime so that it moves to another; "+
			"what runs keeps running, but new commits are not deployed", name).At(codeRepoField)), nil
}

// judgedWhole says whether the rules of what the runtime names were asked.
func (c *runtimeCase) judgedWhole() bool {
	return c.resolution.Product != nil && c.runtime.Spec.Product == c.runtime.Namespace
}

// recordedCodeRepo returns the code repo that the runtime is deployed from. A record that was written again from the status does not know the
// owner: it may be the product itself.
func (c *runtimeCase) recordedCodeRepo() (owner, name string) {
	return cmp.Or(c.own.RepoProduct, c.runtime.Namespace), c.own.CodeRepo
}

// recordedProductHasItsGroup is about the product that owns what the runtime is deployed from.
func recordedProductHasItsGroup(ctx context.Context, l Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	owner, name := c.recordedCodeRepo()
	if c.judgedWhole() && (owner == c.runtime.Namespace || c.deployedFrom(c.resolution.CodeRepo)) {
		return nil, nil // that is said already
	}
	product, err := l.Product(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("looking up product %s: %w", owner, err)
	}
	if product == nil || Detached(product) == nil {
		return nil, nil
	}
	return only(problem.New(problem.Forbidden, Detached(product).Reason,
		"code repo %q, which the runtime is deployed from, lies at the path of a group that is not there any more: what runs keeps running, but nothing new is deployed; ask its owner",
		name).At(codeRepoField)), nil
}

// recordedURLLiesInItsProduct: an address that is not the product's any more, as of a group that was renamed, can be anybody's tomorrow.
func recordedURLLiesInItsProduct(ctx context.Context, l Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	owner, name := c.recordedCodeRepo()
	product, err := l.Product(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("looking up product %s: %w", owner, err)
	}
	repo, err := l.CodeRepo(ctx, owner, name)
	if err != nil {
		return nil, fmt.Errorf("looking up code repo %s: %w", name, err)
	}
	if product == nil || c.own.RepoURL == "" {
		return nil, nil
	}
	var provider *api.CodeRepoProvider
	if repo != nil {
		if provider, err = l.CodeRepoProvider(ctx, repo.Spec.CodeRepoProvider); err != nil {
			return nil, fmt.Errorf("looking up code repo provider %s: %w", repo.Spec.CodeRepoProvider, err)
		}
	}
	if resolve.MayLieIn(provider, product.Spec.Name, c.own.RepoURL) {
		return nil, nil
	}
	return only(problem.New(problem.Forbidden, api.ReasonRepoOutsideProduct,
		"code repo %q is deployed from a clone URL that does not lie in the group of its product any more: what runs keeps running, but new commits are not deployed; "+
			"correct the CodeRepo, or ask its owner to", name).At(codeRepoField)), nil
}

// codeRepoKeepsItsOwner keeps a runtime that is deployed from another product's code repo, by a name without that product, from silently
// switching to one of its own product that gets this name later.
func codeRepoKeepsItsOwner(_ context.Context, _ Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	repo := c.resolution.CodeRepo
	if c.own == nil || repo == nil || c.own.CodeRepo != c.runtime.Spec.ManifestSource.CodeRepo || c.deployedFrom(repo) {
		return nil, c.recordsUnchecked
	}
	return only(problem.New(problem.Forbidden, api.ReasonCodeRepoOwnerChanged,
		"code repo %q is not the one of that name that the runtime is deployed from, which belongs to another product: in %s write what status.placement.codeRepo says, "+
			"or %s/%s for the one of this product; what runs keeps running, but new commits are not deployed",
		repo.Name, codeRepoField, repo.Namespace, repo.Name).At(codeRepoField)), nil
}

// deployedFrom says whether the record names this very code repo. One that was written again from the status does not know the owner.
func (c *runtimeCase) deployedFrom(repo *api.CodeRepo) bool {
	return repo != nil && c.own.CodeRepo == repo.Name && (c.own.RepoProduct == "" || c.own.RepoProduct == repo.Namespace)
}

// StopsSync says whether a violation takes away a permission: what is deployed keeps running, but nothing new is deployed.
func StopsSync(violations []*problem.Problem) bool {
	return slices.ContainsFunc(violations, func(p *problem.Problem) bool {
		return p.Class == problem.Forbidden
	})
}
