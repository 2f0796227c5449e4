package catalog

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// Tree is a rules.Lookup over what default.project of one product holds. The objects of that product come from the tree; all else,
// as other products, clusters and records, from the management cluster, or rules.ErrUnchecked where there is none.
//
// An object gets the namespace of the product, whatever its file says, and identity and age of the management cluster's object of
// that name: so its record is found, and of two rivals that one wins which will win there. What is not there yet is younger than
// all that is, and what this change adds is the youngest.
//
// A Tree remembers what it looked up: it is for one request, and not for several goroutines.
type Tree struct {
	product *api.Product
	tree    *layout.Tree
	asked   int
	// committed is the tree before the change.
	committed *layout.Tree
	rest      *remembered

	environments lazy[api.Environment]
	projects     lazy[api.Project]
	codeRepos    lazy[api.CodeRepo]
	bindings     lazy[api.CodeRepoBinding]
	runtimes     lazy[api.DeploymentRuntime]
}

var _ rules.Lookup = (*Tree)(nil)

// NewTree returns the catalog of a tree as it is committed. rest is the catalog of the management cluster, or nil. product is the
// tree's own; where the management cluster has it, that one counts.
func NewTree(product *api.Product, tree *layout.Tree, rest rules.Lookup) *Tree {
	if rest == nil {
		rest = nobody{}
	}
	return &Tree{
		product: product, tree: tree, committed: tree,
		rest: &remembered{
			Lookup: rest, ofCluster: map[string][]rules.Record{}, ofProduct: map[string][]rules.Record{}, lives: map[string]map[string]life{},
		},
	}
}

// With returns the catalog of the tree as it would be after a change.
func (t *Tree) With(tree *layout.Tree) *Tree {
	return &Tree{product: t.product, tree: tree, committed: t.committed, rest: t.rest}
}

// Product returns a Product; the tree's own also where the management cluster does not have it.
func (t *Tree) Product(ctx context.Context, name string) (*api.Product, error) {
	product, err := t.rest.Product(ctx, name)
	if name == t.product.Name && product == nil && (err == nil || errors.Is(err, rules.ErrUnchecked)) {
		return t.product, nil
	}
	return product, err
}

// Cluster returns a Cluster of the management cluster.
func (t *Tree) Cluster(ctx context.Context, name string) (*api.Cluster, error) {
	return t.rest.Cluster(ctx, name)
}

// CodeRepoProvider returns a CodeRepoProvider of the management cluster.
func (t *Tree) CodeRepoProvider(ctx context.Context, name string) (*api.CodeRepoProvider, error) {
	return t.rest.CodeRepoProvider(ctx, name)
}

// Clusters returns all Clusters of the management cluster.
func (t *Tree) Clusters(ctx context.Context) ([]api.Cluster, error) { return t.rest.Clusters(ctx) }

// BindingsFor returns the bindings of other products that permit a product to use a code repo of that name.
func (t *Tree) BindingsFor(ctx context.Context, product, codeRepo string) ([]api.CodeRepoBinding, error) {
	return t.rest.BindingsFor(ctx, product, codeRepo)
}

// Records returns what is recorded on a cluster, of all products.
func (t *Tree) Records(ctx context.Context, cluster string) ([]rules.Record, error) {
	return t.rest.Records(ctx, cluster)
}

// RecordsOf returns what is recorded of a product, on all clusters.
func (t *Tree) RecordsOf(ctx context.Context, product string) ([]rules.Record, error) {
	return t.rest.RecordsOf(ctx, product)
}

// Environment returns an Environment of a product.
func (t *Tree) Environment(ctx context.Context, product, name string) (*api.Environment, error) {
	if product != t.product.Name {
		return t.rest.Environment(ctx, product, name)
	}
	return oneOf(ctx, t, name, t.rest.Environments)
}

// Project returns a Project of a product.
func (t *Tree) Project(ctx context.Context, product, name string) (*api.Project, error) {
	if product != t.product.Name {
		return t.rest.Project(ctx, product, name)
	}
	return oneOf(ctx, t, name, t.rest.Projects)
}

