package change

import (
	"context"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
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
