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
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
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
	// unresolved are objects with a name that cannot be translated, and the fields where it stands. That is a violation already; the rest of
	// them is judged as well, so that all violations are told at once.
	unresolved map[rules.Subject][]string

	violations Violations
	warnings   []string
}

// evaluate works out and judges the change on a head.
func (s *Service) evaluate(ctx context.Context, ch *running, base *gitrepo.Snapshot) (*whatIf, error) {
	ch.judged = headOf(base)
	w := &whatIf{before: treeOf(base), unresolved: map[rules.Subject][]string{}}
	w.after = w.before
	touched := map[rules.Subject]int{}
	for n, i := range inOrder(ch.ops) {
		op := ch.ops[i]
		err := goOn(ctx, n)
		if err == nil {
			err = s.nameResource(ctx, ch, w, i)
		}
		if err == nil {
			err = touchedOnce(touched, op, i)
		}
		if err == nil {
			err = s.apply(ctx, ch, w, i)
		}
		if err != nil {
			return nil, inBatch(len(ch.ops), i, err)
		}
	}
	w.dropUnchanged()
	if size := w.after.Bytes(); size > layout.MaxTreeBytes && size > w.before.Bytes() {
		return nil, problem.New(problem.Invalid, problem.ReasonRepositoryTooLarge, "with this change %s would take more than the %d MiB that are read of it: remove something first",
			DefaultProject, layout.MaxTreeBytes>>20)
	}
	if len(w.edits) > 0 || len(w.unresolved) > 0 {
		if err := s.judge(ctx, ch, w); err != nil {
			return nil, err
		}
	}
	w.warnings = append(w.warnings, warningsOf(w.after, ch.product)...)
	return w, nil
}

// inOrder puts code repos that are saved before what may name them.
func inOrder(ops []*operation) []int {
	var first, rest []int
	for i, op := range ops {
		if op.kind == "CodeRepo" && !op.remove {
			first = append(first, i)
		} else {
			rest = append(rest, i)
		}
	}
	return append(first, rest...)
}

// touchedOnce refuses two operations on one object, which may be named in two ways: what would become of it depends on their order.
func touchedOnce(touched map[rules.Subject]int, op *operation, i int) error {
	subject := rules.Subject{Kind: op.kind, Name: op.resource}
	if other, twice := touched[subject]; twice {
		return badRequest("%s %q is the same object as that of document %d: remove one", op.kind, oneLine(op.name), other+1)
	}
	touched[subject] = i
	return nil
}

// apply puts one operation on top of those before it.
func (s *Service) apply(ctx context.Context, ch *running, w *whatIf, i int) error {
	op := ch.ops[i]
	entry := w.after.First(op.kind, op.resource)
	if op.remove && entry == nil {
		begun, err := s.deletionBegan(ctx, ch, op)
		if err == nil && !begun {
			err = noResource(op.kind, op.name, ch.path)
		}
		return err
	}
	if err := ch.conditions.hold(ctx, entry, ch.sameFileAt(s)); err != nil {
		return err
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
	obj, err := s.wanted(ctx, ch, w, i, entry)
	if err != nil {
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
func (s *Service) nameResource(ctx context.Context, ch *running, w *whatIf, i int) error {
	op := ch.ops[i]
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
	op.resource = standIn("repo-", i) // for the project that is still to be made
	if op.repo.project != nil {
		op.resource = repoName(op.repo.project.ID)
	}
	return nil
}

// standIn is a name that nothing has, another one for each operation.
func standIn(prefix string, i int) string { return fmt.Sprintf("%s0%d", prefix, i) }

// wanted returns the object as it is to be saved.
func (s *Service) wanted(ctx context.Context, ch *running, w *whatIf, i int, entry *layout.Entry) (client.Object, error) {
	op := ch.ops[i]
	var stored client.Object
	if entry != nil {
		stored = entry.Object
	}
	obj := op.onto(stored)
	for _, member := range wire.Keep(obj, stored, op.absent) {
		w.warnings = append(w.warnings, warning("KEPT", "", fmt.Sprintf("%s %s keeps spec.%s, which the document does not mention; null there resets it", op.kind, op.name, member)))
	}
	obj.SetName(op.resource)
	if op.body != nil {
		setProduct(obj, ch.product)
	}
	if op.repo != nil {
		op.repo.fill(obj, op.resource, s.CodeRepoProvider)
	}
	if err := s.translate(ctx, ch, w, i, obj); err != nil {
		return nil, err
	}
	clean(obj, ch.product)
	return obj, nil
}

// translate turns human names into resource names. One that nobody knows is a violation which cannot be skipped.
func (s *Service) translate(ctx context.Context, ch *running, w *whatIf, i int, obj client.Object) error {
	op := ch.ops[i]
	// put sets a field to what was looked up, or to a stand-in; it returns what could not be looked up.
	put := func(field string, into *string, prefix, id string, err error) error {
		p := problem.As(err)
		switch {
		case err == nil:
			*into = id
			return nil
		case p == nil || p.Class != problem.Missing && p.Class != problem.Conflict:
			return err
		}
		*into = standIn(prefix, i)
		subject := rules.Subject{Kind: op.kind, Namespace: ch.product, Name: op.resource}
		w.unresolved[subject] = append(w.unresolved[subject], field)
		w.violations = w.violations.with(op.violation(problem.New(p.Class, p.Reason, "%s", p.Message).At(field)))
		return nil
	}
	if ref := codeRepoOf(obj); ref != nil {
		id, err := ch.lookups.codeRepo(ctx, w.after, *ref)
		if op.kind == "CodeRepoBinding" { // it lends what its own product has
			_, id, _ = cutLast(id)
		}
		if err := put(codeRepoField(op.kind), ref, "repo-", id, err); err != nil {
			return err
		}
	}
	if b, ok := obj.(*api.CodeRepoBinding); ok {
		id, err := ch.lookups.product(ctx, b.Spec.Product)
		return put("spec.product", &b.Spec.Product, "product-", id, err)
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
