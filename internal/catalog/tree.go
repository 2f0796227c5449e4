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
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// Tree is a rules.Lookup for one product. The objects of the product come from the files of its default.project.
// Everything else, such as other products, clusters and records, comes from the management cluster. Without a
// management cluster these questions are answered with rules.ErrUnchecked.
//
// Every object of the tree gets the namespace of the product, whatever its file says. If the management cluster holds
// an object of the same kind and name, the object also gets its UID and creation time: its record is found by the UID,
// and the older of two rivals wins here as it does there. An object that is committed but not yet in the management
// cluster counts as younger than all that are, and an object that the change adds counts as the youngest.
//
// A Tree remembers what it looked up. It serves one request and must not be used by several goroutines.
type Tree struct {
	product *api.Product
	tree    *layout.Tree
	asked   int
	// committed is the tree before the change.
	committed *layout.Tree
	rest      *remembered
	// lives holds UID and creation time of the product's objects in the management cluster, by kind and name. The trees
	// before and after a change share it.
	lives map[string]map[string]life
	// lists holds the objects of the tree by kind, and deploying its runtimes by what they deploy. Both are filled when
	// they are first asked for.
	lists     map[string][]client.Object
	deploying map[resolve.Deployment][]*api.DeploymentRuntime
}

var _ rules.Lookup = (*Tree)(nil)

// NewTree returns the catalog of a tree as it is committed. rest is the catalog of the management cluster, or nil
// without one. product is the Product that the tree belongs to. It is used only when the management cluster does not
// hold that Product.
func NewTree(product *api.Product, tree *layout.Tree, rest rules.Lookup) *Tree {
	if rest == nil {
		rest = nobody{}
	}
	return &Tree{
		product: product, tree: tree, committed: tree, rest: remember(rest),
		lives: map[string]map[string]life{}, lists: map[string][]client.Object{},
	}
}

// With returns the catalog of the tree as it would be after a change.
func (t *Tree) With(tree *layout.Tree) *Tree {
	after := *t
	after.tree, after.lists, after.deploying = tree, map[string][]client.Object{}, nil
	return &after
}

// Get implements rules.Lookup. It finds the tree's own Product even if the management cluster does not hold it.
func (t *Tree) Get(ctx context.Context, kind, product, name string) (client.Object, error) {
	if product != t.product.Name {
		obj, err := t.rest.Get(ctx, kind, product, name)
		isOwn := kind == "Product" && name == t.product.Name
		if isOwn && obj == nil && (err == nil || errors.Is(err, rules.ErrUnchecked)) {
			return t.product, nil
		}
		return obj, err
	}
	lives, err := t.livesOf(ctx, kind)
	if err != nil {
		return nil, err
	}
	if entry := t.tree.First(kind, name); entry != nil {
		return t.enlivened(entry, lives), nil // only this object is copied, not all of its kind
	}
	return nil, nil
}

// List implements rules.Lookup.
func (t *Tree) List(ctx context.Context, kind, product string) ([]client.Object, error) {
	if product != t.product.Name {
		return t.rest.List(ctx, kind, product)
	}
	return once(t.lists, kind, func() ([]client.Object, error) {
		lives, err := t.livesOf(ctx, kind)
		if err != nil {
			return nil, err
		}
		entries := t.tree.Of(kind)
		list := make([]client.Object, 0, len(entries))
		for i, entry := range entries {
			if i > 0 && entries[i-1].Name == entry.Name {
				continue // of several files with one name the first counts; a finding of the tree reports the others
			}
			list = append(list, t.enlivened(entry, lives))
		}
		return list, nil
	})
}

// Deploying implements rules.Lookup. A batch asks this for each of its runtimes, so the runtimes are indexed once.
func (t *Tree) Deploying(ctx context.Context, product string, d resolve.Deployment) ([]*api.DeploymentRuntime, error) {
	if product != t.product.Name {
		return t.rest.Deploying(ctx, product, d)
	}
	if t.deploying == nil {
		runtimes, err := resolve.List[api.DeploymentRuntime](ctx, t, product)
		if err != nil {
			return nil, err
		}
		t.deploying = make(map[resolve.Deployment][]*api.DeploymentRuntime, len(runtimes))
		for _, r := range runtimes {
			of := resolve.DeploymentOf(r)
			t.deploying[of] = append(t.deploying[of], r)
		}
	}
	return t.deploying[d], nil
}

// Recorded implements rules.Lookup.
func (t *Tree) Recorded(ctx context.Context, product, name string) ([]rules.Record, error) {
	return t.rest.Recorded(ctx, product, name)
}

// Holders implements rules.Lookup.
func (t *Tree) Holders(ctx context.Context, cluster, namespace string) ([]rules.Holder, error) {
	return t.rest.Holders(ctx, cluster, namespace)
}

// Total implements rules.Lookup.
func (t *Tree) Total(ctx context.Context, product string) (rules.Total, error) {
	return t.rest.Total(ctx, product)
}

// RecordsOf implements rules.Lookup.
func (t *Tree) RecordsOf(ctx context.Context, product string) ([]rules.Record, error) {
	return t.rest.RecordsOf(ctx, product)
}

// livesOf returns UID and creation time of the product's objects of a kind in the management cluster, by name. It
// leaves out objects that are being deleted. Without a management cluster the map is empty.
func (t *Tree) livesOf(ctx context.Context, kind string) (map[string]life, error) {
	t.asked++
	if t.asked%64 == 0 { // rules may ask very often: let other requests run in between
		runtime.Gosched()
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("looking up objects: %w", err)
	}
	return once(t.lives, kind, func() (map[string]life, error) {
		alive, err := t.rest.Lookup.List(ctx, kind, t.product.Name)
		if err != nil && !errors.Is(err, rules.ErrUnchecked) {
			return nil, fmt.Errorf("looking up identity and age of what lies in %s: %w", t.product.Name, err)
		}
		lives := make(map[string]life, len(alive))
		for _, o := range alive {
			if o.GetDeletionTimestamp().IsZero() {
				lives[o.GetName()] = lifeOf(o)
			}
		}
		return lives, nil
	})
}

// enlivened returns the object of an entry with the UID and creation time that the management cluster knows. The object
// is a copy that belongs to the caller.
func (t *Tree) enlivened(entry *layout.Entry, lives map[string]life) client.Object {
	obj := entry.Object
	obj.SetNamespace(t.product.Name)
	if life, exists := lives[entry.Name]; exists {
		obj.SetUID(life.uid)
		obj.SetCreationTimestamp(life.since)
		if repo, is := obj.(*api.CodeRepo); is {
			repo.Status.DefaultBranch = life.branch
		}
	} else if t.committed.Has(entry.Kind, entry.Name) {
		obj.SetCreationTimestamp(onItsWay())
	}
	return obj
}

// life is what an object gets from the management cluster: UID and creation time, and a code repo its default branch.
type life struct {
	uid    types.UID
	since  metav1.Time
	branch string
}

func lifeOf(o client.Object) life {
	l := life{uid: o.GetUID(), since: o.GetCreationTimestamp()}
	if repo, is := o.(*api.CodeRepo); is {
		l.branch = repo.Status.DefaultBranch
	}
	return l
}

// onItsWay is the creation time of an object that is committed and not yet in the management cluster: later than any
// that is there.
func onItsWay() metav1.Time {
	return metav1.NewTime(time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC))
}
