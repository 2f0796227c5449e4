package rules

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// fact is the answer of a Lookup to one question.
type fact[T any] struct {
	value T
	// err says why there is no answer. It is ErrUnchecked when nobody could be asked.
	err error
}

func answer[T any](value T, err error) fact[T] {
	return fact[T]{value, err}
}

// found is the answer to a question for one object. The zero value means that the question was not asked.
type found[O any] struct {
	fact[*O]
	asked bool
}

func find[O any, T resolve.Object[O]](ctx context.Context, l Lookup, product, name string) found[O] {
	return found[O]{answer(resolve.Get[O, T](ctx, l, product, name)), true}
}

// absent says that the object was looked up and does not exist.
func (f found[O]) absent() bool { return f.asked && f.err == nil && f.value == nil }

// objectCase holds the facts for the rules that all kinds of a product share.
type objectCase struct {
	object  client.Object
	product found[api.Product]
}

func gatherObject(ctx context.Context, l Lookup, obj client.Object) objectCase {
	return objectCase{object: obj, product: find[api.Product](ctx, l, "", obj.GetNamespace())}
}

type environmentCase struct {
	objectCase
	environment  *api.Environment
	cluster      found[api.Cluster]
	environments fact[[]*api.Environment]
	total        fact[Total]
	// records are those of the product, if they say anything against the environment or may do so, see disputed.
	records fact[[]Record]
}

// gatherEnvironment gets the total of the product from its caller: for a runtime it is gathered already.
func gatherEnvironment(ctx context.Context, l Lookup, e *api.Environment, total fact[Total]) *environmentCase {
	c := &environmentCase{
		objectCase:   gatherObject(ctx, l, e),
		environment:  e,
		cluster:      find[api.Cluster](ctx, l, "", e.Spec.Cluster),
		environments: answer(resolve.List[api.Environment](ctx, l, e.Namespace)),
		total:        total,
		records:      fact[[]Record]{err: total.err},
	}
	if total.err == nil && c.disputed() {
		c.records = answer(l.RecordsOf(ctx, e.Namespace))
	}
	return c
}

type codeRepoCase struct {
	objectCase
	repo     *api.CodeRepo
	provider found[api.CodeRepoProvider]
	// project is the project that the code repo names.
	project found[api.Project]
	// otherHost is the problem that the provider is another git host than the one of the product.
	otherHost fact[*problem.Problem]
}

func gatherCodeRepo(ctx context.Context, l Lookup, r *api.CodeRepo) *codeRepoCase {
	c := &codeRepoCase{
		objectCase: gatherObject(ctx, l, r),
		repo:       r,
		provider:   find[api.CodeRepoProvider](ctx, l, "", r.Spec.CodeRepoProvider),
	}
	if r.Spec.Project != "" {
		c.project = find[api.Project](ctx, l, r.Namespace, r.Spec.Project)
	}
	if c.product.value != nil && c.provider.value != nil {
		c.otherHost = answer(resolve.OtherHost(ctx, l, c.product.value, c.provider.value))
	}
	return c
}

type bindingCase struct {
	objectCase
	binding  *api.CodeRepoBinding
	codeRepo found[api.CodeRepo]
	// projects are the projects that the binding names. Those of another product are not looked up.
	projects []found[api.Project]
}

func gatherBinding(ctx context.Context, l Lookup, b *api.CodeRepoBinding) *bindingCase {
	c := &bindingCase{
		objectCase: gatherObject(ctx, l, b),
		binding:    b,
		codeRepo:   find[api.CodeRepo](ctx, l, b.Namespace, b.Spec.CodeRepo),
	}
	if b.Spec.Product == b.Namespace {
		c.projects = gatherProjects(ctx, l, b.Namespace, b.Spec.Projects)
	}
	return c
}

func gatherProjects(ctx context.Context, l Lookup, product string, names []string) []found[api.Project] {
	projects := make([]found[api.Project], 0, len(names))
	for _, name := range names {
		projects = append(projects, find[api.Project](ctx, l, product, name))
	}
	return projects
}

// unanswered returns the first error of several lookups.
func unanswered[O any](objects []found[O]) error {
	for _, o := range objects {
		if o.err != nil {
			return o.err
		}
	}
	return nil
}

type productProviderCase struct {
	provider *api.ProductProvider
	codeRepo found[api.CodeRepoProvider]
}

func gatherProductProvider(ctx context.Context, l Lookup, p *api.ProductProvider) *productProviderCase {
	return &productProviderCase{provider: p, codeRepo: find[api.CodeRepoProvider](ctx, l, "", p.Spec.Name)}
}
