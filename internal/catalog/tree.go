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

// Tree is a rules.Lookup over what default.project of one product holds. The objects of that product come from the
// tree; all else, as other products, clusters and records, from the management cluster, or rules.ErrUnchecked where
// there is none.
//
// An object gets the namespace of the product, whatever its file says, and identity and age of the management cluster's
// object of that name: so its record is found, and of two rivals that one wins which will win there. What is not there
// yet is younger than all that is, and what this change adds is the youngest.
//
// A Tree remembers what it looked up: it is for one request, and not for several goroutines.
type Tree struct {
	product *api.Product
	tree    *layout.Tree
	asked   int
	// committed is the tree before the change.
	committed *layout.Tree
	rest      *remembered
	// lives are the objects of the product in the management cluster, by kind and name. The trees before and after a
	// change share them.
	lives map[string]map[string]life
	// lists are the objects of the tree by kind, and deploying are its runtimes by what they deploy. Both are made when
	// they are first asked for.
	lists     map[string][]client.Object
	deploying map[resolve.Deployment][]*api.DeploymentRuntime
}

var _ rules.Lookup = (*Tree)(nil)

// NewTree returns the catalog of a tree as it is committed. rest is the catalog of the management cluster, or nil.
// product is the tree's own; where the management cluster has it, that one counts.
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

// Get implements rules.Lookup. The tree's own product is there also where the management cluster does not have it.
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
		return t.enlivened(entry, lives), nil // the others of its kind are not copied for it
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
				continue // of several files with one name the first counts; that there are several is said elsewhere
			}
			list = append(list, t.enlivened(entry, lives))
		}
		return list, nil
	})
}

// Deploying implements rules.Lookup. A batch asks it for each of its runtimes: the others are looked at once.
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

// Records implements rules.Lookup.
func (t *Tree) Records(ctx context.Context, cluster string) ([]rules.Record, error) {
	return t.rest.Records(ctx, cluster)
}

// RecordsOf implements rules.Lookup.
func (t *Tree) RecordsOf(ctx context.Context, product string) ([]rules.Record, error) {
	return t.rest.RecordsOf(ctx, product)
}

// livesOf returns what the management cluster knows of the product's objects of a kind, by name. Without a management
// cluster that is nothing; an object that is being deleted is left out.
func (t *Tree) livesOf(ctx context.Context, kind string) (map[string]life, error) {
	t.asked++
	if t.asked%64 == 0 { // rules may ask very often: other requests get their turn in between
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
				lives[o.GetName()] = life{o.GetUID(), o.GetCreationTimestamp()}
			}
		}
		return lives, nil
	})
}

// enlivened returns the object of an entry, which is a copy, with what the management cluster knows of it.
func (t *Tree) enlivened(entry *layout.Entry, lives map[string]life) client.Object {
	obj := entry.Object
	obj.SetNamespace(t.product.Name)
	if life, exists := lives[entry.Name]; exists {
		obj.SetUID(life.uid)
		obj.SetCreationTimestamp(life.since)
	} else if t.committed.Has(entry.Kind, entry.Name) {
		obj.SetCreationTimestamp(onItsWay())
	}
	return obj
}

// life is what the management cluster knows of an object.
type life struct {
	uid   types.UID
	since metav1.Time
}

// onItsWay is the age of what is committed and not in the management cluster yet: younger than all that is there.
func onItsWay() metav1.Time {
	return metav1.NewTime(time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC))
}
