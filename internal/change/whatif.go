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
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// whatIf is what a change would make of one head of main. It is worked out in memory and judged as a whole.
type whatIf struct {
	change        *running
	head          string
	before, after *layout.Tree
	// edits of files that differ from the head.
	edits []layout.Edit
	done  []done
	saved []client.Object
	gone  []rules.Subject
	// unresolved are the fields, by object, whose names could not be translated. Each is a violation already. The rest
	// of the object is judged all the same, so that all violations are told at once.
	unresolved map[rules.Subject][]string
	// written are the names by which the caller wrote products and code repos, by their ids. names are those that
	// answers say, once they are needed.
	written map[string]string
	names   *names

	violations Violations
	warnings   []string
}

// workOut applies the operations to what main held at a head.
func (ch *running) workOut(ctx context.Context, base *gitrepo.Snapshot) (*whatIf, error) {
	tree := treeOf(base)
	w := &whatIf{change: ch, head: headOf(base), before: tree, after: tree, unresolved: map[rules.Subject][]string{},
		written: map[string]string{}}
	touched := map[rules.Subject]int{}
	for i, op := range inOrder(ch.ops) {
		err := goOn(ctx, i)
		if err == nil {
			err = w.nameResource(ctx, op)
		}
		if err == nil {
			err = touchedOnce(touched, op)
		}
		if err == nil {
			err = w.apply(ctx, op)
		}
		if err != nil {
			return nil, inBatch(len(ch.ops), op.index, err)
		}
	}
	w.dropUnchanged()
	if size := w.after.Bytes(); size > layout.MaxTreeBytes && size > w.before.Bytes() {
		return nil, problem.New(problem.Invalid, problem.ReasonRepositoryTooLarge,
			"with this change %s would take more than the %d MiB that are read of it: remove something first",
			identity.DefaultProject, layout.MaxTreeBytes>>20)
	}
	return w, nil
}

// inOrder puts saved code repos first, because other operations may name them.
func inOrder(ops []*operation) []*operation {
	var first, rest []*operation
	for _, op := range ops {
		if op.kind == "CodeRepo" && !op.remove {
			first = append(first, op)
		} else {
			rest = append(rest, op)
		}
	}
	return append(first, rest...)
}

// touchedOnce refuses two operations on one object, because the result would depend on their order. An object may be
// named in two ways.
func touchedOnce(touched map[rules.Subject]int, op *operation) error {
	subject := rules.Subject{Kind: op.kind, Name: op.resource}
	if other, twice := touched[subject]; twice {
		return badRequest(
			"%s %q is the same object as that of document %d: remove one", op.kind, oneLine(op.name), other+1)
	}
	touched[subject] = op.index
	return nil
}

