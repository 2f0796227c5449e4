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

// codeRepoField is the field in which a runtime names its code repo.
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
				"the product as a whole may not use code repo %q: add a CodeRepoBinding, or name the projects in "+
					"spec.projectsRef%s",
				repo.Name, state).At(codeRepoField))
		}
		i := slices.Index(c.runtime.Spec.ProjectsRef, ref.ProjectName)
		next := "add a CodeRepoBinding for it"
		if i < len(c.projects) && c.projects[i].absent() {
			if c.own == nil {
				continue // projectsExist says what is wrong, and nothing has to be stopped
			}
			next = "create the project"
		}
		violations = append(violations, problem.New(problem.Forbidden, reason,
			"project %s may not use code repo %q: %s, or remove it from spec.projectsRef%s", ref.ProjectName, repo.Name,
			next, state).At(projectField(i)))
	}
	return violations
}

// IllegalProjects returns the entries of projectsRef that may not use the code repo. For a runtime without projectsRef
// it returns one entry without a name if the product as a whole may not use it.
func IllegalProjects(ctx context.Context, l Lookup, r *api.DeploymentRuntime,
	repo *api.CodeRepo) ([]api.IllegalProjectRef, error) {
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
			Reason: fmt.Sprintf("code repo %s does not belong to the project and no CodeRepoBinding permits it",
				repo.Name),
		})
	}
	return illegal
}

// bindingsOf returns what a product may use a code repo for: whether the whole product may use it, and which of its
// projects may.
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
		return nil // projectsMayUseTheCodeRepo judges the recorded code repo
	}
	// Whether a project owns the code repo does not count in another product. Only the bindings count there.
	repo := &api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: d.owner, Name: d.CodeRepo}}
	if d.owner == c.runtime.Namespace {
		repo = d.codeRepo.value
	}
	if repo == nil || len(illegalProjects(c.runtime, repo, d.bindings.value)) == 0 {
		return nil // nothing is forbidden about a code repo that is gone
	}
	return only(problem.New(problem.Forbidden, api.ReasonPermissionRevoked,
		"code repo %q, which the runtime is deployed from, may not be used any more: ask for a CodeRepoBinding, or "+
			"correct the runtime so that it moves to another; "+
			"what runs keeps running, but new commits are not deployed", d.CodeRepo).At(codeRepoField))
}

// judgedWhole says whether the rules after the basic ones were checked.
func (c *runtimeCase) judgedWhole() bool {
	return c.resolution.Product != nil && c.runtime.Spec.Product == c.runtime.Namespace
}

// recordedProductHasItsGroup is about the product of the code repo that the runtime is deployed from.
func (c *runtimeCase) recordedProductHasItsGroup() []*problem.Problem {
	d := c.deployed
	if c.judgedWhole() && (d.owner == c.runtime.Namespace || isFrom(d.Record, c.resolution.CodeRepo)) {
		return nil // productHasItsGroup or lenderHasItsGroup reports it
	}
	if d.product.value == nil || Detached(d.product.value) == nil {
		return nil
	}
	return only(problem.New(problem.Forbidden, Detached(d.product.value).Reason,
		"code repo %q, which the runtime is deployed from, lies at the path of a group that is not there any more: "+
			"what runs keeps running, but nothing new is deployed; ask its owner",
		d.CodeRepo).At(codeRepoField))
}

// recordedURLLiesInItsProduct: a clone URL may leave the product's group, for example when the group is renamed. Then
// anybody may own that URL later.
func (c *runtimeCase) recordedURLLiesInItsProduct() []*problem.Problem {
	d := c.deployed
	if d.product.value == nil || d.RepoURL == "" || cmp.Or(d.codeRepo.err, d.provider.err) != nil {
		return nil
	}
	if resolve.MayLieIn(d.provider.value, d.product.value.Spec.Name, d.RepoURL) {
		return nil
	}
	return only(problem.New(problem.Forbidden, api.ReasonRepoOutsideProduct,
		"code repo %q is deployed from a clone URL that does not lie in the group of its product any more: what runs "+
			"keeps running, but new commits are not deployed; "+
			"correct the CodeRepo, or ask its owner to", d.CodeRepo).At(codeRepoField))
}

// codeRepoKeepsItsOwner is about a runtime that names a code repo without its product and is deployed from another
// product's. If the runtime's own product gets a code repo of that name, the runtime must not silently switch to it.
func (c *runtimeCase) codeRepoKeepsItsOwner() []*problem.Problem {
	repo := c.resolution.CodeRepo
	if c.own == nil || repo == nil || c.own.CodeRepo != c.runtime.Spec.ManifestSource.CodeRepo || isFrom(c.own, repo) {
		return nil
	}
	return only(problem.New(problem.Forbidden, api.ReasonCodeRepoOwnerChanged,
		"code repo %q is not the one of that name that the runtime is deployed from, which belongs to another "+
			"product: in %s write what status.placement.codeRepo says, "+
			"or %s/%s for the one of this product; what runs keeps running, but new commits are not deployed",
		repo.Name, codeRepoField, repo.Namespace, repo.Name).At(codeRepoField))
}

// isFrom says whether the record names this code repo. A record that was restored from the status may not name the
// product of the code repo.
func isFrom(rec *Record, repo *api.CodeRepo) bool {
	return repo != nil && rec.CodeRepo == repo.Name && (rec.RepoProduct == "" || rec.RepoProduct == repo.Namespace)
}

// StopsSync says whether a violation takes a permission away. What is deployed keeps running, but nothing new is
// deployed.
func StopsSync(violations []*problem.Problem) bool {
	return slices.ContainsFunc(violations, func(p *problem.Problem) bool {
		return p.Class == problem.Forbidden
	})
}
