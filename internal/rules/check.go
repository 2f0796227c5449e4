package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Verdict is what the rules say about one object.
type Verdict struct {
	// Violations of the object, all of them, the most basic first. Each has a class, a reason of api/v1alpha1/conditions.go, a
	// message and a field.
	Violations []*problem.Problem
	// Unchecked names, by the reasons that they would give, the rules that could not be checked because nobody could be asked
	// for a fact: see ErrUnchecked.
	Unchecked []string
}

// Check returns all rules that the object violates. For a runtime, a reference that does not resolve is a violation too. An
// error means that a fact could not be looked up although there is somebody to ask: there is no verdict then. A fact that nobody
// can be asked for (ErrUnchecked) is no error: the other rules are checked, and the verdict says which were not.
func Check(ctx context.Context, l Lookup, obj client.Object, system SystemNamespaces) (Verdict, error) {
	switch o := obj.(type) {
	case *api.DeploymentRuntime:
		return checkRuntime(ctx, l, o, system)
	case *api.Environment:
		return all(ctx, l, o, environmentRules())
	case *api.Project:
		return all(ctx, l, o, projectRules())
	case *api.CodeRepo:
		return all(ctx, l, o, codeRepoRules())
	case *api.CodeRepoBinding:
		return all(ctx, l, o, bindingRules())
	case *api.CodeRepoProvider:
		return all(ctx, l, o, codeRepoProviderRules())
	case *api.ProductProvider:
		return all(ctx, l, o, productProviderRules())
	case *api.Product, *api.Cluster:
		return Verdict{}, nil // all that is asked of them stands in their schema
	}
	return Verdict{}, fmt.Errorf("checking a %T: there are no rules for it", obj)
}

// rule is one small sentence of a chain.
type rule[T any] struct {
	// reasons are what its violations say. They name the rule when it could not be checked.
	reasons []string
	holds   check[T]
}

// check returns the violations of one rule; nothing when it holds. An error means that a fact could not be looked up; beside
// ErrUnchecked it may return what it found out nevertheless.
type check[T any] func(ctx context.Context, l Lookup, obj T) ([]*problem.Problem, error)

// first returns what the first rule says that does not hold; later ones are not asked.
func first[T any](ctx context.Context, l Lookup, obj T, chain []rule[T]) error {
	for _, r := range chain {
		violations, err := r.holds(ctx, l, obj)
		if len(violations) > 0 {
			return violations[0]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// all returns what all rules say, in their order.
func all[T any](ctx context.Context, l Lookup, obj T, chain []rule[T]) (Verdict, error) {
	var v Verdict
	for _, r := range chain {
		violations, err := r.holds(ctx, l, obj)
		if err != nil && !errors.Is(err, ErrUnchecked) {
			return Verdict{}, err
		}
		v.Violations = append(v.Violations, violations...)
		if err != nil {
			v.leaveUnchecked(r.reasons...)
		}
	}
	return v, nil
}

func (v *Verdict) leaveUnchecked(reasons ...string) {
	for _, reason := range reasons {
		if !slices.Contains(v.Unchecked, reason) {
			v.Unchecked = append(v.Unchecked, reason)
		}
	}
}

// only returns the problem as a list, and an empty list for a nil problem.
func only(p *problem.Problem) []*problem.Problem {
	if p == nil {
		return nil
	}
	return []*problem.Problem{p}
}

// The rules below are shared by the kinds of a product.

// belongsToItsNamespace: product returns the object's spec.product.
func belongsToItsNamespace[T metav1.Object](product func(T) string) rule[T] {
	return rule[T]{
		reasons: []string{api.ReasonProductMismatch},
		holds: func(_ context.Context, _ Lookup, obj T) ([]*problem.Problem, error) {
			if product(obj) == obj.GetNamespace() {
				return nil, nil
			}
			return only(problem.New(problem.Invalid, api.ReasonProductMismatch,
				"spec.product is %q but the object lies in namespace %s: an object belongs to the product of its namespace; correct spec.product",
				product(obj), obj.GetNamespace()).At("spec.product")), nil
		},
	}
}

func namespaceHasAProduct[T metav1.Object]() rule[T] {
	return rule[T]{
		reasons: []string{api.ReasonProductNotFound},
		holds: func(ctx context.Context, l Lookup, obj T) ([]*problem.Problem, error) {
			_, missing, err := productOf(ctx, l, obj)
			return only(missing), err
		},
	}
}

// productOf returns the product that the namespace of the object belongs to, or that there is none.
func productOf(ctx context.Context, l Lookup, obj metav1.Object) (*api.Product, *problem.Problem, error) {
	product, err := l.Product(ctx, obj.GetNamespace())
	if err != nil {
		return nil, nil, fmt.Errorf("looking up product %s: %w", obj.GetNamespace(), err)
	}
	if product == nil {
		return nil, problem.New(problem.Missing, api.ReasonProductNotFound,
			"namespace %s belongs to no Product: create the Product, or move the object to the namespace of one", obj.GetNamespace()).At("metadata.namespace"), nil
	}
	return product, nil, nil
}

func metadataSteersNothing[T metav1.Object]() rule[T] {
	return rule[T]{
		reasons: []string{api.ReasonForbiddenMetadata},
		holds:   func(_ context.Context, _ Lookup, obj T) ([]*problem.Problem, error) { return Metadata(obj), nil },
	}
}

// projectExists returns that a project does not exist. field is where it is named.
func projectExists(ctx context.Context, l Lookup, product, name, field string) (*problem.Problem, error) {
	project, err := l.Project(ctx, product, name)
	if err != nil {
		return nil, fmt.Errorf("looking up project %s: %w", name, err)
	}
	if project == nil {
		return problem.New(problem.Missing, api.ReasonProjectNotFound, "project %q does not exist in %s: create it, or correct %s", name, product, field), nil
	}
	return nil, nil
}