// apply applies one operation to the result of those before it.
func (w *whatIf) apply(ctx context.Context, op *operation) error {
	ch := w.change
	entry := w.after.First(op.kind, op.resource)
	if op.remove && entry == nil {
		begun, err := ch.deletionBegan(ctx, op)
		if err == nil && !begun {
			err = ch.nothingToDelete(ctx, op)
		}
		return err
	}
	if err := ch.conditions.hold(ctx, entry, w.sameFileAt); err != nil {
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
	obj, err := w.wanted(ctx, op, entry)
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

// sameFileAt compares the file of an object with what it was at a commit.
func (w *whatIf) sameFileAt(ctx context.Context, commit string, now *layout.Entry) (bool, error) {
	if commit == w.head {
		return true, nil
	}
	return w.change.repos.SameAt(ctx, w.change.remote(), commit, now.File, now.Blob)
}

// deletionBegan says whether an earlier change removed the code repo and left its GitLab project. The history of main
// tells. A project that never was a code repo is not deleted.
func (ch *running) deletionBegan(ctx context.Context, op *operation) (bool, error) {
	if op.kind != "CodeRepo" || !ch.request.DeleteRepository || ch.head == "" {
		return false, nil
	}
	repo := newHostedRepo(op.name, nil)
	err := repo.find(ctx, ch.access)
	if problem.Is(err, problem.Missing) || err == nil && (repo.project == nil || repo.project.MarkedForDeletion) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	history, err := ch.host.NewestCommits(ctx, ch.caller.Token, ch.project.ID, identity.Branch)
	if err != nil {
		return false, fmt.Errorf("reading whether the code repo was removed: %w", err)
	}
	removal := done{deleted: true, kind: op.kind, name: identity.CodeRepo(repo.project.ID)}.String()
	for _, c := range history {
		for line := range strings.Lines(c.Message) {
			if strings.TrimPrefix(strings.TrimSpace(line), "- ") == removal {
				op.resource = identity.CodeRepo(repo.project.ID)
				return true, nil
			}
		}
	}
	return false, nil
}

// nameResource finds the resource name of a code repo that is named by its path.
func (w *whatIf) nameResource(ctx context.Context, op *operation) error {
	ch := w.change
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
		if err := op.repo.find(ctx, ch.access); err != nil {
			return err
		}
	}
	op.resource = op.standIn(identity.CodeRepoPrefix) // for the project that is still to be made
	if op.repo.project != nil {
		op.resource = identity.CodeRepo(op.repo.project.ID)
	}
	return nil
}

// standIn is a name that no object has. Each operation has its own.
func (op *operation) standIn(prefix string) string { return fmt.Sprintf("%s0%d", prefix, op.index) }

// wanted returns the object as it is to be saved.
func (w *whatIf) wanted(ctx context.Context, op *operation, entry *layout.Entry) (client.Object, error) {
	var stored client.Object
	if entry != nil {
		stored = entry.Object
	}
	obj := op.onto(stored)
	if stored == nil {
		w.keepProtected(ctx, op, obj)
	}
	for _, member := range wire.Keep(obj, stored, op.absent) {
		w.warnings = append(w.warnings, warning("KEPT", "", fmt.Sprintf(
			"%s %s keeps spec.%s, which the document does not mention; null there resets it",
			op.kind, op.name, member)))
	}
	obj.SetName(op.resource)
	if op.body != nil {
		setProduct(obj, w.change.product)
	}
	if op.repo != nil {
		op.repo.fill(obj, op.resource, w.change.service.CodeRepoProvider)
	}
	if err := w.translate(ctx, op, obj); err != nil {
		return nil, err
	}
	clean(obj, w.change.product)
	return obj, nil
}

// translate turns human names into resource names. An unknown name is a violation, also where checks are skipped.
func (w *whatIf) translate(ctx context.Context, op *operation, obj client.Object) error {
	ch := w.change
	// put sets a field to the id that was found, or to a stand-in if the name is unknown. It returns any other error.
	put := func(field string, into *string, prefix, id string, err error) error {
		p := problem.As(err)
		switch {
		case err == nil:
			*into = id
			return nil
		case p == nil || p.Class != problem.Missing && p.Class != problem.Conflict:
			return err
		}
		*into = op.standIn(prefix)
		subject := rules.Subject{Kind: op.kind, Namespace: ch.product, Name: op.resource}
		w.unresolved[subject] = append(w.unresolved[subject], field)
		w.violations = w.violations.with(op.violation(problem.New(p.Class, p.Reason, "%s", p.Message).At(field)))
		return nil
	}
	if ref := codeRepoOf(obj); ref != nil {
		id, err := ch.lookups.codeRepo(ctx, w.after, *ref)
		w.wrote(id, *ref)
		if op.kind == "CodeRepoBinding" { // it lends what its own product has
			_, id, _ = cutLast(id)
		}
		if err := put(codeRepoField(op.kind), ref, identity.CodeRepoPrefix, id, err); err != nil {
			return err
		}
	}
	if b, ok := obj.(*api.CodeRepoBinding); ok {
		id, err := ch.lookups.product(ctx, b.Spec.Product)
		w.wrote(id, b.Spec.Product)
		return put("spec.product", &b.Spec.Product, identity.ProductPrefix, id, err)
	}
	if op.object == nil {
		return nil
	}
	// The CRD form names its product itself, by id or by path. The rules refuse another product.
	w.wrote(ch.product, kinds.ProductOf(obj))
	if product := kinds.ProductOf(obj); product == "" || strings.EqualFold(product, ch.path) {
		setProduct(obj, ch.product)
	}
	return nil
}

// clean removes what a file does not hold, and puts the object into the namespace of its product.
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
