package rules

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// Referrer is an object of the same product that needs another.
type Referrer struct {
	Subject
	// Field is the field that names the other object; empty when only a record names it.
	Field string
	// Recorded says that the record of the runtime names the other object.
	Recorded bool
}

// Deletion is the result of the rules for deleting one object.
type Deletion struct {
	// Referrers need the object, so it must not be deleted. They are in the order of kinds and names.
	Referrers []Referrer
	// Violations is one problem of class Conflict and reason InUse when there are Referrers.
	Violations []*problem.Problem
	// Warnings do not refuse the deletion.
	Warnings []*problem.Problem
	// Unchecked names the rules that could not be checked, as in a Verdict.
	Unchecked []string
}

// InUse says which objects need an object that is to be deleted. The object is a Product or lies in one. l holds the
// objects without those that are deleted together with it.
//
// A runtime needs the objects that its spec names, and the environment and code repo that its record names. The two
// differ, for example, after a refused change of the destination. A runtime that is deleted itself needs nothing,
// although its removal takes time, because the removal needs only the record. Nobody needs a binding: it is deleted to
// take a permission away, and a warning names the consequences.
func InUse(ctx context.Context, l Lookup, obj client.Object) (Deletion, error) {
	if binding, is := obj.(*api.CodeRepoBinding); is {
		return withoutBinding(ctx, l, binding)
	}
	subject := SubjectOf(obj)
	if subject.Kind != "Product" && !liesInAProduct(obj) {
		return Deletion{}, fmt.Errorf("looking for who needs a %T: there are no rules for it", obj)
	}
	product := subject.Namespace
	if subject.Kind == "Product" {
		product = subject.Name
	}
	neighbours, err := Objects(ctx, l, product)
	if err != nil {
		return Deletion{}, err
	}
	records, err := l.RecordsOf(ctx, product)
	if failed(err) {
		return Deletion{}, err
	}
	var d Deletion
	stands := map[string]bool{}
	for _, n := range neighbours {
		if _, ok := n.(*api.DeploymentRuntime); ok {
			stands[n.GetName()] = true
		}
		if field, refers := refersTo(n, subject); refers {
			d.Referrers = append(d.Referrers, Referrer{Subject: SubjectOf(n), Field: field})
		}
	}
	d.addRecorded(subject, stands, records)
	if err != nil && (subject.Kind == "Environment" || subject.Kind == "CodeRepo" || subject.Kind == "Product") {
		d.Unchecked = []string{api.ReasonInUse}
	}
	slices.SortFunc(d.Referrers, func(a, b Referrer) int { return a.Subject.compare(b.Subject) })
	if len(d.Referrers) > 0 {
		d.Violations = only(problem.New(problem.Conflict, api.ReasonInUse,
			"%s %q is needed by %s: delete what needs it first, or let that use another", subject.Kind, subject.Name,
			describe(d.Referrers)))
	}
	return d, nil
}

// refersTo returns the first field with which the object names the subject. Every object of a product refers to the
// Product.
func refersTo(obj client.Object, s Subject) (string, bool) {
	if s.Kind == "Product" {
		return "metadata.namespace", obj.GetNamespace() == s.Name
	}
	for ref := range kinds.References(obj) {
		if ref.Kind == s.Kind && ref.Namespace == s.Namespace && ref.Name == s.Name {
			return ref.Field, true
		}
	}
	return "", false
}

// addRecorded adds the runtimes whose records need the subject. stands holds the names of the runtimes that are not
// deleted.
func (d *Deletion) addRecorded(s Subject, stands map[string]bool, records []Record) {
	var leaving []string
	for i := range records {
		rec := &records[i]
		if !needs(rec, s) {
			continue
		}
		// A Product must stay until the last removal of its runtimes is finished.
		if s.Kind != "Product" && !stands[rec.Runtime.Name] {
			leaving = append(leaving, rec.Runtime.Name)
			continue
		}
		d.add(Referrer{Subject: Subject{Kind: "DeploymentRuntime", Namespace: rec.Runtime.Namespace,
			Name: rec.Runtime.Name}, Recorded: true})
	}
	if len(leaving) > 0 {
		d.Warnings = append(d.Warnings, problem.New(problem.Conflict, api.ReasonInUse,
			"%s %q: %s not removed yet; the removal goes on without it", s.Kind, s.Name, runtimesAre(leaving)))
	}
}

