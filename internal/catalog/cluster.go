// Package catalog implements rules.Lookup. Cluster reads the objects from the caches of the management cluster. Tree
// reads the objects of one product from one commit of its default.project, and all others from the management cluster.
package catalog

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// Cluster is a rules.Lookup over the management cluster. It finds tenant-scope kinds in the system namespace only, and
// an object of a product in the namespace of that product only. The caller must not change what it returns: the objects
// may be the cache's own.
//
// Records are read from Applications, see records.
type Cluster struct {
	reader          client.Reader
	systemNamespace string
	indexed         bool
	records         records
}

var _ rules.Lookup = (*Cluster)(nil)

// New returns a catalog that reads from a cache, or from the API server.
func New(reader client.Reader, systemNamespace, argoNamespace string) *Cluster {
	return &Cluster{
		reader: reader, systemNamespace: systemNamespace,
		records: records{reader: reader, namespace: argoNamespace, kind: applicationKindOf(reader)},
	}
}

// fieldDeployment is the index of DeploymentRuntimes by what they deploy.
const fieldDeployment = "deployment"

// Index adds field indexes to the cache that the catalog reads from, so that no answer takes longer because of the
// objects that it is not about. The cache must not have started yet.
func (c *Cluster) Index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &api.DeploymentRuntime{}, fieldDeployment, func(o client.Object) []string {
		if r, ok := o.(*api.DeploymentRuntime); ok {
			return []string{resolve.DeploymentOf(r).Key()}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("indexing the DeploymentRuntimes: %w", err)
	}
	c.indexed = true
	return c.records.index(ctx, indexer)
}

// Get implements rules.Lookup.
func (c *Cluster) Get(ctx context.Context, kind, product, name string) (client.Object, error) {
	k, namespace, err := c.place(kind, product)
	if err != nil || name == "" {
		return nil, err
	}
	obj := k.New()
	err = c.reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, obj)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("getting %s %s/%s: %w", kind, namespace, name, err)
	}
	return obj, nil
}

// List implements rules.Lookup.
func (c *Cluster) List(ctx context.Context, kind, product string) ([]client.Object, error) {
	return c.listed(ctx, kind, product)
}

// listed returns the objects of a kind, or those of them that are selected.
func (c *Cluster) listed(
	ctx context.Context, kind, product string, selected ...client.ListOption,
) ([]client.Object, error) {
	k, namespace, err := c.place(kind, product)
	if err != nil {
		return nil, err
	}
	list := k.NewList()
	opts := append([]client.ListOption{client.InNamespace(namespace), client.UnsafeDisableDeepCopy}, selected...)
	if err := c.reader.List(ctx, list, opts...); err != nil {
		return nil, fmt.Errorf("listing %T: %w", list, err)
	}
	objects := make([]client.Object, 0, meta.LenList(list))
	err = meta.EachListItem(list, func(item runtime.Object) error {
		obj, ok := item.(client.Object)
		if !ok {
			return fmt.Errorf("listing %s: %T is no object", kind, item)
		}
		objects = append(objects, obj)
		return nil
	})
	return objects, err
}

// place returns the row of a kind, and the namespace in which objects of that kind are looked for.
func (c *Cluster) place(kind, product string) (k kinds.Kind, namespace string, err error) {
	k, known := kinds.ByName(kind)
	switch {
	case !known:
		return k, "", fmt.Errorf("looking up objects: %q is no kind", kind)
	case k.Scope == kinds.Tenant:
		return k, c.systemNamespace, nil
	}
	return k, product, nil
}

// Deploying implements rules.Lookup.
func (c *Cluster) Deploying(
	ctx context.Context, product string, d resolve.Deployment,
) ([]*api.DeploymentRuntime, error) {
	var selected []client.ListOption
	if c.indexed {
		selected = append(selected, client.MatchingFields{fieldDeployment: d.Key()})
	}
	objects, err := c.listed(ctx, "DeploymentRuntime", product, selected...)
	var runtimes []*api.DeploymentRuntime
	for _, o := range objects {
		if r, ok := o.(*api.DeploymentRuntime); ok && resolve.DeploymentOf(r) == d {
			runtimes = append(runtimes, r)
		}
	}
	return runtimes, err
}

// RecordsOf implements rules.Lookup.
func (c *Cluster) RecordsOf(ctx context.Context, product string) (found []rules.Record, err error) {
	err = c.records.ask(ctx, func(l *ledger) { found = l.recordsOf(product) })
	return found, err
}

// Recorded implements rules.Lookup.
func (c *Cluster) Recorded(ctx context.Context, product, name string) (found []rules.Record, err error) {
	err = c.records.ask(ctx, func(l *ledger) { found = l.recorded(product, name) })
	return found, err
}

// Holders implements rules.Lookup.
func (c *Cluster) Holders(ctx context.Context, cluster, namespace string) (found []rules.Holder, err error) {
	err = c.records.ask(ctx, func(l *ledger) { found = l.holdersOf(cluster, namespace) })
	return found, err
}

// Total implements rules.Lookup.
func (c *Cluster) Total(ctx context.Context, product string) (found rules.Total, err error) {
	err = c.records.ask(ctx, func(l *ledger) { found = l.total(product) })
	return found, err
}
