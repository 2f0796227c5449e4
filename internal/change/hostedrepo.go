package change

import (
	"cmp"
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// hostedRepo is the GitLab project of a code repo that is saved. An existing project is adopted; a new one is created
// once the rules permit the resource.
type hostedRepo struct {
	// path is the last segment; empty when the code repo is named by its id.
	path string
	id   int64
	want *wire.GitLabBody
	// project is nil until it is there.
	project *githost.Project
}

// newHostedRepo returns the project of a code repo that the caller names by its path or by its id.
func newHostedRepo(name string, want *wire.GitLabBody) *hostedRepo {
	if id, isID := identity.ProjectOf(name); isID {
		return &hostedRepo{id: id, want: want}
	}
	return &hostedRepo{path: name, want: want}
}

// fill sets what the body does not say.
func (r *hostedRepo) fill(o client.Object, resource, provider string) {
	repo, ok := o.(*api.CodeRepo)
	if !ok {
		return
	}
	repo.Name = resource
	repo.Spec.CodeRepoProvider = cmp.Or(repo.Spec.CodeRepoProvider, provider)
	if r.project != nil {
		repo.Spec.RepoName = r.project.PathSegment()
	} else if r.path != "" {
		repo.Spec.RepoName = r.path
	}
}

// find looks for the project that is to be adopted. A project outside the group counts as missing.
func (r *hostedRepo) find(ctx context.Context, a *access) error {
	p, err := r.ask(ctx, a)
	switch {
	case err == nil && p.Namespace.ID == a.project.Namespace.ID && p.ID != a.project.ID:
		r.project = &p
		return nil
	case r.id == 0 && problem.Is(err, problem.Missing) && problem.As(err).Reason != problem.ReasonMoved:
		return r.checkNewProject(ctx, a) // it is made later
	case err == nil || problem.Is(err, problem.Missing):
		return problem.New(problem.Missing, problem.ReasonResourceNotFound,
			"there is no project %q in the group %q that could be the code repo: correct the name",
			oneLine(cmp.Or(r.path, fmt.Sprint(r.id))), a.path)
	}
	return fmt.Errorf("looking for the project of the code repo: %w", err)
}

func (r *hostedRepo) ask(ctx context.Context, a *access) (githost.Project, error) {
	if r.id != 0 {
		return a.host.ProjectByID(ctx, a.caller.Token, r.id)
	}
	return a.host.ProjectAt(ctx, a.caller.Token, a.path+"/"+r.path)
}

// ensure creates the project, or changes it to what the body says. It can be repeated after a failure half-way.
func (r *hostedRepo) ensure(ctx context.Context, a *access) (made bool, err error) {
	if r.project == nil {
		p, err := a.host.CreateProject(ctx, a.caller.Token, githost.NewProject{
			NamespaceID: a.project.Namespace.ID, Path: r.path,
			Name: value(r.want.Name), Description: value(r.want.Description),
			Visibility: cmp.Or(value(r.want.Visibility), githost.Private),
		})
		if err != nil {
			return false, fmt.Errorf("creating the project of the code repo: %w", err)
		}
		r.project = &p
		return true, nil
	}
	change := githost.ProjectChange{
		Name: differing(r.want.Name, r.project.Name), Description: differing(r.want.Description, r.project.Description),
		Visibility: differing(r.want.Visibility, r.project.Visibility),
	}
	if change == (githost.ProjectChange{}) {
		return false, nil
	}
	p, err := a.host.UpdateProject(ctx, a.caller.Token, r.project.ID, change)
	if err != nil {
		return false, fmt.Errorf("changing the project of the code repo: %w", err)
	}
	r.project = &p
	return false, nil
}

// differing returns what is wanted, or nil if that is so already.
func differing(want *string, is string) *string {
	if want == nil || *want == is {
		return nil
	}
	return want
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
