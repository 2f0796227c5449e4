package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Verdict is the result of all rules for one object.
type Verdict struct {
	// Violations are all problems of the object, the most basic first. Each has a class, a reason of
	// api/v1alpha1/conditions.go, a message and a field.
	Violations []*problem.Problem
	// Unchecked names the rules that could not be checked, by their reasons, because a fact was not available: see
	// ErrUnchecked.
	Unchecked []string
}

// Check returns all rules that the object violates. For a runtime, a reference that does not resolve is a violation
// too. An error means that looking up a fact failed; there is no verdict then. A fact that nobody can be asked for
// (ErrUnchecked) is no error: the other rules are checked, and the verdict names those that were not.
func Check(ctx context.Context, l Lookup, obj client.Object, system SystemNamespaces) (Verdict, error) {
	switch o := obj.(type) {
	case *api.DeploymentRuntime:
		return checkRuntime(ctx, l, o, system)
	case *api.Environment:
		return all(gatherEnvironment(ctx, l, o, answer(l.Total(ctx, o.Namespace))).rules())
	case *api.CodeRepo:
		return all(gatherCodeRepo(ctx, l, o).rules())
	case *api.CodeRepoBinding:
		return all(gatherBinding(ctx, l, o).rules())
	case *api.CodeRepoProvider:
		return all(codeRepoProviderRules(o))
	case *api.ProductProvider:
		return all(gatherProductProvider(ctx, l, o).rules())
	case *api.Product, *api.Cluster:
		return Verdict{}, nil // their schema holds all their rules
	}
	if liesInAProduct(obj) {
		return all(gatherObject(ctx, l, obj).rules())
	}
	return Verdict{}, fmt.Errorf("checking a %T: there are no rules for it", obj)
}

// rule is one rule of a chain.
type rule struct {
	// reasons are the reasons of its violations. They name the rule when it could not be checked.
	reasons []string
	// violations judges the gathered facts and looks nothing up. If a fact is missing it returns the violations that
	// the other facts show.
	violations func() []*problem.Problem
	// unknown says why a fact that the rule needs is missing; nil when there are all facts.
	unknown error
}

// first returns the first violation. If a fact is missing before there is one, it returns why.
func first(chain []rule) error {
	for _, r := range chain {
		if failed(r.unknown) {
			return r.unknown
		}
		if violations := r.violations(); len(violations) > 0 {
			return violations[0]
		}
		if r.unknown != nil {
			return r.unknown
		}
	}
	return nil
}

// all returns the violations of all rules in the order of the rules.
func all(chain []rule) (Verdict, error) {
	var v Verdict
	for _, r := range chain {
		if failed(r.unknown) {
			return Verdict{}, r.unknown
		}
		v.Violations = append(v.Violations, r.violations()...)
		if r.unknown != nil {
			v.leaveUnchecked(r.reasons...)
		}
	}
	return v, nil
}

// failed says whether looking up a fact failed. There is no verdict then. ErrUnchecked is no failure.
func failed(err error) bool { return err != nil && !errors.Is(err, ErrUnchecked) }

func (v *Verdict) leaveUnchecked(reasons ...string) {
	for _, reason := range reasons {
		if !slices.Contains(v.Unchecked, reason) {
			v.Unchecked = append(v.Unchecked, reason)
		}
	}
}

// only returns a list with the problem, or an empty list for a nil problem.
func only(p *problem.Problem) []*problem.Problem {
	if p == nil {
		return nil
	}
	return []*problem.Problem{p}
}

// The rules below are shared by the kinds of a product.

func (c *objectCase) belongsToItsNamespace() []*problem.Problem {
	product, namespace := kinds.ProductOf(c.object), c.object.GetNamespace()
	if product == namespace {
		return nil
	}
	return only(problem.New(problem.Invalid, api.ReasonProductMismatch,
		"spec.product is %q but the object lies in namespace %s: an object belongs to the product of its namespace; "+
			"correct spec.product",
		product, namespace).At("spec.product"))
}

func (c *objectCase) namespaceHasAProduct() []*problem.Problem {
	if !c.product.absent() {
		return nil
	}
	return only(problem.New(problem.Missing, api.ReasonProductNotFound,
		"namespace %s belongs to no Product: create the Product, or move the object to the namespace of one",
		c.object.GetNamespace()).At("metadata.namespace"))
}

func (c *objectCase) metadataSteersNothing() []*problem.Problem { return Metadata(c.object) }

// projectIsMissing reports that a project does not exist. field is the field that names it.
func projectIsMissing(product, name, field string) *problem.Problem {
	return problem.New(problem.Missing, api.ReasonProjectNotFound,
		"project %q does not exist in %s: create it, or correct %s", name, product, field)
}
