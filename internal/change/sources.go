package change

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

const (
	// maxSources is how many sources of one change are looked at, and sourceTime how long that may take in all.
	maxSources = 20
	sourceTime = 3 * time.Second
)

// lookAtSources warns of saved runtimes whose revision or path the code repo does not have, as the caller sees it. It
// refuses nothing: people may push to the code repo after this. Where the git host does not tell, nothing is said.
func (w *whatIf) lookAtSources(ctx context.Context) []string {
	var runtimes []*api.DeploymentRuntime
	for _, o := range w.saved {
		if r, is := o.(*api.DeploymentRuntime); is && w.hasNewSource(r) && len(runtimes) < maxSources {
			runtimes = append(runtimes, r)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, sourceTime)
	defer cancel()
	found := make([]githost.Directory, len(runtimes))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, r := range runtimes {
		g.Go(func() error {
			found[i] = w.directoryOf(ctx, r)
			return nil
		})
	}
	_ = g.Wait() // they return no error
	var warnings []string
	for i, r := range runtimes {
		if said := w.absent(r, found[i]); said != "" {
			warnings = append(warnings, said)
		}
	}
	return warnings
}

// hasNewSource says whether the change lets the runtime be deployed from somewhere else.
func (w *whatIf) hasNewSource(r *api.DeploymentRuntime) bool {
	entry := w.before.First("DeploymentRuntime", r.Name)
	if entry == nil {
		return true
	}
	was, is := entry.Object.(*api.DeploymentRuntime)
	return !is || was.Spec.ManifestSource != r.Spec.ManifestSource
}

// directoryOf asks the git host with the caller's token. Without an answer everything counts as there.
func (w *whatIf) directoryOf(ctx context.Context, r *api.DeploymentRuntime) githost.Directory {
	_, name := identity.CodeRepoOf(r)
	there := githost.Directory{Revision: true, Path: true}
	id, isID := identity.ProjectOf(name)
	if !isID {
		return there
	}
	s := r.Spec.ManifestSource
	found, err := w.change.host.Directory(ctx, w.change.caller.Token, id, s.TargetRevision, s.Path)
	if err != nil {
		return there
	}
	return found
}

// absent says what is missing; "" where nothing is.
func (w *whatIf) absent(r *api.DeploymentRuntime, found githost.Directory) string {
	s := r.Spec.ManifestSource
	var code, said string
	switch {
	case !found.Revision && s.TargetRevision == placement.Head:
		code, said = wire.WarningRevisionNotFound, fmt.Sprintf("code repo %q has no commit yet: push one; nothing is "+
			"deployed until it is there", s.CodeRepo)
	case !found.Revision:
		code, said = wire.WarningRevisionNotFound, fmt.Sprintf("code repo %q has no branch, tag or commit %q: push it, or "+
			"correct spec.manifestSource.targetRevision; nothing is deployed until it is there", s.CodeRepo, s.TargetRevision)
	case !found.Path:
		code, said = wire.WarningPathNotFound, fmt.Sprintf("revision %q of code repo %q has no directory %q: push it, or "+
			"correct spec.manifestSource.path; nothing is deployed until it is there", s.TargetRevision, s.CodeRepo, s.Path)
	default:
		return ""
	}
	for _, op := range w.change.ops {
		if op.body != nil && op.kind == "DeploymentRuntime" && op.resource == r.Name {
			said = wire.Sentence(op.kind, said)
		}
	}
	return warning(code, "", fmt.Sprintf("DeploymentRuntime %s: %s", r.Name, w.spoken(said)))
}
