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

// Subject identifies a Product or an object of a product.
type Subject struct {
	// Kind is the name of the kind, such as Environment.
	Kind string
	// Namespace is the product of the object; empty for a Product.
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

// compare orders subjects by the order of the kinds in the table, then by name.
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

// get returns the object from the Lookup, or nil.
func (s Subject) get(ctx context.Context, l Lookup) (client.Object, error) {
	if k, _ := kinds.ByName(s.Kind); k.Scope != kinds.Product && s.Kind != "Product" {
		return nil, fmt.Errorf("looking up %s %s: the kind is none of a product", s.Kind, s.Name)
	}
	obj, err := l.Get(ctx, s.Kind, s.Namespace, s.Name)
	if err != nil {
		return nil, fmt.Errorf("looking up %s %s: %w", s.Kind, s.Name, err)
	}
	return obj, nil
}

// liesInAProduct says whether the object is of a kind that lies in a product.
func liesInAProduct(obj client.Object) bool {
	k, _ := kinds.ByName(kinds.NameOf(obj))
	return k.Scope == kinds.Product
}

// Objects returns all objects of a product, in the order of the kinds.
func Objects(ctx context.Context, l Lookup, product string) ([]client.Object, error) {
	var all []client.Object
	for _, k := range kinds.OfScope(kinds.Product) {
		objects, err := l.List(ctx, k.Name, product)
		if err != nil {
			return nil, fmt.Errorf("looking up what lies in %s: %w", product, err)
		}
		all = append(all, objects...)
	}
	return all, nil
}
