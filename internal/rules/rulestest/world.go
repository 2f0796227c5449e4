// Package rulestest gives tests a rules.Lookup over objects in memory. It is not safe for concurrent changes.
package rulestest

import (
	"cmp"
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
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
	k, _ := kinds.ByName(kinds.NameOf(o))
	if k.Scope == kinds.Tenant {
		return key{kind: k.Name, name: o.GetName()}
	}
	return key{kind: k.Name, namespace: o.GetNamespace(), name: o.GetName()}
}

// Get implements rules.Lookup. It returns a copy.
func (w *World) Get(_ context.Context, kind, product, name string) (client.Object, error) {
	if w.err != nil {
		return nil, w.err
	}
	if o, found := w.objects[key{kind: kind, namespace: product, name: name}]; found {
		return o.DeepCopyObject().(client.Object), nil
	}
	return nil, nil
}

// List implements rules.Lookup. The objects are in the order of their names. As with a cache, they must not be changed.
func (w *World) List(_ context.Context, kind, product string) ([]client.Object, error) {
	if w.err != nil {
		return nil, w.err
	}
	var list []client.Object
	for k, o := range w.objects {
		if k.kind == kind && k.namespace == product {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b client.Object) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return list, nil
}

// Deploying implements rules.Lookup.
func (w *World) Deploying(ctx context.Context, product string, d resolve.Deployment) ([]*api.DeploymentRuntime, error) {
	runtimes, err := resolve.List[api.DeploymentRuntime](ctx, w, product)
	return slices.DeleteFunc(runtimes, func(r *api.DeploymentRuntime) bool { return resolve.DeploymentOf(r) != d }), err
}

// Recorded implements rules.Lookup.
func (w *World) Recorded(_ context.Context, product, runtime string) ([]rules.Record, error) {
	return w.recordsWhere(func(r rules.Record) bool { return r.Product == product && r.Runtime.Name == runtime })
}

// Holders implements rules.Lookup.
func (w *World) Holders(_ context.Context, cluster, namespace string) ([]rules.Holder, error) {
	records, err := w.recordsWhere(func(r rules.Record) bool {
		return r.Destination.Cluster == cluster && r.Holds(namespace)
	})
	slices.SortFunc(records, func(a, b rules.Record) int {
		return cmp.Or(cmp.Compare(a.Product, b.Product), a.Since.Compare(b.Since))
	})
	var holders []rules.Holder
	for _, r := range records {
		if n := len(holders); n == 0 || holders[n-1].Product != r.Product {
			holders = append(holders, rules.Holder{Product: r.Product, Since: r.Since})
		}
	}
	return holders, err
}

// Total implements rules.Lookup.
func (w *World) Total(ctx context.Context, product string) (rules.Total, error) {
	records, err := w.RecordsOf(ctx, product)
	t := rules.Total{Runtimes: map[placement.Destination]int{}, Namespaces: map[string]int{}}
	seen := map[[2]string]bool{}
	for _, r := range records {
		t.Runtimes[r.Destination]++
		for _, ns := range slices.Concat(r.Namespaces, r.Leaving) {
			place := [2]string{r.Destination.Cluster, ns}
			if !seen[place] {
				seen[place] = true
				t.Namespaces[r.Destination.Cluster]++
			}
		}
	}
	return t, err
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
