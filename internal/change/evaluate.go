package change

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// whatIf is what a change would make of one head of main: worked out in memory, judged as a whole.
type whatIf struct {
	before, after *layout.Tree
	// edits of files that differ from the head.
	edits []layout.Edit
	done  []done
	saved []client.Object
	gone  []rules.Subject

	violations Violations
	warnings   []string
}

// evaluate works out and judges the change on a head.
func (s *Service) evaluate(ctx context.Context, ch *running, base *gitrepo.Snapshot) (*whatIf, error) {
	w := &whatIf{before: layout.Read(nil)}
	ch.judged = headOf(base)
	if base != nil {
		w.before = base.Tree()
	}
	w.after = w.before
	for _, op := range ch.ops {
		if err := s.apply(ctx, ch, w, op); err != nil {
			return nil, inBatch(len(ch.ops), slices.Index(ch.ops, op), err)
		}
	}
	w.dropUnchanged()
	if len(w.violations) == 0 && len(w.edits) > 0 {
		if err := s.judge(ctx, ch, w); err != nil {
			return nil, err
		}
	}
	w.warnings = append(w.warnings, warningsOf(w.after, ch.product)...)
	return w, nil
}

// apply puts one operation on top of those before it.
func (s *Service) apply(ctx context.Context, ch *running, w *whatIf, op *operation) error {
	if err := s.nameResource(ctx, ch, w, op); err != nil {
		return err
	}
	entries := w.after.Find(op.kind, op.resource)
	if op.remove && len(entries) == 0 {
		if ch.settling {
			return nil
		}
		return noResource(op.kind, op.name, ch.path)
	}
	var entry *layout.Entry
	if len(entries) > 0 {
		entry = entries[0]
	}
	if !ch.settling {
		if err := ch.conditions.hold(ctx, entry, ch.sameFileAt(s)); err != nil {
			return err
		}
	}
	if op.remove {
		edits, err := layout.Remove(w.after, op.kind, op.resource)
		if err != nil {
			return err
		}
		w.gone = append(w.gone, rules.Subject{Kind: op.kind, Namespace: ch.product, Name: op.resource})
		w.take(edits, done{deleted: true, kind: op.kind, name: op.resource})
		return nil
	}
	obj, err := s.wanted(ctx, ch, w, op, entry)
	if obj == nil || err != nil {
		return err
	}
	edits, changed, err := layout.Save(w.after, obj)
	if err != nil {
		return err
	}
	w.saved = append(w.saved, obj)
	if changed {
		w.take(edits, done{kind: op.kind, name: op.resource})
	}
	return nil
}

// nameResource finds the resource name of a code repo that is named by its path.
func (s *Service) nameResource(ctx context.Context, ch *running, w *whatIf, op *operation) error {
	if op.kind != "CodeRepo" || op.object != nil {
		return nil
	}
	if op.repo == nil {
		for id, path := range namesOf(ch.access, w.after).own {
			if path == op.name {
				op.resource = id
			}
		}
		return nil
	}
	if op.repo.project == nil {
		if err := op.repo.find(ctx, s, ch.access); err != nil {
			return err
		}
	}
	op.resource = "repo-" + strings.Repeat("0", slices.Index(ch.ops, op)+1) // stands for the project that is still to be made
	if op.repo.project != nil {
		op.resource = repoName(op.repo.project.ID)
	}
	return nil
}

// wanted returns the object as it is to be saved, or nil where a name in it cannot be translated: that is a violation which cannot be skipped.
func (s *Service) wanted(ctx context.Context, ch *running, w *whatIf, op *operation, entry *layout.Entry) (client.Object, error) {
	var stored client.Object
	if entry != nil {
		stored = entry.Object
	}
	obj := op.onto(stored)
	obj.SetName(op.resource)
	if op.body != nil {
		setProduct(obj, ch.product)
	}
	if op.repo != nil {
		op.repo.fill(obj, op.resource, s.CodeRepoProvider)
	}
	count := len(w.violations)
	err := s.translate(ctx, ch, w, op, obj)
	if err != nil || len(w.violations) > count {
		return nil, err
	}
	clean(obj, ch.product)
	return obj, nil
}