// CodeRepo returns a CodeRepo of a product.
func (t *Tree) CodeRepo(ctx context.Context, product, name string) (*api.CodeRepo, error) {
	if product != t.product.Name {
		return t.rest.CodeRepo(ctx, product, name)
	}
	return oneOf(ctx, t, name, t.rest.CodeRepos)
}

// Runtime returns a DeploymentRuntime of a product.
func (t *Tree) Runtime(ctx context.Context, product, name string) (*api.DeploymentRuntime, error) {
	if product != t.product.Name {
		return t.rest.Runtime(ctx, product, name)
	}
	return oneOf(ctx, t, name, t.rest.Runtimes)
}

// Environments returns the Environments of a product.
func (t *Tree) Environments(ctx context.Context, product string) ([]api.Environment, error) {
	return listOf(ctx, t, product, &t.environments, t.rest.Environments)
}

// Projects returns the Projects of a product.
func (t *Tree) Projects(ctx context.Context, product string) ([]api.Project, error) {
	return listOf(ctx, t, product, &t.projects, t.rest.Projects)
}

// CodeRepos returns the CodeRepos of a product.
func (t *Tree) CodeRepos(ctx context.Context, product string) ([]api.CodeRepo, error) {
	return listOf(ctx, t, product, &t.codeRepos, t.rest.CodeRepos)
}

// Bindings returns the CodeRepoBindings that lie in a product.
func (t *Tree) Bindings(ctx context.Context, product string) ([]api.CodeRepoBinding, error) {
	return listOf(ctx, t, product, &t.bindings, t.rest.Bindings)
}

// Runtimes returns the DeploymentRuntimes of a product.
func (t *Tree) Runtimes(ctx context.Context, product string) ([]api.DeploymentRuntime, error) {
	return listOf(ctx, t, product, &t.runtimes, t.rest.Runtimes)
}

// Objects returns all objects of the tree's own product, in the order of kinds and names, as they are to be judged: an object that is
// taken from the tree itself has neither namespace nor identity nor age, and would lose against every rival.
func (t *Tree) Objects(ctx context.Context) ([]client.Object, error) {
	product := t.product.Name
	var out []client.Object
	for _, list := range []func() ([]client.Object, error){
		func() ([]client.Object, error) { return pointers(t.Environments(ctx, product)) },
		func() ([]client.Object, error) { return pointers(t.Projects(ctx, product)) },
		func() ([]client.Object, error) { return pointers(t.CodeRepos(ctx, product)) },
		func() ([]client.Object, error) { return pointers(t.Bindings(ctx, product)) },
		func() ([]client.Object, error) { return pointers(t.Runtimes(ctx, product)) },
	} {
		objects, err := list()
		if err != nil {
			return nil, err
		}
		out = append(out, objects...)
	}
	return out, nil
}

func pointers[O any, T object[O]](items []O, err error) ([]client.Object, error) {
	out := make([]client.Object, 0, len(items))
	for i := range items {
		out = append(out, T(&items[i]))
	}
	return out, err
}

// lazy is a list that is made when it is first asked for.
type lazy[O any] struct {
	items []O
	made  bool
}

// object is a pointer to an O.
type object[O any] interface {
	*O
	client.Object
}

// listOf returns the objects of a kind: of the tree's own product from the tree, of another from the management cluster.
func listOf[O any, T object[O]](
	ctx context.Context, t *Tree, product string, list *lazy[O], living func(context.Context, string) ([]O, error),
) ([]O, error) {
	if product != t.product.Name {
		return living(ctx, product)
	}
	if list.made {
		return list.items, nil
	}
	one, err := enlivened[O, T](ctx, t, living)
	if err != nil {
		return nil, err
	}
	entries := t.tree.Of(kinds.NameOf(T(new(O))))
	list.items = make([]O, 0, len(entries))
	for i, entry := range entries {
		if i > 0 && entries[i-1].Name == entry.Name {
			continue // of several files with one name the first counts; that there are several is said elsewhere
		}
		if obj := one(entry); obj != nil {
			list.items = append(list.items, *obj)
		}
	}
	list.made = true
	return list.items, nil
}