// needs says whether the recorded runtime needs the subject.
func needs(rec *Record, s Subject) bool {
	switch s.Kind {
	case "Environment":
		return rec.Destination.Environment == s.Name
	case "CodeRepo":
		return rec.CodeRepo == s.Name && (rec.RepoProduct == s.Namespace || rec.RepoProduct == "")
	}
	return s.Kind == "Product"
}

// add adds a referrer. If it is there already, add only marks it as recorded.
func (d *Deletion) add(r Referrer) {
	for i := range d.Referrers {
		if d.Referrers[i].Subject == r.Subject {
			d.Referrers[i].Recorded = true
			return
		}
	}
	d.Referrers = append(d.Referrers, r)
}

// describe returns "Project shop, DeploymentRuntime api, DeploymentRuntime web and 2 more".
func describe(referrers []Referrer) string {
	const shown = 5
	var names []string
	for _, r := range referrers {
		names = append(names, r.Kind+" "+r.Name)
	}
	return text.Few(names, shown)
}

// withoutBinding warns of the permissions that are lost with a binding.
func withoutBinding(ctx context.Context, l Lookup, b *api.CodeRepoBinding) (Deletion, error) {
	bindings, err := resolve.List[api.CodeRepoBinding](ctx, l, b.Namespace)
	if err != nil {
		return Deletion{}, err
	}
	left := slices.DeleteFunc(slices.Clone(bindings), func(o *api.CodeRepoBinding) bool { return o.Name == b.Name })
	before := append(slices.Clone(left), b)
	if b.Spec.Product != b.Namespace {
		return Deletion{Warnings: takenFromOthers(b, before, left)}, nil
	}
	repo, err := resolve.Get[api.CodeRepo](ctx, l, b.Namespace, b.Spec.CodeRepo)
	if err != nil || repo == nil {
		return Deletion{}, err
	}
	runtimes, err := resolve.List[api.DeploymentRuntime](ctx, l, b.Namespace)
	if err != nil {
		return Deletion{}, err
	}
	var losing []string
	for _, r := range runtimes {
		loses := len(illegalProjects(r, repo, left)) > len(illegalProjects(r, repo, before))
		if loses && uses(r, repo.Namespace, repo.Name) {
			losing = append(losing, r.Name)
		}
	}
	if len(losing) == 0 {
		return Deletion{}, nil
	}
	return Deletion{Warnings: only(problem.New(problem.Forbidden, api.ReasonPermissionRevoked,
		"%s not permitted to use code repo %q any more: what runs keeps running, but new commits are not deployed",
		runtimesAre(losing), repo.Name))}, nil
}

// takenFromOthers warns that another product loses a permission. It does not check whether that product uses the
// permission, because the warning would tell this product what another one deploys.
func takenFromOthers(b *api.CodeRepoBinding, before, after []*api.CodeRepoBinding) []*problem.Problem {
	if b.Spec.Product == b.Namespace {
		return nil
	}
	whole, projects := bindingsOf(before, b.Spec.CodeRepo, b.Spec.Product)
	wholeLeft, projectsLeft := bindingsOf(after, b.Spec.CodeRepo, b.Spec.Product)
	kept := wholeLeft || !whole &&
		!slices.ContainsFunc(projects, func(p string) bool { return !slices.Contains(projectsLeft, p) })
	if kept {
		return nil
	}
	return only(problem.New(problem.Forbidden, api.ReasonPermissionRevoked,
		"the product that code repo %q is lent to loses a permission: whatever it deploys from there keeps running, "+
			"but new commits are not deployed",
		b.Spec.CodeRepo).At("spec.projects"))
}
