package rules

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// Change is what a save or a deletion changes in a product.
type Change struct {
	// Before holds the objects as they are, After as they would be.
	Before, After Lookup
	// Saved are the objects that are new or different in After. Deleted are those that are only in Before.
	Saved, Deleted []Subject
}

// Finding is a problem of one object.
type Finding struct {
	Subject
	Problem *problem.Problem
}

// Judgement is what the rules say about a Change.
type Judgement struct {
	// Violations refuse the change. They are in a stable order: first all that is wrong with saved objects, then
	// deletions of objects that others need, then what the change would make wrong with other objects.
	Violations []Finding
	// Warnings do not refuse the change. They say what the change takes from others on purpose, and its consequences.
	Warnings []Finding
	// Referrers are the objects that need a deleted one.
	Referrers []Referrer
	// Unchecked names the rules that could not be checked for saved and deleted objects, as in a Verdict.
	Unchecked []string
}

// CheckChange judges a change as a whole.
//
// A saved object must violate no rule, not even one that it violated before the change. Other objects count only if the
// change makes something wrong with them. If another object loses a permission, this is a warning: the owner of a
// permission has the right to take it away.
func CheckChange(ctx context.Context, c Change, system SystemNamespaces) (Judgement, error) {
	var j Judgement
	touched, err := j.saved(ctx, c, system)
	if err != nil {
		return Judgement{}, err
	}
	gone, err := j.deleted(ctx, c)
	if err != nil {
		return Judgement{}, err
	}
	if err := j.others(ctx, c, append(touched, gone...), system); err != nil {
		return Judgement{}, err
	}
	return j, nil
}

// saved checks the saved objects and returns them, as they were and as they will be.
func (j *Judgement) saved(ctx context.Context, c Change, system SystemNamespaces) ([]client.Object, error) {
	var touched []client.Object
	for _, s := range c.Saved {
		after, err := s.get(ctx, c.After)
		if err != nil {
			return nil, err
		}
		if after == nil {
			return nil, fmt.Errorf("judging %s %s: it is not there after it was saved", s.Kind, s.Name)
		}
		verdict, err := Check(ctx, c.After, after, system)
		if err != nil {
			return nil, err
		}
		before, err := s.get(ctx, c.Before)
		if err != nil {
			return nil, err
		}
		if before == nil {
			verdict.Violations = stillBeingRemoved(s, verdict.Violations)
		}
		j.Violations = append(j.Violations, findings(s, verdict.Violations)...)
		j.leaveUnchecked(verdict.Unchecked)
		touched = append(touched, after)
		if before == nil {
			continue
		}
		touched = append(touched, before)
		if b, ok := before.(*api.CodeRepoBinding); ok {
			if err := j.narrowed(ctx, c, b); err != nil {
				return nil, err
			}
		}
	}
	return touched, nil
}

// deleted checks the deleted objects. It reports what other objects need. It returns the deleted bindings, because
// others may lose a permission with them.
func (j *Judgement) deleted(ctx context.Context, c Change) ([]client.Object, error) {
	var bindings []client.Object
	for _, s := range c.Deleted {
		before, err := s.get(ctx, c.Before)
		if err != nil {
			return nil, err
		}
		if before == nil {
			continue
		}
		if b, ok := before.(*api.CodeRepoBinding); ok {
			bindings = append(bindings, before)
			if err := j.narrowed(ctx, c, b); err != nil {
				return nil, err
			}
			continue
		}
		d, err := InUse(ctx, c.After, before)
		if err != nil {
			return nil, err
		}
		j.Violations = append(j.Violations, findings(s, d.Violations)...)
		j.Warnings = append(j.Warnings, findings(s, d.Warnings)...)
		j.Referrers = append(j.Referrers, d.Referrers...)
		j.leaveUnchecked(d.Unchecked)
	}
	return bindings, nil
}

// narrowed warns when a binding that is changed or deleted takes a permission from another product.
func (j *Judgement) narrowed(ctx context.Context, c Change, b *api.CodeRepoBinding) error {
	before, err := resolve.List[api.CodeRepoBinding](ctx, c.Before, b.Namespace)
	if err != nil {
		return err
	}
	after, err := resolve.List[api.CodeRepoBinding](ctx, c.After, b.Namespace)
	if err != nil {
		return err
	}
	j.Warnings = append(j.Warnings, findings(SubjectOf(b), takenFromOthers(b, before, after))...)
	return nil
}

// others checks the other objects that the change concerns, and reports what is wrong now and was not wrong before.
func (j *Judgement) others(ctx context.Context, c Change, touched []client.Object, system SystemNamespaces) error {
	concerned, err := Affected(ctx, c.After, touched...)
	if err != nil {
		return err
	}
	var before, after []Finding
	for _, obj := range concerned {
		s := SubjectOf(obj)
		verdict, err := Check(ctx, c.After, obj, system)
		if err != nil {
			return err
		}
		if len(verdict.Violations) == 0 {
			continue
		}
		after = append(after, j.unexplained(obj, verdict.Violations)...)
		was, err := s.get(ctx, c.Before)
		if err != nil {
			return err
		}
		if was == nil {
			continue
		}
		if verdict, err = Check(ctx, c.Before, was, system); err != nil {
			return err
		}
		before = append(before, findings(s, verdict.Violations)...)
	}
	for _, f := range Introduced(before, after) {
		if f.Problem.Reason == api.ReasonPermissionDenied || f.Problem.Reason == api.ReasonPermissionRevoked {
			j.Warnings = append(j.Warnings, f)
		} else {
			j.Violations = append(j.Violations, f)
		}
	}
	return nil
}

