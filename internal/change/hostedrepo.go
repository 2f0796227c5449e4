package change

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// hostedRepo is the GitLab side of a code repo that is saved: the project that is adopted, or made once the rules permit the resource.
type hostedRepo struct {
	// path is the last segment; empty when the code repo is named by its id.
	path string
	id   int64
	want *wire.GitLabBody
	// project is nil until it is there.
	project *githost.Project
}

func newHostedRepo(op *operation) *hostedRepo {
	r := &hostedRepo{want: op.body.GitLab}
	if id, isID := idOf("repo-", op.name); isID {
		r.id = id
		return r
	}
	r.path = op.name
	return r
}

// shape returns what is wrong with the GitLab part by itself.
func (r *hostedRepo) shape(op *operation) Violations {
	var out Violations
	wrong := func(field, format string, args ...any) {
		v := op.violation(problem.New(problem.Invalid, ReasonInvalid, format, args...))
		v.Field = field
		out = append(out, v)
	}
	if r.id == 0 && (!isPath(r.path) || strings.Contains(r.path, "/") || strings.HasSuffix(r.path, ".git") || strings.HasSuffix(r.path, ".atom")) {
		wrong("name", "the name of a code repo is its path in GitLab: letters, digits, _ . and -, not ending in .git or .atom")
	}
	if strings.EqualFold(r.path, DefaultProject) {
		wrong("name", "%s holds the resources of the product and is no code repo: choose another name", DefaultProject)
	}
	if r.id == 0 && r.want.Path != nil && *r.want.Path != r.path {
		wrong("git.gitlab.path", "git.gitlab.path must be the name of the code repo, or be left out")
	}
	return append(out, visibilityShape(op, r.want)...)
}

func visibilityShape(op *operation, want *wire.GitLabBody) Violations {
	if want.Visibility == nil || slices.Contains([]string{githost.Private, githost.Internal, githost.Public}, *want.Visibility) {
		return nil
	}
	v := op.violation(problem.New(problem.Invalid, ReasonInvalid, "git.gitlab.visibility must be private, internal or public"))
	v.Field = "git.gitlab.visibility"
	return Violations{v}
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

// find looks for the project that is to be adopted. One outside the group is as good as none.
func (r *hostedRepo) find(ctx context.Context, s *Service, a *access) error {
	p, err := r.ask(ctx, s, a)
	switch {
	case err == nil && p.Namespace.ID == a.project.Namespace.ID && p.ID != a.project.ID:
		r.project = &p
		return nil
	case r.id == 0 && problem.Is(err, problem.Missing) && problem.As(err).Reason != problem.ReasonMoved:
		return nil // it is made later
	case err == nil || problem.Is(err, problem.Missing):
		return problem.New(problem.Missing, ReasonResourceNotFound,
			"there is no project %q in the group %q that could be the code repo: correct the name", oneLine(cmp.Or(r.path, fmt.Sprint(r.id))), a.path)
	}
	return fmt.Errorf("looking for the project of the code repo: %w", err)
}

func (r *hostedRepo) ask(ctx context.Context, s *Service, a *access) (githost.Project, error) {
	if r.id != 0 {
		return s.Host.ProjectByID(ctx, a.caller.Token, r.id)
	}
	return s.Host.ProjectAt(ctx, a.caller.Token, a.path+"/"+r.path)
}

// ensure makes the project, or changes of it what the body says. It can be repeated after a failure half-way.
func (r *hostedRepo) ensure(ctx context.Context, s *Service, a *access) (made bool, err error) {
	if r.project == nil {
		p, err := s.Host.CreateProject(ctx, a.caller.Token, githost.NewProject{
			NamespaceID: a.project.Namespace.ID, Path: r.path,
			Name: value(r.want.Name), Description: value(r.want.Description), Visibility: cmp.Or(value(r.want.Visibility), githost.Private),
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
	p, err := s.Host.UpdateProject(ctx, a.caller.Token, r.project.ID, change)
	if err != nil {
		return false, fmt.Errorf("changing the project of the code repo: %w", err)
	}
	r.project = &p
	return false, nil
}

// differing returns what is wanted where it is not so yet.
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

// hook makes GitLab tell of events. That it fails is a warning: nothing depends on it.
func (s *Service) hook(ctx context.Context, c Caller, project int64, events []string) []string {
	if s.PublicURL == "" {
		return nil
	}
	if len(events) == 0 {
		events = []string{"push_events"}
	}
	err := s.Host.EnsureHook(ctx, c.Token, project, githost.Hook{URL: strings.TrimSuffix(s.PublicURL, "/") + HookPath, Secret: s.HookSecret, Events: events})
	if err != nil {
		return []string{warning(wire.WarningHookFailed, "", "the webhook could not be registered: "+oneLine(err.Error()))}
	}
	return nil
}

// deletionBegan says whether a code repo that is to be deleted with its GitLab project was removed before, and only the project is left of it: the
// history of main tells. What never was a code repo is not deleted, whoever asks.
func (s *Service) deletionBegan(ctx context.Context, ch *running, op *operation) (bool, error) {
	if op.kind != "CodeRepo" || !ch.request.DeleteRepository || ch.head == "" {
		return false, nil
	}
	repo := &hostedRepo{path: op.name}
	if id, isID := idOf("repo-", op.name); isID {
		repo = &hostedRepo{id: id}
	}
	err := repo.find(ctx, s, ch.access)
	if problem.Is(err, problem.Missing) || err == nil && (repo.project == nil || repo.project.MarkedForDeletion) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	history, err := s.Host.NewestCommits(ctx, ch.caller.Token, ch.project.ID, Branch)
	if err != nil {
		return false, fmt.Errorf("reading whether the code repo was removed: %w", err)
	}
	removal := done{deleted: true, kind: op.kind, name: repoName(repo.project.ID)}.String()
	for _, c := range history {
		for line := range strings.Lines(c.Message) {
			if strings.TrimPrefix(strings.TrimSpace(line), "- ") == removal {
				op.resource = repoName(repo.project.ID)
				return true, nil
			}
		}
	}
	return false, nil
}

// deleteRepository deletes the GitLab project of a code repo whose resource is gone. A CodeRepo can be written by hand with any id: only a
// project of the group, and never default.project, is deleted.
func (s *Service) deleteRepository(ctx context.Context, a *access, resource string) []string {
	kept := func(why string) []string {
		return []string{warning(wire.WarningRepositoryKept, "", "the code repo is removed, but its GitLab project stays: "+oneLine(why))}
	}
	id, ok := idOf("repo-", resource)
	if !ok {
		return kept("its name is not that of a project")
	}
	p, err := s.Host.ProjectByID(ctx, a.caller.Token, id)
	switch {
	case problem.Is(err, problem.Missing):
		return nil
	case err != nil:
		return kept(err.Error())
	case p.Namespace.ID != a.project.Namespace.ID || p.ID == a.project.ID:
		return kept("it is no code repo of this product")
	}
	if err := s.Host.DeleteProject(ctx, a.caller.Token, p.ID); err != nil {
		return kept(err.Error())
	}
	return nil
}
