package change

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// judge asks the schema, which always counts, and the rules, unless they are to be skipped. The rules are not asked about an object that the
// schema refuses: what its fields mean is not known. Those about others are asked all the same.
func (s *Service) judge(ctx context.Context, ch *running, w *whatIf) error {
	var sound []client.Object
	for _, o := range w.saved {
		problems := s.Schema.Check(o) //nolint:contextcheck // judged in memory: there is nothing to cancel
		if len(problems) == 0 {
			sound = append(sound, o)
		}
		for _, p := range problems {
			w.violations = w.violations.with(ch.violation(rules.SubjectOf(o), p))
		}
	}
	if ch.request.SkipCheck {
		return nil
	}
	j, err := s.askRules(ctx, ch, w, sound, s.rest(ctx, ch.access))
	if err != nil && s.Management != nil && ctx.Err() == nil {
		// A management cluster that does not answer stops no save: what it knows goes unchecked, and the operator judges it later.
		j, err = s.askRules(ctx, ch, w, sound, nil)
	}
	if err != nil {
		return fmt.Errorf("judging the change: %w", err)
	}
	w.heed(ch, j)
	return nil
}

// heed takes over what the rules say, but not what a stand-in makes them say: neither of the name itself, which is a violation already, nor of
// what would follow from it.
func (w *whatIf) heed(ch *running, j rules.Judgement) {
	for _, f := range j.Violations {
		if !slices.Contains(w.unresolved[f.Subject], f.Problem.Field) {
			w.violations = w.violations.with(ch.violation(f.Subject, f.Problem))
		}
	}
	for _, f := range j.Warnings {
		if len(w.unresolved) == 0 {
			w.warnings = append(w.warnings, warning(strings.ToUpper(wire.Snake(f.Problem.Reason)), "", fmt.Sprintf("%s %s: %s", f.Kind, f.Name, f.Problem.Message)))
		}
	}
	for _, rule := range j.Unchecked {
		w.warnings = append(w.warnings, wire.Unchecked(rule, "the management cluster could not be asked; the operator will judge it"))
	}
}

func (s *Service) askRules(ctx context.Context, ch *running, w *whatIf, saved []client.Object, rest rules.Lookup) (rules.Judgement, error) {
	before := ch.catalog(w.before, rest)
	c := rules.Change{Before: before, After: before.With(w.after), Deleted: w.gone}
	for _, o := range saved {
		c.Saved = append(c.Saved, rules.SubjectOf(o))
	}
	return rules.CheckChange(ctx, c, s.SystemNamespaces)
}

// rest is who knows what lies in no tree; nil is nobody.
func (s *Service) rest(ctx context.Context, a *access) rules.Lookup {
	if m := s.managementOf(ctx, a); m != nil {
		return newLenders(m)
	}
	return nil
}

// catalog is what the rules look at: the product's objects from a tree, the rest from the management cluster.
func (ch *running) catalog(tree *layout.Tree, rest rules.Lookup) *catalog.Tree {
	product := &api.Product{Spec: api.ProductSpec{Name: ch.path, MetaDataPath: ch.project.PublicURL}}
	product.Name = ch.product
	return catalog.NewTree(product, tree, rest)
}

// violation returns a problem of any object as a violation; of one that the caller sent, in the words of its form.
func (ch *running) violation(of rules.Subject, p *problem.Problem) wire.Violation {
	for _, op := range ch.ops {
		if op.kind == of.Kind && op.resource == of.Name {
			return op.violation(p)
		}
	}
	return wire.Violation{Rule: p.Reason, Field: p.Field, Message: fmt.Sprintf("%s %s: %s", of.Kind, of.Name, p.Message), Params: map[string]string{"kind": of.Kind, "name": of.Name}}
}

// plans says where the saved runtimes would go.
func (s *Service) plans(ctx context.Context, ch *running, w *whatIf) []wire.Plan {
	var plans []wire.Plan
	l := ch.catalog(w.before, s.rest(ctx, ch.access)).With(w.after)
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
