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

func (c *runtimeCase) projectsMayUseTheCodeRepo() []*problem.Problem {
	repo := c.resolution.CodeRepo
	if repo == nil || c.bindings.err != nil {
		return nil
	}
	illegal := illegalProjects(c.runtime, repo, c.bindings.value)
	reason, state := api.ReasonPermissionDenied, ""
	if c.own != nil {
		reason, state = api.ReasonPermissionRevoked, "; what runs keeps running, but new commits are not deployed"
	}
	var violations []*problem.Problem
	for _, ref := range illegal {
		if ref.ProjectName == "" {
			return only(problem.New(problem.Forbidden, reason,
				"the product as a whole may not use code repo %q: add a CodeRepoBinding, or name the projects in spec.projectsRef%s",
				repo.Name, state).At(codeRepoField))
		}
		violations = append(violations, problem.New(problem.Forbidden, reason,
			"project %s may not use code repo %q: add a CodeRepoBinding for it, or remove it from spec.projectsRef%s", ref.ProjectName, repo.Name, state).
			At(projectField(slices.Index(c.runtime.Spec.ProjectsRef, ref.ProjectName))))
	}
	return violations
}

// IllegalProjects returns the entries of projectsRef that may not use the code repo. For a runtime of the product as a
// whole it returns one entry without a name.
func IllegalProjects(ctx context.Context, l Lookup, r *api.DeploymentRuntime, repo *api.CodeRepo) ([]api.IllegalProjectRef, error) {
	if repo == nil {
		return nil, nil
	}
	bindings, err := resolve.List[api.CodeRepoBinding](ctx, l, repo.Namespace)
	if err != nil {
		return nil, err
	}
	return illegalProjects(r, repo, bindings), nil
}

func illegalProjects(
	r *api.DeploymentRuntime, repo *api.CodeRepo, bindings []*api.CodeRepoBinding,
) []api.IllegalProjectRef {
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
func bindingsOf(bindings []*api.CodeRepoBinding, repo, product string) (whole bool, projects []string) {
	for _, b := range bindings {
		if b.Spec.CodeRepo != repo || b.Spec.Product != product || !b.DeletionTimestamp.IsZero() {
			continue
		}
		whole = whole || len(b.Spec.Projects) == 0
		projects = append(projects, b.Spec.Projects...)
	}
	return whole, projects
}

func (c *runtimeCase) recordedCodeRepoIsStillPermitted() []*problem.Problem {
	d := c.deployed
	if d.CodeRepo == "" || isFrom(d.Record, c.resolution.CodeRepo) && c.judgedWhole() || d.bindings.err != nil {
		return nil // the one that is recorded is judged as that
	}
	// Of a code repo of another product only the bindings count.
	repo := &api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: d.owner, Name: d.CodeRepo}}
	if d.owner == c.runtime.Namespace {
		repo = d.codeRepo.value
	}
	if repo == nil || len(illegalProjects(c.runtime, repo, d.bindings.value)) == 0 {
		return nil // one that is gone takes nobody's permission
	}
	return only(problem.New(problem.Forbidden, api.ReasonPermissionRevoked,
		"code repo %q, which the runtime is deployed from, may not be used any more: ask for a CodeRepoBinding, or correct the runtime so that it moves to another; "+
			"what runs keeps running, but new commits are not deployed", d.CodeRepo).At(codeRepoField))
}

// judgedWhole says whether the rules of what the runtime names were asked.
func (c *runtimeCase) judgedWhole() bool {
	return c.resolution.Product != nil && c.runtime.Spec.Product == c.runtime.Namespace
}

// recordedProductHasItsGroup is about the product that owns what the runtime is deployed from.
func (c *runtimeCase) recordedProductHasItsGroup() []*problem.Problem {
	d := c.deployed
	if c.judgedWhole() && (d.owner == c.runtime.Namespace || isFrom(d.Record, c.resolution.CodeRepo)) {
		return nil // that is said already
	}
	if d.product.value == nil || Detached(d.product.value) == nil {
		return nil
	}
	return only(problem.New(problem.Forbidden, Detached(d.product.value).Reason,
		"code repo %q, which the runtime is deployed from, lies at the path of a group that is not there any more: what runs keeps running, but nothing new is deployed; ask its owner",
		d.CodeRepo).At(codeRepoField))
}

// recordedURLLiesInItsProduct: an address that is not the product's any more, as of a group that was renamed, can be
// anybody's tomorrow.
func (c *runtimeCase) recordedURLLiesInItsProduct() []*problem.Problem {
	d := c.deployed
	if d.product.value == nil || d.RepoURL == "" || cmp.Or(d.codeRepo.err, d.provider.err) != nil {
		return nil
	}
	if resolve.MayLieIn(d.provider.value, d.product.value.Spec.Name, d.RepoURL) {
		return nil
	}
	return only(problem.New(problem.Forbidden, api.ReasonRepoOutsideProduct,
		"code repo %q is deployed from a clone URL that does not lie in the group of its product any more: what runs keeps running, but new commits are not deployed; "+
			"correct the CodeRepo, or ask its owner to", d.CodeRepo).At(codeRepoField))
}

// codeRepoKeepsItsOwner keeps a runtime that is deployed from another product's code repo, by a name without that
// product, from silently switching to one of its own product that gets this name later.
func (c *runtimeCase) codeRepoKeepsItsOwner() []*problem.Problem {
	repo := c.resolution.CodeRepo
	if c.own == nil || repo == nil || c.own.CodeRepo != c.runtime.Spec.ManifestSource.CodeRepo || isFrom(c.own, repo) {
		return nil
	}
	return only(problem.New(problem.Forbidden, api.ReasonCodeRepoOwnerChanged,
		"code repo %q is not the one of that name that the runtime is deployed from, which belongs to another product: in %s write what status.placement.codeRepo says, "+
			"or %s/%s for the one of this product; what runs keeps running, but new commits are not deployed",
		repo.Name, codeRepoField, repo.Namespace, repo.Name).At(codeRepoField))
}

// isFrom says whether the record names this very code repo. A record that was written again from the status does not
// know the owner.
func isFrom(rec *Record, repo *api.CodeRepo) bool {
	return repo != nil && rec.CodeRepo == repo.Name && (rec.RepoProduct == "" || rec.RepoProduct == repo.Namespace)
}

// StopsSync says whether a violation takes away a permission: what is deployed keeps running, but nothing new is
// deployed.
func StopsSync(violations []*problem.Problem) bool {
	return slices.ContainsFunc(violations, func(p *problem.Problem) bool {
		return p.Class == problem.Forbidden
	})
}
