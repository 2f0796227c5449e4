package change

import (
	"context"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// ensureRepos makes the GitLab side of code repos that are saved. made says that resource names changed.
func (s *Service) ensureRepos(ctx context.Context, ch *running) (made bool, err error) {
	for _, op := range ch.ops {
		if op.repo == nil {
			continue
		}
		created, err := op.repo.ensure(ctx, s, ch.access)
		if err != nil {
			return made, err
		}
		made = made || created
	}
	return made, nil
}

// afterwards does what follows a change that main holds, also when it held it before: so whatever failed is done by saving again. The change is
// made: what fails here is a warning.
func (s *Service) afterwards(ctx context.Context, ch *running, w *whatIf, out *Outcome) {
	for _, op := range ch.ops {
		if op.repo != nil && op.repo.project != nil {
			out.Warnings = append(out.Warnings, s.hook(ctx, ch.caller, op.repo.project.ID, eventsOf(w, op))...)
		}
		if op.remove && op.kind == "CodeRepo" && ch.request.DeleteRepository {
			out.Warnings = append(out.Warnings, s.deleteRepository(ctx, ch.access, op.resource)...)
		}
	}
}

func eventsOf(w *whatIf, op *operation) []string {
	for _, o := range w.saved {
		if repo, ok := o.(*api.CodeRepo); ok && repo.Name == op.resource && repo.Spec.Webhook != nil {
			return repo.Spec.Webhook.Events
		}
	}
	return nil
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
		return []string{warning("HOOK_FAILED", "", "the webhook could not be registered: "+oneLine(err.Error()))}
	}
	return nil
}

// deleteRepository deletes the GitLab project of a code repo whose resource is gone. A CodeRepo can be written by hand with any id: only a
// project of the group, and never default.project, is deleted.
func (s *Service) deleteRepository(ctx context.Context, a *access, resource string) []string {
	kept := func(why string) []string {
		return []string{warning("REPOSITORY_KEPT", "", "the code repo is removed, but its GitLab project stays: "+oneLine(why))}
	}
	id, ok := identity.ProjectOf(resource)
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