// unexplained leaves out violations of a runtime that only repeat those of a saved environment.
func (j *Judgement) unexplained(obj client.Object, problems []*problem.Problem) []Finding {
	repeated := func(f Finding) bool {
		return slices.ContainsFunc(j.Violations, func(v Finding) bool {
			_, refers := refersTo(obj, v.Subject)
			return refers && v.Kind == "Environment" && v.Problem.Reason == f.Problem.Reason
		})
	}
	return slices.DeleteFunc(findings(SubjectOf(obj), problems), repeated)
}

func (j *Judgement) leaveUnchecked(reasons []string) {
	v := Verdict{Unchecked: j.Unchecked}
	v.leaveUnchecked(reasons...)
	j.Unchecked = v.Unchecked
}

func findings(s Subject, problems []*problem.Problem) []Finding {
	out := make([]Finding, 0, len(problems))
	for _, p := range problems {
		out = append(out, Finding{Subject: s, Problem: p})
	}
	return out
}

// Introduced returns the findings of after that are not in before, in their order. Two findings are the same when
// object, reason and field are equal. The message does not matter, because it may name other objects that changed.
func Introduced(before, after []Finding) []Finding {
	type key struct {
		Subject
		reason, field string
	}
	keyOf := func(f Finding) key { return key{f.Subject, f.Problem.Reason, f.Problem.Field} }
	known := map[key]bool{}
	for _, f := range before {
		known[keyOf(f)] = true
	}
	return slices.DeleteFunc(slices.Clone(after), func(f Finding) bool { return known[keyOf(f)] })
}

// Affected returns the other objects of the product whose verdicts may change when objects change: those that refer to
// a changed object and those that compete with it. changed holds each object as it was and as it will be. l holds the
// objects after the change. The result is in the order of kinds and names.
func Affected(ctx context.Context, l Lookup, changed ...client.Object) ([]client.Object, error) {
	chosen := map[Subject]client.Object{}
	worlds := map[string]*neighbours{}
	for queue := slices.Clone(changed); len(queue) > 0; queue = queue[1:] {
		obj := queue[0]
		world := worlds[obj.GetNamespace()]
		if world == nil {
			all, err := Objects(ctx, l, obj.GetNamespace())
			if err != nil {
				return nil, err
			}
			world = neighboursOf(all)
			worlds[obj.GetNamespace()] = world
		}
		for _, n := range world.concernedBy(obj) {
			if s := SubjectOf(n); chosen[s] == nil && s != SubjectOf(obj) {
				chosen[s] = n
				if _, ok := n.(*api.Environment); ok {
					queue = append(queue, n) // its verdict decides on the runtimes that use it
				}
			}
		}
	}
	for _, obj := range changed {
		delete(chosen, SubjectOf(obj))
	}
	out := make([]client.Object, 0, len(chosen))
	for _, obj := range chosen {
		out = append(out, obj)
	}
	slices.SortFunc(out, func(a, b client.Object) int { return SubjectOf(a).compare(SubjectOf(b)) })
	return out, nil
}

// neighbours holds the objects of one product by what their verdicts depend on. A change may have a thousand objects
// and any number of neighbours, so each neighbour is looked at once and not once for each changed object.
type neighbours struct {
	all []client.Object
	// referring holds the objects that refer to a subject, rivals the environments on a cluster, twins the runtimes
	// with the same deployment.
	referring map[Subject][]client.Object
	rivals    map[string][]client.Object
	twins     map[resolve.Deployment][]client.Object
	// anyRevision holds the runtimes with the same deployment at any revision.
	anyRevision map[resolve.Deployment][]client.Object
}

func neighboursOf(all []client.Object) *neighbours {
	w := &neighbours{
		all: all, referring: map[Subject][]client.Object{}, rivals: map[string][]client.Object{},
		twins: map[resolve.Deployment][]client.Object{}, anyRevision: map[resolve.Deployment][]client.Object{},
	}
	for _, obj := range all {
		for ref := range kinds.References(obj) {
			s := Subject{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}
			w.referring[s] = append(w.referring[s], obj)
		}
		switch o := obj.(type) {
		case *api.Environment:
			w.rivals[o.Spec.Cluster] = append(w.rivals[o.Spec.Cluster], o)
		case *api.DeploymentRuntime:
			d := resolve.DeploymentOf(o)
			w.twins[d] = append(w.twins[d], o)
			w.anyRevision[d.At("")] = append(w.anyRevision[d.At("")], o)
		}
	}
	return w
}

// concernedBy returns the objects whose verdicts may change when obj changes.
func (w *neighbours) concernedBy(obj client.Object) []client.Object {
	s := SubjectOf(obj)
	if s.Kind == "Product" {
		return w.all
	}
	concerned := w.referring[s]
	switch o := obj.(type) {
	case *api.Environment:
		concerned = slices.Concat(concerned, w.rivals[o.Spec.Cluster])
	case *api.CodeRepoBinding:
		if o.Spec.Product == o.Namespace { // it decides on the runtimes of its own product
			repo := Subject{Kind: "CodeRepo", Namespace: o.Namespace, Name: o.Spec.CodeRepo}
			for _, other := range w.referring[repo] {
				if _, deploys := other.(*api.DeploymentRuntime); deploys {
					concerned = append(slices.Clip(concerned), other)
				}
			}
		}
	case *api.DeploymentRuntime:
		d := resolve.DeploymentOf(o)
		if o.Spec.ManifestSource.TargetRevision == placement.Head { // it may be any branch
			return slices.Concat(concerned, w.anyRevision[d.At("")])
		}
		concerned = slices.Concat(concerned, w.twins[d], w.twins[d.At(placement.Head)])
	}
	return concerned
}
