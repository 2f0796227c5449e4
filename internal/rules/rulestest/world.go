// Package rulestest gives tests a small world to ask: a rules.Lookup over objects in memory.
//
// It is not safe for concurrent changes.
package rulestest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// World is a rules.Lookup over the objects and records that it was given.
type World struct {
	objects map[key]client.Object
	records []rules.Record
	err     error
}

type key struct{ kind, namespace, name string }

var _ rules.Lookup = &World{}

// New returns a world of these objects. Tenant-scope kinds are found by name, whatever their namespace.
func New(objects ...client.Object) *World {
	w := &World{objects: map[key]client.Object{}}
	return w.Add(objects...)
}

// Add puts objects into the world, in place of those of the same kind and name.
func (w *World) Add(objects ...client.Object) *World {
	for _, o := range objects {
		w.objects[keyOf(o)] = o
	}
	return w
}

// Remove takes objects out of the world.
func (w *World) Remove(objects ...client.Object) *World {
	for _, o := range objects {
		delete(w.objects, keyOf(o))
	}
	return w
}

// Record adds records, as Applications would hold them.
func (w *World) Record(records ...rules.Record) *World {
	w.records = append(w.records, records...)
	return w
}

// Broken makes every look-up fail with err from now on; nil mends it.
func (w *World) Broken(err error) *World {
	w.err = err
	return w
}

func keyOf(o client.Object) key {
	switch o.(type) {
	case *api.Product, *api.ProductProvider, *api.Cluster, *api.CodeRepoProvider:
		return key{kind: kindOf(o), name: o.GetName()}
	}
	return key{kind: kindOf(o), namespace: o.GetNamespace(), name: o.GetName()}
}

func kindOf(o client.Object) string { return fmt.Sprintf("%T", o) }

// Product implements rules.Lookup.
func (w *World) Product(_ context.Context, name string) (*api.Product, error) {
	return find(w, &api.Product{}, "", name)
}

// Cluster implements rules.Lookup.
func (w *World) Cluster(_ context.Context, name string) (*api.Cluster, error) {
	return find(w, &api.Cluster{}, "", name)
}

// CodeRepoProvider implements rules.Lookup.
func (w *World) CodeRepoProvider(_ context.Context, name string) (*api.CodeRepoProvider, error) {
	return find(w, &api.CodeRepoProvider{}, "", name)
}

// Environment implements rules.Lookup.
func (w *World) Environment(_ context.Context, product, name string) (*api.Environment, error) {
	return find(w, &api.Environment{}, product, name)
}

// Project implements rules.Lookup.
func (w *World) Project(_ context.Context, product, name string) (*api.Project, error) {
	return find(w, &api.Project{}, product, name)
}

// CodeRepo implements rules.Lookup.
func (w *World) CodeRepo(_ context.Context, product, name string) (*api.CodeRepo, error) {
	return find(w, &api.CodeRepo{}, product, name)
}

// Runtime implements rules.Lookup.
func (w *World) Runtime(_ context.Context, product, name string) (*api.DeploymentRuntime, error) {
	return find(w, &api.DeploymentRuntime{}, product, name)
}

// Clusters implements rules.Lookup.
func (w *World) Clusters(context.Context) ([]api.Cluster, error) {
	return all(w, func(*api.Cluster) bool { return true })
}

// Environments implements rules.Lookup.
func (w *World) Environments(_ context.Context, product string) ([]api.Environment, error) {
	return all(w, func(e *api.Environment) bool { return e.Namespace == product })
}

// Projects implements rules.Lookup.
func (w *World) Projects(_ context.Context, product string) ([]api.Project, error) {
	return all(w, func(p *api.Project) bool { return p.Namespace == product })
}

// CodeRepos implements rules.Lookup.
func (w *World) CodeRepos(_ context.Context, product string) ([]api.CodeRepo, error) {
	return all(w, func(r *api.CodeRepo) bool { return r.Namespace == product })
}

// Runtimes implements rules.Lookup.
func (w *World) Runtimes(_ context.Context, product string) ([]api.DeploymentRuntime, error) {
	return all(w, func(r *api.DeploymentRuntime) bool { return r.Namespace == product })
}

// Bindings implements rules.Lookup.
func (w *World) Bindings(_ context.Context, product string) ([]api.CodeRepoBinding, error) {
	return all(w, func(b *api.CodeRepoBinding) bool { return b.Namespace == product })
}

// BindingsFor implements rules.Lookup.
func (w *World) BindingsFor(_ context.Context, product, codeRepo string) ([]api.CodeRepoBinding, error) {
	return all(w, func(b *api.CodeRepoBinding) bool {
		return b.Namespace != product && b.Spec.Product == product && b.Spec.CodeRepo == codeRepo
	})
}

// BindingsTo is BindingsFor of all code repos.
func (w *World) BindingsTo(_ context.Context, product string) ([]api.CodeRepoBinding, error) {
	return all(w, func(b *api.CodeRepoBinding) bool { return b.Namespace != product && b.Spec.Product == product })
}

// Records implements rules.Lookup.
func (w *World) Records(_ context.Context, cluster string) ([]rules.Record, error) {
	return w.recordsWhere(func(r rules.Record) bool { return r.Destination.Cluster == cluster })
}

// RecordsOf implements rules.Lookup.
func (w *World) RecordsOf(_ context.Context, product string) ([]rules.Record, error) {
	return w.recordsWhere(func(r rules.Record) bool { return r.Product == product })
}

func (w *World) recordsWhere(wanted func(rules.Record) bool) ([]rules.Record, error) {
	if w.err != nil {
		return nil, w.err
	}
	var out []rules.Record
	for _, r := range w.records {
		if wanted(r) {
			out = append(out, r)
		}
	}
	return out, nil
}

// find returns a copy of the object, or nil when it is not there.
func find[T client.Object](w *World, kind T, namespace, name string) (T, error) {
	var none T
	if w.err != nil {
		return none, w.err
	}
	o, found := w.objects[key{kind: kindOf(kind), namespace: namespace, name: name}]
	if !found {
		return none, nil
	}
	return o.DeepCopyObject().(T), nil
}

// all returns the wanted objects, in the order of their namespaces and names. As with a cache, what they point to must not be changed.
func all[O any, T interface {
	*O
	client.Object
}](w *World, wanted func(T) bool) ([]O, error) {
	if w.err != nil {
		return nil, w.err
	}
	var found []T
	for _, o := range w.objects {
		if t, ok := o.(T); ok && wanted(t) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b T) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	out := make([]O, 0, len(found))
	for _, t := range found {
		out = append(out, *t)
	}
	return out, nil
}
