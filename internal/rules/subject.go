package rules

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

// Subject names an object of a product, or a Product.
type Subject struct {
	// Kind is the name of the kind, such as Environment.
	Kind string
	// Namespace is the product that the object lies in; empty for a Product.
	Namespace string
	Name      string
}

// SubjectOf returns the name of an object.
func SubjectOf(obj client.Object) Subject {
	if _, ok := obj.(*api.Product); ok {
		return Subject{Kind: "Product", Name: obj.GetName()}
	}
	return Subject{Kind: kinds.NameOf(obj), Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

// compare orders subjects by their kinds' place in the table, then by name.
func (s Subject) compare(other Subject) int {
	place := func(kind string) int {
		return slices.IndexFunc(kinds.All(), func(k kinds.Kind) bool { return k.Name == kind })
	}
	return cmp.Or(
		cmp.Compare(place(s.Kind), place(other.Kind)),
		cmp.Compare(s.Namespace, other.Namespace),
		cmp.Compare(s.Name, other.Name),
	)
}

// find returns the object as the Lookup has it, or nil.
func find(ctx context.Context, l Lookup, s Subject) (client.Object, error) {
	switch s.Kind {
	case "Product":
		return orNil(l.Product(ctx, s.Name))
	case "Environment":
		return orNil(l.Environment(ctx, s.Namespace, s.Name))
	case "Project":
		return orNil(l.Project(ctx, s.Namespace, s.Name))
	case "CodeRepo":
		return orNil(l.CodeRepo(ctx, s.Namespace, s.Name))
	case "CodeRepoBinding":
		bindings, err := l.Bindings(ctx, s.Namespace)
		return orNil(named(bindings, s.Name), err)
	case "DeploymentRuntime":
		return orNil(l.Runtime(ctx, s.Namespace, s.Name))
	}
	return nil, fmt.Errorf("looking up %s %s: the kind is none of a product", s.Kind, s.Name)
}

// orNil turns a nil pointer into a nil object.
func orNil[O any, T interface {
	*O
	client.Object
}](obj T, err error) (client.Object, error) {
	if err != nil || obj == nil {
		return nil, err
	}
	return obj, nil
}

func named[O any, T interface {
	*O
	client.Object
}](items []O, name string) T {
	for i := range items {
		if obj := T(&items[i]); obj.GetName() == name {
			return obj
		}
	}
	return nil
}

// objectsOf returns all that lies in a product, in the order of the kinds.
func objectsOf(ctx context.Context, l Lookup, product string) ([]client.Object, error) {
	var out []client.Object
	for _, list := range []func() ([]client.Object, error){
		func() ([]client.Object, error) { return pointers(l.Environments(ctx, product)) },
		func() ([]client.Object, error) { return pointers(l.Projects(ctx, product)) },
		func() ([]client.Object, error) { return pointers(l.CodeRepos(ctx, product)) },
		func() ([]client.Object, error) { return pointers(l.Bindings(ctx, product)) },
		func() ([]client.Object, error) { return pointers(l.Runtimes(ctx, product)) },
	} {
		objects, err := list()
		if err != nil {
			return nil, fmt.Errorf("looking up what lies in %s: %w", product, err)
		}
		out = append(out, objects...)
	}
	return out, nil
}

func pointers[O any, T interface {
	*O
	client.Object
}](items []O, err error) ([]client.Object, error) {
	out := make([]client.Object, 0, len(items))
	for i := range items {
		out = append(out, T(&items[i]))
	}
	return out, err
}
