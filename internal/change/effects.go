package change

import (
	"context"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// saved records the success of a change that a commit holds.
func (ch *running) saved(ctx context.Context, w *whatIf, commit string) {
	out := ch.out
	out.Verdict, out.Violations, out.Changed, out.Commit = wire.VerdictSave, nil, true, commit
	out.Warnings = collected(ch.unknown, w.warnings)
	ch.afterwards(ctx, w)
	out.Warnings = append(out.Warnings, w.lookAtSources(ctx)...)
}

// ensureRepos creates or changes the GitLab projects of the code repos that are saved. made says that projects were
// created: their code repos are named by the new ids.
func (ch *running) ensureRepos(ctx context.Context) (made bool, err error) {
	for _, op := range ch.ops {
		if op.repo == nil {
			continue
		}
		created, err := op.repo.ensure(ctx, ch.access)
		if err != nil {
			return made, err
		}
		made = made || created
	}
	return made, nil
}

// afterwards registers hooks and deletes projects, once main holds the change. It also runs for a save that changes
// nothing: what failed there is repaired by saving again. The change itself is made, so a failure here is a warning.
func (ch *running) afterwards(ctx context.Context, w *whatIf) {
	out := ch.out
	for _, op := range ch.ops {
		if op.repo != nil && op.repo.project != nil {
			warnings := ch.service.hook(ctx, ch.visitor, op.repo.project.ID, eventsOf(w, op))
			out.Warnings = append(out.Warnings, warnings...)
		}
		if op.remove && op.kind == "CodeRepo" && ch.request.DeleteRepository {
			out.Warnings = append(out.Warnings, ch.deleteRepository(ctx, op.resource)...)
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

// hook registers a webhook. A failure is a warning, because nothing depends on the hook.
func (s *Service) hook(ctx context.Context, as visitor, project int64, events []string) []string {
	if s.PublicURL == "" {
		return nil
	}
	if len(events) == 0 {
		events = []string{"push_events"}
	}
	hook := githost.Hook{URL: strings.TrimSuffix(s.PublicURL, "/") + HookPath, Secret: s.HookSecret, Events: events}
	err := as.host.EnsureHook(ctx, as.caller.Token, project, hook)
	if err != nil {
		why := "the webhook could not be registered: " + oneLine(err.Error())
		return []string{warning(wire.WarningHookFailed, "", why)}
	}
	return nil
}

// deleteRepository deletes the GitLab project of a code repo whose resource is gone. People can write a CodeRepo with
// any id by hand. So only a project of the group is deleted, and never default.project.
func (a *access) deleteRepository(ctx context.Context, resource string) []string {
	kept := func(why string) []string {
		return []string{warning(wire.WarningRepositoryKept, "",
			"the code repo is removed, but its GitLab project stays: "+oneLine(why))}
	}
	id, ok := identity.ProjectOf(resource)
	if !ok {
		return kept("its name is not that of a project")
	}
	p, err := a.host.ProjectByID(ctx, a.caller.Token, id)
	switch {
	case problem.Is(err, problem.Missing):
		return nil
	case err != nil:
		return kept(err.Error())
	case p.Namespace.ID != a.project.Namespace.ID || p.ID == a.project.ID:
		return kept("it is no code repo of this product")
	}
	if err := a.host.DeleteProject(ctx, a.caller.Token, p.ID); err != nil {
		return kept(err.Error())
	}
	return nil
}