// translate turns human names into resource names.
func (s *Service) translate(ctx context.Context, ch *running, w *whatIf, op *operation, obj client.Object) error {
	// collect keeps what is wrong with the name, and returns what could not be looked up.
	collect := func(err error, field string) error {
		p := problem.As(err)
		if p == nil || p.Class != problem.Missing && p.Class != problem.Conflict {
			return err
		}
		w.violations = append(w.violations, op.violation(problem.New(p.Class, p.Reason, "%s", p.Message).At(field)))
		return nil
	}
	if ref := codeRepoOf(obj); ref != nil {
		id, err := ch.lookups.codeRepo(ctx, w.after, *ref)
		if err != nil {
			return collect(err, codeRepoField(op.kind))
		}
		*ref = id
	}
	if b, ok := obj.(*api.CodeRepoBinding); ok {
		id, err := ch.lookups.product(ctx, b.Spec.Product)
		if err != nil {
			return collect(err, "spec.product")
		}
		b.Spec.Product = id
		return nil
	}
	if op.object == nil {
		return nil
	}
	// The CRD form names its product itself, by id or by path; another product is for the rules to refuse.
	if product := kinds.ProductOf(obj); product == "" || strings.EqualFold(product, ch.path) {
		setProduct(obj, ch.product)
	}
	return nil
}

// clean takes out what a file does not hold, and puts the object into the namespace of its product.
func clean(o client.Object, product string) {
	o.SetNamespace(product)
	o.SetUID("")
	o.SetResourceVersion("")
	o.SetGeneration(0)
	o.SetCreationTimestamp(metav1.Time{})
	o.SetDeletionTimestamp(nil)
	o.SetManagedFields(nil)
	o.SetSelfLink("")
	o.SetGenerateName("")
}

// take adds the edits of one operation; a later edit of a file replaces an earlier one.
func (w *whatIf) take(edits []layout.Edit, d done) {
	w.done = append(w.done, d)
	w.after = layout.With(w.after, edits)
	for _, e := range edits {
		if i := slices.IndexFunc(w.edits, func(o layout.Edit) bool { return o.Path == e.Path }); i >= 0 {
			w.edits[i] = e
		} else {
			w.edits = append(w.edits, e)
		}
	}
}

// dropUnchanged drops edits that leave a file as it is, as when a batch undoes itself.
func (w *whatIf) dropUnchanged() {
	w.edits = slices.DeleteFunc(w.edits, func(e layout.Edit) bool {
		before := w.before.Data(e.Path)
		return bytes.Equal(before, e.Data) && (before == nil) == (e.Data == nil)
	})
}

// judge asks the schema, which always counts, and the rules, unless they are to be skipped.
func (s *Service) judge(ctx context.Context, ch *running, w *whatIf) error {
	for _, o := range w.saved {
		for _, p := range s.Schema.Check(o) { //nolint:contextcheck // judged in memory: there is nothing to cancel
			w.violations = append(w.violations, ch.violation(rules.SubjectOf(o), p))
		}
	}
	if ch.request.SkipCheck || len(w.violations) > 0 {
		return nil
	}
	j, err := s.askRules(ctx, ch, w, s.rest())
	if err != nil && s.Management != nil && ctx.Err() == nil {
		// A management cluster that does not answer stops no save: what it knows goes unchecked, and the operator judges it later.
		j, err = s.askRules(ctx, ch, w, nil)
	}
	if err != nil {
		return fmt.Errorf("judging the change: %w", err)
	}
	for _, f := range j.Violations {
		w.violations = append(w.violations, ch.violation(f.Subject, f.Problem))
	}
	for _, f := range j.Warnings {
		w.warnings = append(w.warnings, warning(strings.ToUpper(wire.Snake(f.Problem.Reason)), "", fmt.Sprintf("%s %s: %s", f.Kind, f.Name, f.Problem.Message)))
	}
	for _, rule := range j.Unchecked {
		w.warnings = append(w.warnings, "UNCHECKED:"+rule+": the management cluster could not be asked; the operator will judge it")
	}
	return nil
}

func (s *Service) askRules(ctx context.Context, ch *running, w *whatIf, rest rules.Lookup) (rules.Judgement, error) {
	before := ch.catalog(w.before, rest)
	c := rules.Change{Before: before, After: before.With(w.after), Deleted: w.gone}
	for _, o := range w.saved {
		c.Saved = append(c.Saved, rules.SubjectOf(o))
	}
	return rules.CheckChange(ctx, c, s.SystemNamespaces)
}

// rest is who knows what lies in no tree; nil is nobody.
func (s *Service) rest() rules.Lookup {
	if s.Management == nil {
		return nil
	}
	return s.Management
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
	l := ch.catalog(w.before, s.rest()).With(w.after)
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