// oneOf returns an object of the tree's own product, or nil. The others of its kind are not copied for it.
func oneOf[O any, T object[O]](ctx context.Context, t *Tree, name string, living func(context.Context, string) ([]O, error)) (T, error) {
	one, err := enlivened[O, T](ctx, t, living)
	if err != nil {
		return nil, err
	}
	if entry := t.tree.First(kinds.NameOf(T(new(O))), name); entry != nil {
		return one(entry), nil
	}
	return nil, nil
}

// enlivened returns how an entry of the tree's own product becomes an object with what the management cluster knows of it; nil when it is of
// another kind.
func enlivened[O any, T object[O]](ctx context.Context, t *Tree, living func(context.Context, string) ([]O, error)) (func(*layout.Entry) T, error) {
	t.asked++
	if t.asked%64 == 0 { // rules may ask very often: whoever else has something to do comes in between
		runtime.Gosched()
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("looking up objects: %w", err)
	}
	product, kind := t.product.Name, kinds.NameOf(T(new(O)))
	lives, err := remember(t.rest.lives, kind, func() (map[string]life, error) { return livesOf[O, T](living(ctx, product)) })
	if err != nil {
		return nil, fmt.Errorf("looking up identity and age of what lies in %s: %w", product, err)
	}
	return func(entry *layout.Entry) T {
		obj, ok := entry.Object.(T)
		if !ok {
			return nil
		}
		obj.SetNamespace(product)
		if life, exists := lives[entry.Name]; exists {
			obj.SetUID(life.uid)
			obj.SetCreationTimestamp(life.since)
		} else if t.committed.Has(kind, entry.Name) {
			obj.SetCreationTimestamp(onItsWay())
		}
		return obj
	}, nil
}

// life is what the management cluster knows of an object.
type life struct {
	uid   types.UID
	since metav1.Time
}

// livesOf returns identity and age of objects by name. Nobody to ask is nobody who lives, and what is being deleted does not count.
func livesOf[O any, T object[O]](alive []O, err error) (map[string]life, error) {
	if err != nil && !errors.Is(err, rules.ErrUnchecked) {
		return nil, err
	}
	lives := make(map[string]life, len(alive))
	for i := range alive {
		if o := T(&alive[i]); o.GetDeletionTimestamp().IsZero() {
			lives[o.GetName()] = life{o.GetUID(), o.GetCreationTimestamp()}
		}
	}
	return lives, nil
}

// onItsWay is the age of what is committed and not in the management cluster yet: younger than all that is there.
func onItsWay() metav1.Time {
	return metav1.NewTime(time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC))
}

// remembered asks once: records are decoded for each answer, and lists of objects copied.
type remembered struct {
	rules.Lookup
	ofCluster, ofProduct map[string][]rules.Record
	// lives are the objects of the tree's own product, by kind.
	lives map[string]map[string]life
}

// Records returns what is recorded on a cluster.
func (r *remembered) Records(ctx context.Context, cluster string) ([]rules.Record, error) {
	return remember(r.ofCluster, cluster, func() ([]rules.Record, error) { return r.Lookup.Records(ctx, cluster) })
}

// RecordsOf returns what is recorded of a product.
func (r *remembered) RecordsOf(ctx context.Context, product string) ([]rules.Record, error) {
	return remember(r.ofProduct, product, func() ([]rules.Record, error) { return r.Lookup.RecordsOf(ctx, product) })
}

func remember[V any](known map[string]V, key string, ask func() (V, error)) (V, error) {
	if value, ok := known[key]; ok {
		return value, nil
	}
	value, err := ask()
	if err == nil {
		known[key] = value
	}
	return value, err
}
