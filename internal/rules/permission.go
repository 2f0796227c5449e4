package rules

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
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

// recordedCodeRepoIsStillPermitted is asked of a runtime that does not move, because something else about it is wrong: it goes on
// being deployed from the code repo that is recorded. Whoever lost the permission to that one must not keep it by naming another
// that does not exist, or by any other mistake.
func recordedCodeRepoIsStillPermitted(ctx context.Context, l Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	if c.own == nil || c.own.CodeRepo == "" || c.deployedFrom(c.resolution.CodeRepo) {
		return nil, nil // the one that is recorded is judged as that
	}
	repo, err := c.recordedCodeRepo(ctx, l)
	if err != nil || repo == nil {
		return nil, err
	}
	illegal, err := IllegalProjects(ctx, l, c.runtime, repo)
	if err != nil || len(illegal) == 0 {
		return nil, err
	}
	return only(problem.New(problem.Forbidden, api.ReasonPermissionRevoked,
		"code repo %q, which the runtime is deployed from, may not be used any more: ask for a CodeRepoBinding, or correct the runtime so that it moves to another; "+
			"what runs keeps running, but new commits are not deployed", c.own.CodeRepo).At(codeRepoField)), nil
}

// recordedCodeRepo returns the code repo that the runtime is deployed from, or nil when it is gone: that takes nobody's permission.
// Of another product's only the bindings count.
func (c *runtimeCase) recordedCodeRepo(ctx context.Context, l Lookup) (*api.CodeRepo, error) {
	// A record that was written again from the status does not know the owner: it may be the product itself.
	name, owner := c.own.CodeRepo, cmp.Or(c.own.RepoProduct, c.runtime.Namespace)
	if owner == c.runtime.Namespace {
		repo, err := l.CodeRepo(ctx, owner, name)
		if err != nil {
			return nil, fmt.Errorf("looking up code repo %s: %w", name, err)
		}
		return repo, nil
	}
	return &api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: owner, Name: name}}, nil
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
