package change

import (
	"context"
	"fmt"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// preview says what the change would do. A refusal is a verdict; any other failure is an error.
func (ch *running) preview(ctx context.Context) error {
	out := ch.out
	leave, _, err := ch.service.queues.enterWork(ctx, ch.access)
	if err != nil {
		return err
	}
	defer leave()
	base, err := ch.read(ctx, ch.request.Product, ch.purpose())
	if err != nil {
		return err
	}
	out.Product, out.Base, out.Commit = ch.product, headOf(base), headOf(base)
	w, err := ch.evaluate(ctx, base)
	if err != nil {
		return err
	}
	if len(w.unresolved) == 0 { // else nobody knows what would be written
		if out.Diff, err = w.before.Diff(w.edits); err != nil {
			return fmt.Errorf("writing the diff: %w", err)
		}
	}
	if len(w.violations) > 0 {
		out.Warnings = collected(ch.unknown, w.warnings)
		return finish(ch.request, out, w.violations)
	}
	out.Plan = w.plans(ctx)
	out.Verdict = wire.VerdictSave
	if len(w.edits) == 0 { // refused by nobody, but whether it is still right is told: a job on main asks for that
		out.Verdict = wire.VerdictUnchanged
		if err := w.check(ctx); err != nil {
			return err
		}
		out.Violations = w.violations
	}
	out.Warnings = collected(ch.unknown, w.warnings, w.lookAtSources(ctx))
	return nil
}

// plans says where the saved runtimes would go.
func (w *whatIf) plans(ctx context.Context) []wire.Plan {
	var plans []wire.Plan
	l := w.change.catalog(w.before, w.change.rest(ctx)).With(w.after)
	for _, o := range w.saved {
		r, ok := o.(*api.DeploymentRuntime)
		if !ok {
			continue
		}
		res, err := resolve.DeploymentRuntime(ctx, l, r, "")
		if err != nil {
			continue // a warning says that the management cluster could not be asked
		}
		p := res.Placement
		plans = append(plans, wire.Plan{
			Name: r.Name, Cluster: p.Destination.Cluster, Server: p.Server, Namespaces: slices.Clone(p.Namespaces),
			Source: wire.Source{URL: p.RepoURL, TargetRevision: p.Revision, Path: p.Path},
		})
	}
	return plans
}
