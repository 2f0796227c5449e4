package change

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/tracing"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// judge works out the change on a head, and checks it. A refusal is an error.
func (ch *running) judge(ctx context.Context, base *gitrepo.Snapshot) (*whatIf, error) {
	leave, _, err := ch.service.queues.enterWork(ctx, ch.access)
	if err != nil {
		return nil, err
	}
	defer leave()
	w, err := ch.evaluate(ctx, base)
	if err != nil {
		return nil, err
	}
	ch.out.Warnings = collected(ch.unknown, w.warnings)
	if len(w.violations) > 0 {
		ch.out.Verdict, ch.out.Violations = wire.VerdictRefused, w.violations
		return nil, refusal(w.violations)
	}
	return w, nil
}

// evaluate is judge for a caller who has a turn already. A refusal is in the violations.
func (ch *running) evaluate(ctx context.Context, base *gitrepo.Snapshot) (*whatIf, error) {
	ctx, span := tracing.Child(ctx, "judge")
	defer span.End()
	w, err := ch.workOut(ctx, base)
	if err != nil {
		return nil, err
	}
	if len(w.edits) > 0 || len(w.unresolved) > 0 {
		if err := w.check(ctx); err != nil {
			return nil, err
		}
	}
	w.warnings = append(w.warnings, warningsOf(w.after, ch.product)...)
	span.Number("edits", len(w.edits))
	span.Number("violations", len(w.violations))
	span.Result(tracing.ResultOK)
	if len(w.violations) > 0 {
		span.Result("Refused")
	}
	return w, nil
}

// check asks the schema and then the rules. The schema is asked also where the rules are to be skipped. The rules are
// not asked about an object that the schema refuses, because its fields may mean anything. They are still asked about
// all others.
func (w *whatIf) check(ctx context.Context) error {
	ch := w.change
	var sound []client.Object
	for _, o := range w.saved {
		problems := ch.service.Schema.Check(o) //nolint:contextcheck // judged in memory: there is nothing to cancel
		if len(problems) == 0 {
			sound = append(sound, o)
		}
		for _, p := range problems {
			w.violations = w.violations.with(w.violation(rules.SubjectOf(o), p))
		}
	}
	if err := w.foretell(ctx); err != nil {
		return err
	}
	if ch.request.SkipCheck {
		w.saySkipped(ctx, sound)
		return nil
	}
	rest := ch.rest(ctx)
	j, err := w.askRules(ctx, sound, rest)
	if err == nil {
		if more := w.onTheWay(ctx, j, rest); more != nil {
			j, err = w.askRules(ctx, sound, more)
		}
	}
	if err != nil && ch.service.Management != nil && ctx.Err() == nil {
		// A management cluster that does not answer stops no save: the rules that need it go unchecked, and the
		// operator checks them later.
		j, err = w.askRules(ctx, sound, nil)
	}
	if err != nil {
		return fmt.Errorf("judging the change: %w", err)
	}
	w.heed(j)
	return nil
}

// heed adopts the findings of the rules, except those about a field with a stand-in: the name that could not be
// translated is a violation already. With stand-ins there are no warnings, because they may follow from one.
func (w *whatIf) heed(j rules.Judgement) {
	for _, f := range j.Violations {
		if !slices.Contains(w.unresolved[f.Subject], f.Problem.Field) {
			w.violations = w.violations.with(w.violation(f.Subject, f.Problem))
		}
	}
	if len(w.unresolved) == 0 {
		w.warn(j.Warnings)
	}
	for _, rule := range j.Unchecked {
		w.warnings = append(w.warnings,
			wire.Unchecked(rule, "the management cluster could not be asked; the operator will judge it"))
	}
}

// saySkipped warns of each violation that is not looked at, because the caller skips the rules.
func (w *whatIf) saySkipped(ctx context.Context, sound []client.Object) {
	j, err := w.askRules(ctx, sound, w.change.rest(ctx))
	if err != nil { // the caller wants no rules, and what they say is of no consequence
		return
	}
	for _, f := range j.Violations {
		w.warnings = append(w.warnings, wire.Skipped(f.Problem.Reason, w.spoken(fmt.Sprintf("%s %s: %s", f.Kind, f.Name,
			f.Problem.Message))))
	}
}

// foretell warns of deletions that are not the end of what is deleted. A management cluster that does not answer stops no
// deletion.
func (w *whatIf) foretell(ctx context.Context) error {
	if len(w.gone) == 0 {
		return nil
	}
	found, err := rules.Consequences(ctx, w.changed(w.saved, w.change.rest(ctx)))
	if ctx.Err() != nil {
		return fmt.Errorf("asking what becomes of the deletion: %w", ctx.Err())
	}
	if err != nil {
		found = nil
		w.warnings = append(w.warnings, wire.Unchecked(api.ReasonTeardownHeld,
			"the management cluster could not be asked whether the removal will be held"))
	}
	w.warn(found)
	return nil
}

// warn turns findings into warnings. The code of a warning is the reason of the finding.
func (w *whatIf) warn(findings []rules.Finding) {
	for _, f := range findings {
		said := fmt.Sprintf("%s %s: %s", f.Kind, f.Name, f.Problem.Message)
		w.warnings = append(w.warnings, warning(strings.ToUpper(wire.Snake(f.Problem.Reason)), "", w.spoken(said)))
	}
}

func (w *whatIf) askRules(ctx context.Context, saved []client.Object, rest rules.Lookup) (rules.Judgement, error) {
	return rules.CheckChange(ctx, w.changed(saved, rest), w.change.service.SystemNamespaces)
}

// changed is what the rules are asked about.
func (w *whatIf) changed(saved []client.Object, rest rules.Lookup) rules.Change {
	before := w.change.catalog(w.before, rest)
	c := rules.Change{Before: before, After: before.With(w.after), Deleted: w.gone}
	for _, o := range saved {
		c.Saved = append(c.Saved, rules.SubjectOf(o))
	}
	return c
}

// rest is the management cluster, which holds what lies in no tree. It is nil if it cannot be asked.
func (ch *running) rest(ctx context.Context) rules.Lookup {
	if m := ch.service.management.of(ctx, ch.access); m != nil {
		return m
	}
	return nil
}

// catalog is what the rules read: the product's objects from a tree, all others from rest.
func (ch *running) catalog(tree *layout.Tree, rest rules.Lookup) *catalog.Tree {
	product := &api.Product{Spec: api.ProductSpec{Name: ch.path, MetaDataPath: ch.project.PublicURL}}
	product.Name = ch.product
	return catalog.NewTree(product, tree, rest)
}

// violation returns a problem of any object as a violation. If the caller sent the object, it uses the words of the
// form that was sent.
func (ch *running) violation(of rules.Subject, p *problem.Problem) wire.Violation {
	for _, op := range ch.ops {
		if op.kind == of.Kind && op.resource == of.Name {
			return op.violation(p)
		}
	}
	return wire.Violation{
		Rule: p.Reason, Field: p.Field, Message: fmt.Sprintf("%s %s: %s", of.Kind, of.Name, p.Message),
		Params: map[string]string{"kind": of.Kind, "name": of.Name},
	}
}
